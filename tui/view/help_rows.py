"""The lines of the help, grouped by the widget or page that has the focus. Pure."""

from typing import NamedTuple

from dasktop.tui.view.keys import KEYS


class HelpRow(NamedTuple):
    """A line of the help: key ids, and what they do."""

    ids: tuple[str, ...]
    description: str


HelpGroups = tuple[tuple[HelpRow, ...], ...]
"""Groups of rows; the help prints an empty line between groups."""


def _row(*ids: str, description: str = "") -> HelpRow:
    """Return a row; without `description`, with the descriptions from the key table."""
    return HelpRow(ids, description or "; ".join(KEYS[key_id].description for key_id in ids))


def meaning(key_id: str) -> str:
    """Return the description of a key id, from the key table or else from the help of a page."""
    if KEYS[key_id].description:
        return KEYS[key_id].description
    places = (TREE, DETAILS, READING, LOG_VIEW, LOG, SCRIPT, MENU, CHOICE, PLAN, FORM, COLUMNS, SAVING)
    rows = (row for groups in places for group in groups for row in group)
    return next((row.description for row in rows if key_id in row.ids), KEYS[key_id].short)


TREE: HelpGroups = (
    (
        _row("up", "down", description="move"),
        _row("page_up", "page_down", description="one page up or down"),
        _row("first", "last", description="first row, last row"),
        _row("right", description="unfold; if unfolded, go to the first child row"),
        _row("left", description="fold; if folded, go to the parent row"),
        _row("fold"),
        _row("parent"),
        _row("menu"),
    ),
)

SCREEN: HelpGroups = (
    (
        _row("next_finding", "previous_finding", description="go to the next or previous row with a finding"),
        _row("findings"),
        _row("failures"),
        _row("work"),
        _row("history"),
        _row("details"),
        _row("toggle_details"),
        _row("panels"),
        _row("enlarge"),
        _row("log"),
        _row("anatomy"),
        _row("job_script"),
        _row("call_stack"),
        _row("profile"),
    ),
    (
        _row("filter"),
        _row("sort"),
        _row("reverse"),
        _row("columns"),
        _row("flat"),
        _row("fold_all"),
        _row(
            "to_jobs",
            "to_tasks",
            "to_workers",
            "to_threads",
            description="show the tree down to jobs, tasks, workers or threads",
        ),
    ),
    (
        _row("add_job", "remove_job", description="add a job (no confirmation); remove a job (asks first)"),
        _row("scale"),
        _row("release", "mark", description="release the selected or marked jobs; mark a job"),
        _row("replace_lost"),
        _row("adapt"),
        _row("give_up"),
    ),
    (
        _row("pause"),
        _row("copy"),
        _row("save"),
        _row("refresh"),
        _row("faster", "slower", description="poll dask more often, less often"),
        _row("switch"),
        _row("palette"),
        _row("quit"),
    ),
)

REPLAY: HelpGroups = (
    (
        _row("replay_pause"),
        _row("replay_step", "replay_step_back", description="next snapshot, previous snapshot"),
        _row("replay_seek", "replay_seek_back", description="forward 10 seconds, back 10 seconds"),
        _row("replay_seek_far", "replay_seek_far_back", description="forward 10 minutes, back 10 minutes"),
        _row(
            *("replay_next_mark", "replay_previous_mark"),
            description="go to the next or previous finding (marked on the line)",
        ),
        _row("replay_go_to"),
        _row("replay_faster", "replay_slower", description="play faster, play slower"),
    ),
    *SCREEN,
)

_SCROLLS = (
    _row("up", "down", description="scroll"),
    _row("page_up", "page_down", description="one page up or down"),
    _row("read_on", description="one page down"),
)
_TO_THE_ENDS = _row("first", "last", description="go to the start, go to the end")

READING: HelpGroups = ((*_SCROLLS, _TO_THE_ENDS),)

DETAILS: HelpGroups = ((*_SCROLLS, _TO_THE_ENDS, _row("leave", "back", description="return to the tree")),)

_BACK = _row("back", "leave", description="go back")

PAGE: HelpGroups = ((_row("job_script"), _BACK),)

PROFILE: HelpGroups = ((_row("refresh", description="read the profile again"), _BACK),)

