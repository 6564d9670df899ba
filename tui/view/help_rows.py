"""The lines of the help: which keys stand together, for each kind of thing that can be in focus. Pure."""

from typing import NamedTuple

from dasktop.tui.view.keys import KEYS


class HelpRow(NamedTuple):
    """A line of the help."""

    ids: tuple[str, ...]
    words: str


HelpGroups = tuple[tuple[HelpRow, ...], ...]
"""Rows that belong together, with an empty line between the groups."""


def _row(*ids: str, words: str = "") -> HelpRow:
    """Return a row, in the words of the table of keys unless others say it better for several at once, or here."""
    return HelpRow(ids, words or "; ".join(KEYS[key_id].words for key_id in ids))


def meaning(key_id: str) -> str:
    """Return what a key does, in a few words, wherever that is."""
    if KEYS[key_id].words:
        return KEYS[key_id].words
    places = (TREE, DETAILS, READING, LOG_VIEW, LOG, SCRIPT, CHOICE, PLAN, FORM, COLUMNS, SAVING)
    rows = (row for groups in places for group in groups for row in group)
    return next((row.words for row in rows if key_id in row.ids), KEYS[key_id].short)


TREE: HelpGroups = (
    (
        _row("up", "down", words="move"),
        _row("page_up", "page_down", words="a screen up or down"),
        _row("first", "last", words="first row, last row"),
        _row("right", words="unfold; then go in"),
        _row("left", words="fold; then go to the row it is in"),
        _row("fold"),
        _row("parent"),
    ),
)

SCREEN: HelpGroups = (
    (
        _row("next_finding", "previous_finding", words="go to what the next finding (!) is about, or the one before"),
        _row("findings"),
        _row("details"),
        _row("toggle_details"),
        _row("log"),
        _row("anatomy"),
        _row("job_script"),
        _row("call_stack"),
    ),
    (
        _row("filter"),
        _row("sort", "reverse", words="sort by the next column; the other way round"),
        _row("columns"),
        _row("flat"),
        _row("fold_all"),
        _row("to_jobs", "to_tasks", "to_workers", "to_threads", words="all down to jobs, tasks, workers, or threads"),
    ),
    (
        _row("add_job", "remove_job", words="one job more, at once; one job fewer, after asking"),
        _row("scale"),
        _row("release", "mark", words="release the selected job; mark several for it before"),
        _row("replace_lost"),
        _row("adapt"),
        _row("give_up"),
    ),
    (
        _row("pause"),
        _row("copy"),
        _row("save"),
        _row("refresh"),
        _row("faster", "slower", words="ask dask more often, less often"),
        _row("switch"),
        _row("palette"),
        _row("quit"),
    ),
)

REPLAY: HelpGroups = (
    (
        _row("replay_pause"),
        _row("replay_step", "replay_step_back", words="a snapshot on, a snapshot back"),
        _row("replay_seek", "replay_seek_back", words="10 seconds on, 10 seconds back"),
        _row("replay_seek_far", "replay_seek_far_back", words="10 minutes on, 10 minutes back"),
        _row(
            *("replay_next_mark", "replay_previous_mark"),
            words="to the next finding (a mark on the line), or the one before",
        ),
        _row("replay_go_to"),
        _row("replay_faster", "replay_slower", words="faster, slower"),
    ),
    *SCREEN,
)

_SCROLLS = (
    _row("up", "down", words="scroll"),
    _row("page_up", "page_down", words="a screen up or down"),
    _row("read_on", words="a screen down"),
)
_TO_THE_ENDS = _row("first", "last", words="to the start, to the end")

READING: HelpGroups = ((*_SCROLLS, _TO_THE_ENDS),)

DETAILS: HelpGroups = ((*_SCROLLS, _TO_THE_ENDS, _row("leave", "back", words="back to the tree")),)

_BACK = _row("back", "leave", words="go back")

PAGE: HelpGroups = ((_row("job_script"), _BACK),)

SCRIPT: HelpGroups = (
    (
        _row("search"),
        _row("search_typed", words="keep what is searched for, and read on"),
        _row("next_hit", "previous_hit", words="go to the next hit, or the one before"),
        _row("leave", words="leave the search; go back"),
        _row("back"),
    ),
)

LOG_VIEW: HelpGroups = (
    (
        *_SCROLLS,
        _row("read_back", words="a screen up"),
        _row("left", "right", words="to the sides, where lines are not wrapped"),
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
        _row("search", words="search: text or regex; from the end upwards, or from here"),
        _row("search_typed", words="search for what is typed"),
        _row("next_hit", "previous_hit", words="go to the next hit below, or above"),
        _row("leave", words="leave what is typed; give up the search; go back"),
        _row("back"),
    ),
)

CHOICE: HelpGroups = (
    (
        _row("up", "down", words="move"),
        _row("choose", words="choose this one"),
    ),
)

PICKER: HelpGroups = ((_row("look_again"), _BACK),)

PLAN: HelpGroups = (
    (
        _row("yes", words="do what is shown"),
        _row("no", "leave", "back", words="leave all as it is"),
    ),
)

QUESTION: HelpGroups = ((_row("yes", words="yes"), _row("no", "leave", words="no")),)

FORM: HelpGroups = (
    (
        _row("next_field", "previous_field", words="to the next field, to the one before"),
        _row("adapt_off"),
        _row("leave", words="leave all as it is"),
    ),
)

COLUMNS: HelpGroups = (
    (
        _row("up", "down", words="move"),
        _row("first", "last", words="first column, last column"),
        _row("tick"),
        _row("shift_on", "shift_back", words="put it further down (to the right), or up (to the left)"),
        _row("done", "leave", "back", words="done"),
    ),
)

SAVING: HelpGroups = (
    (
        _row("save_picture", words="what the screen shows, as an SVG picture"),
        _row("save_snapshot", words="the snapshot that is shown, as dasktop snapshot prints it"),
        _row("leave", "back", words="save nothing"),
    ),
)
