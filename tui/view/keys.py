"""The key table. Bindings, the key line, the help, the palette and the [keys] settings are made from it. Pure.

Each key has an id, by which a keymap refers to it. An id means the same action in every widget that binds it.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

# Keys whose Textual name is not the Unicode name of their character, or that have no character.
_SHOWN = {
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "escape": "esc",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "plus": "+",
    "minus": "-",
    "slash": "/",
    "backslash": "\\",
    "underscore": "_",
    "at": "@",
    "less_than_sign": "<",
    "greater_than_sign": ">",
}
_ARROWS = ("up", "down", "left", "right")
_NAMED = {words.lower(): key for key, words in _SHOWN.items()} | {
    "return": "enter",
    "del": "delete",
    "ins": "insert",
    # A terminal sends the same bytes for both keys.
    "ctrl+i": "tab",
    "ctrl+m": "enter",
}

NAMES = frozenset({*_SHOWN, "backspace", "delete", "enter", "insert", "space", "tab"}) | frozenset(
    f"f{number}" for number in range(1, 25)
)
"""Keys that have a name rather than only a character."""
_MODIFIERS = ("alt", "ctrl", "shift")
"""In the order that Textual uses."""


def shown(key: str) -> str:
    """Return the text to display for a key: ``/`` for ``slash``, ``PgUp`` for ``pageup``."""
    if key in _SHOWN:
        return _SHOWN[key]
    try:
        character = unicodedata.lookup(key.replace("_", " "))
    except KeyError:
        return key
    return character if character.isprintable() and not character.isspace() else key


def is_typed(key: str) -> bool:
    """Return whether a key types a character in a text field."""
    return key == "space" or (key not in _ARROWS and len(shown(key)) == 1)


def named(text: str) -> str:
    """Return Textual's name of a key from its name, its character or its displayed text.

    Raises
    ------
    ValueError
        If there is no such key.
    """
    head, plus, base = text.rpartition("+")
    if text == "+" or text.endswith("++"):  # the plus key itself
        head, plus, base = text[:-2], text[:-1], "+"
    modifiers = {modifier.strip().lower() for modifier in head.split("+")} if plus else set()
    key = _base_named(base.strip())
    if key is None or not modifiers.issubset(_MODIFIERS):
        raise ValueError(f"there is no key {text}")
    if len(key) == 1 and modifiers == {"shift"}:
        return key.upper()
    if len(key) == 1 and modifiers:
        # Textual writes shift as an upper-case letter, except next to alt.
        modifiers |= {"shift"} if key.isupper() and "alt" in modifiers else set()
        key = key.lower()
    written = "+".join([*(modifier for modifier in _MODIFIERS if modifier in modifiers), key])
    return _NAMED.get(written, written)


def _base_named(text: str) -> str | None:
    """Return the name of a key without modifiers, or ``None`` if there is no such key."""
    name = text.lower()
    if name in NAMES or name in _NAMED:
        return _NAMED.get(name, name)
    character = text if len(text) == 1 else shown(name)
    if len(character) != 1 or not character.isprintable():
        return None
    if character.isalnum():
        return character
    return unicodedata.name(character).lower().replace("-", "_").replace(" ", "_")


class Key(NamedTuple):
    """The keys for an action, and its description."""

    keys: str
    """Textual's key names, separated by commas. The first one is displayed."""
    action: str = ""
    """Textual action; empty if each widget binds the id to an action of its own."""
    short: str = ""
    """Label for the key line; empty: not shown there."""
    description: str = ""
    """Description for the help and the palette; empty: not listed in the palette."""


Keymap = Mapping[str, str]
"""Key ids, and the keys that replace those in the table."""
NO_KEYMAP: Keymap = {}

MOVES: dict[str, Key] = {
    "up": Key("up,k"),
    "down": Key("down,j"),
    "page_up": Key("pageup,ctrl+u"),
    "page_down": Key("pagedown,ctrl+d"),
    "first": Key("g,home"),
    "last": Key("G,end"),
    "left": Key("left,h"),
    "right": Key("right,l"),
}
"""Keys of every widget with lines to move through."""

TREE: dict[str, Key] = {
    "parent": Key("backspace", "parent", description="go to the parent row"),
    "fold": Key("space", "toggle_fold", "fold", "fold or unfold (or click the marker)"),
    "menu": Key("M", "menu", description="menu of what can be done with the row (or right click)"),
}