WORK: HelpGroups = (
    (
        _row("details", description="show details of the selected row, or return to the table"),
        _row("toggle_details"),
        _row("failures"),
        _row("findings"),
        _row("call_stack", description="show the call stack of its longest running task"),
    ),
    (
        _row("filter", description="filter: text, regex, !exclude, state:failed"),
        _row("sort"),
        _row("reverse"),
        _row("fold_all", description="fold or unfold all computations"),
        _row("to_jobs", "to_tasks", description="show computations only, or their task names, too"),
    ),
    (
        _row("pause"),
        _row("refresh"),
        _row("leave", description="clear the filter; go back"),
        _row("back"),
    ),
)

FAILURES: HelpGroups = (
    (
        _row("details", description="traceback and attempts of the selected row; or return"),
        _row("toggle_details"),
        _row("findings"),
    ),
    (
        _row("filter", description="filter: text, regex, !exclude"),
        _row("sort"),
        _row("reverse"),
        _row("fold_all", description="fold all groups, or unfold them"),
        _row("to_jobs", "to_tasks", description="show groups only, or their tasks, too"),
    ),
    (
        _row("pause"),
        _row("refresh"),
        _row("leave", description="clear the filter; go back"),
        _row("back"),
    ),
)

FINDINGS: HelpGroups = (
    (
        _row("go_to_row", description="go to its row in the tree, on W or on E (or double click)"),
        _row("act"),
        _row("log", description="show the log of the job that the finding is about"),
        _row("dismiss", "undismiss", description="dismiss until it changes; show the dismissed ones again"),
        _row("toggle_details", description="show or hide the details"),
        _row("failures"),
        _row("work"),
    ),
    (
        _row("filter", description="filter: text, regex, !exclude"),
        _row("sort"),
        _row("reverse"),
        _row("pause"),
        _row("refresh"),
        _row("leave", description="clear the filter; go back"),
        _row("back", "findings", description="go back"),
    ),
)

SCRIPT: HelpGroups = (
    (
        _row("search"),
        _row("search_typed", description="keep the search, and return to the text"),
        _row("next_hit", "previous_hit", description="go to the next or previous match"),
        _row("leave", description="close the search; go back"),
        _row("back"),
    ),
)

LOG_VIEW: HelpGroups = (
    (
        *_SCROLLS,
        _row("read_back", description="one page up"),
        _row("left", "right", description="scroll sideways, if lines are not wrapped"),
    ),
)

LOG: HelpGroups = (
    (
        _TO_THE_ENDS,
        _row("follow"),
        _row("other_file"),
        _row("wrap"),
        _row("copy_path"),
    ),
    (
        _row("search", description="search for text or a regex (backwards while following)"),
        _row("search_typed", description="start the search"),
        _row("next_hit", "previous_hit", description="go to the next or previous match"),
        _row("leave", description="close the search line; cancel the search; go back"),
        _row("back"),
    ),
)

MENU: HelpGroups = (
    (
        _row("up", "down", description="move"),
        _row("first", "last", description="first command, last command"),
        _row("choose", description="run the command (or press its key, or click it)"),
        _row("leave", "back", description="close the menu"),
    ),
)

CHOICE: HelpGroups = (
    (
        _row("up", "down", description="move"),
        _row("choose", description="watch the selected scheduler"),
    ),
)

PICKER: HelpGroups = ((_row("look_again"), _BACK),)

PLAN: HelpGroups = (
    (
        _row("yes", description="apply the plan"),
        _row("no", "leave", "back", description="cancel; nothing is changed"),
    ),
)

QUESTION: HelpGroups = ((_row("yes", description="yes"), _row("no", "leave", description="no")),)

FORM: HelpGroups = (
    (
        _row("next_field", "previous_field", description="next field, previous field"),
        _row("adapt_off"),
        _row("leave", description="cancel; nothing is changed"),
    ),
)

COLUMNS: HelpGroups = (
    (
        _row("up", "down", description="move"),
        _row("first", "last", description="first column, last column"),
        _row("tick"),
        _row("shift_on", "shift_back", description="move the column down (to the right) or up (to the left)"),
        _row("done", "leave", "back", description="close"),
    ),
)

SAVING: HelpGroups = (
    (
        _row("save_picture", description="save a screenshot as SVG"),
        _row("save_snapshot", description="save the snapshot as JSON, as dasktop snapshot prints it"),
        _row("leave", "back", description="cancel; nothing is saved"),
    ),
)