SCREEN: dict[str, Key] = {
    "add_job": Key("plus,equals_sign", "add_job", "add", "add a job (no confirmation)"),
    "remove_job": Key("minus", "remove_job", "remove", "remove a job (asks first)"),
    "scale": Key("s", "scale", "scale…", "scale to a number of jobs or cores, or an amount of memory"),
    "release": Key("x", "release", "release", "release the selected job, or the marked jobs"),
    "mark": Key("m", "mark", description="mark a job for release, and go to the next row"),
    "adapt": Key("a", "adapt", "adapt…", "turn adaptive scaling on or off"),
    "replace_lost": Key("L", "replace_lost", description="replace lost jobs"),
    "anatomy": Key("A", "anatomy", description="compare what the job requested, was granted and runs"),
    "job_script": Key("J", "job_script", description="show the job script"),
    "give_up": Key("escape", "give_up", description="cancel the running operation; clear filter and marks"),
    "details": Key("enter", "details", "details", "show details of the selected row, or return to the tree"),
    "work": Key("W", "work", "work", "show what dask computes: progress, times, ETA"),
    "failures": Key("E", "failures", "failures", "show failed tasks: exceptions, tracebacks, why workers ended"),
    "findings": Key("F", "findings", "findings", "show all findings and source errors in full"),
    "log": Key("T", "log", "log", "follow the job's log: output and errors"),
    "filter": Key("slash", "filter", "filter", "filter: text, regex, !exclude, state:pending, finding:idle"),
    "sort": Key("o", "sort(1)", "sort", "sort by the next column; then 1-9: by that column"),
    "reverse": Key("O", "reverse", description="reverse the sort order"),
    "columns": Key("c", "columns", description="choose columns and their order"),
    "flat": Key("w", "flat", description="switch between the tree and a flat list of workers"),
    "next_finding": Key("n", "next_finding(1)", description="go to the next row with a finding"),
    "previous_finding": Key("N", "next_finding(-1)", description="go to the previous row with a finding"),
    "toggle_details": Key("d", "toggle_details", description="show or hide the details pane (tab moves into it)"),
    "panels": Key("v", "panels", description="show other panels above the tree: work, history"),
    "enlarge": Key("z", "enlarge", description="show only the tree, or all parts again"),
    "history": Key("H", "history", description="show the graphs of the last minutes, and what happened"),
    "call_stack": Key("t", "call_stack", description="show the call stack of the selected thread or worker"),
    "profile": Key("P", "profile", description="show a profile: functions by their share of time"),
    "fold_all": Key("asterisk", "fold_all", "all", "fold all jobs, or unfold them down to workers"),
    "to_jobs": Key("1", "fold_to(1)", description="show the tree down to jobs"),
    "to_tasks": Key("2", "fold_to(2)", description="show the tree down to SLURM tasks"),
    "to_workers": Key("3", "fold_to(3)", description="show the tree down to workers"),
    "to_threads": Key("4", "fold_to(4)", description="show the tree down to threads"),
    "pause": Key("p", "pause", "pause", "pause or resume updates"),
    "copy": Key("y", "copy", description="copy the row's id, address or task key (OSC 52)"),
    "save": Key("S", "save", description="save a screenshot (SVG) or the snapshot (JSON)"),
    "refresh": Key("r", "refresh_now", "refresh", "poll dask and SLURM now"),
    "slower": Key("less_than_sign", "change_interval(-1)", description="poll dask less often"),
    "faster": Key("greater_than_sign", "change_interval(1)", description="poll dask more often"),
    "switch": Key("C", "switch", description="switch to another scheduler"),
    "help": Key("question_mark", "help", "help", "show this help"),
    "quit": Key("q", "quit", "quit", "quit (ctrl+c works everywhere)"),
}

ANYWHERE: dict[str, Key] = {
    "palette": Key("ctrl+p", "command_palette", description="open the command palette"),
}
"""Keys that work on every page."""

SHORT_SECONDS = 10
LONG_SECONDS = 600

REPLAY: dict[str, Key] = {
    "replay_pause": Key("p", "play", "pause", "pause or resume; at the end, restart from the beginning"),
    "replay_step": Key("full_stop", "step(1)", "step", "next snapshot"),
    "replay_step_back": Key("comma", "step(-1)", "back", "previous snapshot"),
    "replay_seek": Key("right_square_bracket", f"seek({SHORT_SECONDS})", "10 s", "forward 10 seconds"),
    "replay_seek_back": Key("left_square_bracket", f"seek(-{SHORT_SECONDS})", description="back 10 seconds"),
    "replay_seek_far": Key("right_curly_bracket", f"seek({LONG_SECONDS})", description="forward 10 minutes"),
    "replay_seek_far_back": Key("left_curly_bracket", f"seek(-{LONG_SECONDS})", description="back 10 minutes"),
    "replay_next_mark": Key(
        "right_parenthesis", "seek_mark(1)", "next finding", "go to where the next finding begins (marked on the line)"
    ),
    "replay_previous_mark": Key(
        "left_parenthesis", "seek_mark(-1)", description="go to where the previous finding begins"
    ),
    "replay_go_to": Key("colon", "go_to", "go to", "go to a time: 14:05, +10m, 50% (or click the time line)"),
    "replay_faster": Key("greater_than_sign", "speed(1)", "faster", "play faster"),
    "replay_slower": Key("less_than_sign", "speed(-1)", description="play slower"),
}

TEXT: dict[str, Key] = {
    "read_on": Key("space"),
    "read_back": Key("b"),
    "search": Key("slash", short="search", description="search as you type"),
    "search_typed": Key("enter"),
    "next_hit": Key("n", short="next", description="go to the next match"),
    "previous_hit": Key("N", description="go to the previous match"),
}
"""Keys of text pages."""

LOG: dict[str, Key] = {
    "other_file": Key("tab,shift+tab", description="switch between output and errors, or logs from dask"),
    "follow": Key("f", short="follow", description="follow new lines, or stop following"),
    "wrap": Key("w", short="wrap", description="wrap or cut long lines"),
    "copy_path": Key("y", description="copy the path of the file (OSC 52)"),
}

DIALOGS: dict[str, Key] = {
    "leave": Key("escape"),
    "back": Key("q", short="back", description="go back"),
    "close_help": Key("question_mark,enter,space", description="close the help"),
    "yes": Key("y"),
    "no": Key("n"),
    "choose": Key("enter,space"),
    "look_again": Key("r", short="refresh", description="search for schedulers again"),
    "save_picture": Key("p", short="screenshot (SVG)"),
    "save_snapshot": Key("s", short="snapshot (JSON)"),
    "next_field": Key("tab,down", short="next field"),
    "previous_field": Key("shift+tab,up"),
    "adapt_off": Key("o", short="turn off", description="turn adaptive scaling off"),
    "keep_filter": Key("enter,down", short="keep filter"),
    "tick": Key("space", short="show or hide", description="show or hide the column"),
    "shift_on": Key("J,plus,shift+down", short="down", description="move the column down (to the right)"),
    "shift_back": Key("K,minus,shift+up", short="up", description="move the column up (to the left)"),
    "done": Key("enter,c"),
    "act": Key("a", short="act", description="carry out the advice; asks before it changes the cluster"),
    "dismiss": Key("x,delete", short="dismiss", description="dismiss the finding until it changes"),
    "undismiss": Key("U", description="show the dismissed findings again"),
    "go_to_row": Key("enter", short="go to it", description="go to what the finding is about"),
}
"""Keys of dialogs, pages and the filter line."""

KEYS: dict[str, Key] = MOVES | TREE | SCREEN | ANYWHERE | REPLAY | TEXT | LOG | DIALOGS

LIVE_ONLY = frozenset({"call_stack", "job_script", "log", "pause", "profile", "refresh", "slower", "faster", "switch"})
"""Ids that need a running cluster, or that a replay replaces with keys of its own."""

_IN_DIALOGS = ("leave", "back", "help", *ANYWHERE)

TOGETHER: Mapping[str, tuple[str, ...]] = {
    "the tree": (*MOVES, *TREE, *SCREEN, *ANYWHERE, *REPLAY),
    "a text": (*MOVES, *TEXT, "job_script", "refresh", *_IN_DIALOGS),
    "the work page": (
        *(*MOVES, *TREE, "filter", "sort", "reverse", "fold_all", "to_jobs", "to_tasks", "details", "toggle_details"),
        *("failures", "findings", "pause", "profile", "call_stack", "refresh", *_IN_DIALOGS),
    ),
    "the failures page": (
        *(*MOVES, *TREE, "filter", "sort", "reverse", "fold_all", "to_jobs", "to_tasks", "details", "toggle_details"),
        *("findings", "pause", "refresh", *_IN_DIALOGS),
    ),
    "the findings page": (
        *(
            *MOVES,
            "menu",
            "filter",
            "sort",
            "reverse",
            "go_to_row",
            "act",
            "dismiss",
            "undismiss",
            "toggle_details",
            "findings",
            "failures",
            "work",
        ),
        *("log", "pause", "refresh", *_IN_DIALOGS),
    ),
    "a log": (*MOVES, *TEXT, *LOG, *_IN_DIALOGS),
    "a menu": ("up", "down", "first", "last", "choose", *_IN_DIALOGS),
    "the scheduler list": ("up", "down", "choose", "look_again", *_IN_DIALOGS),
    "a plan": ("yes", "no", *_IN_DIALOGS),
    "a form": ("next_field", "previous_field", "adapt_off", "leave", "help", *ANYWHERE),
    "the column dialog": ("up", "down", "first", "last", "tick", "shift_on", "shift_back", "done", *_IN_DIALOGS),
    "the save dialog": ("save_picture", "save_snapshot", *_IN_DIALOGS),
}
"""The ids that are active together, so that two of them must not share a key."""


def keys_of(key_id: str, keymap: Keymap) -> list[str]:
    """Return the keys of an id; the first one is displayed."""
    return [key.strip() for key in keymap.get(key_id, KEYS[key_id].keys).split(",")]


def first_key(key_id: str, keymap: Keymap) -> str:
    """Return the displayed text of an id's first key."""
    return shown(keys_of(key_id, keymap)[0])


def keys_words(keys_of_each: Iterable[Sequence[str]], cells: int) -> str:
    """Return the keys for a help line: ``↑ ↓  k j``, the first key of each id, then the alternatives.

    Alternatives that do not fit into ``cells`` are left out.
    """
    first, *others = zip_longest(*keys_of_each)
    text = _joined_keys(first)
    for keys in others:
        longer = f"{text}  {_joined_keys(keys)}"
        text = longer if len(longer) <= cells else text
    return text


def _joined_keys(keys: Iterable[str | None]) -> str:
    return " ".join(shown(key) for key in keys if key is not None)
