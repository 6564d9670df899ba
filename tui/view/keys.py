"""All keys in one table: from it come the bindings, the key line, the help, the palette, and what a keymap may rebind.

A key has an id, which a keymap knows it by; the same id means the same in every widget that has it. Pure.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

# Where Unicode's name of a character isn't Textual's of its key, or there is no character.
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
    # What a terminal sends for these is the same.
    "ctrl+i": "tab",
    "ctrl+m": "enter",
}

NAMES = frozenset({*_SHOWN, "backspace", "delete", "enter", "insert", "space", "tab"}) | frozenset(
    f"f{number}" for number in range(1, 25)
)
"""Of keys that have a name, and not only a character."""
_MODIFIERS = ("alt", "ctrl", "shift")
"""In the order in which Textual writes them."""


def shown(key: str) -> str:
    """Return a key as people write it: ``/`` for ``slash``, ``PgUp`` for ``pageup``."""
    if key in _SHOWN:
        return _SHOWN[key]
    try:
        character = unicodedata.lookup(key.replace("_", " "))
    except KeyError:
        return key
    return character if character.isprintable() and not character.isspace() else key


def is_typed(key: str) -> bool:
    """Tell whether a key, where one types, is a character."""
    return key == "space" or (key not in _ARROWS and len(shown(key)) == 1)


def named(words: str) -> str:
    """Return Textual's name of a key, however people write it.

    Raises
    ------
    ValueError
        There is no such key.
    """
    head, plus, base = words.rpartition("+")
    if words == "+" or words.endswith("++"):  # the plus itself
        head, plus, base = words[:-2], words[:-1], "+"
    modifiers = {modifier.strip().lower() for modifier in head.split("+")} if plus else set()
    key = _base_named(base.strip())
    if key is None or not modifiers.issubset(_MODIFIERS):
        raise ValueError(f"there is no key {words}")
    if len(key) == 1 and modifiers == {"shift"}:
        return key.upper()
    if len(key) == 1 and modifiers:
        # Shift is in the letter, or has a name where other modifiers have.
        modifiers |= {"shift"} if key.isupper() and "alt" in modifiers else set()
        key = key.lower()
    written = "+".join([*(modifier for modifier in _MODIFIERS if modifier in modifiers), key])
    return _NAMED.get(written, written)


def _base_named(words: str) -> str | None:
    """Return the name of a key without modifiers, if there is such a key."""
    name = words.lower()
    if name in NAMES or name in _NAMED:
        return _NAMED.get(name, name)
    character = words if len(words) == 1 else shown(name)
    if len(character) != 1 or not character.isprintable():
        return None
    if character.isalnum():
        return character
    return unicodedata.name(character).lower().replace("-", "_").replace(" ", "_")


class Key(NamedTuple):
    """What one presses for an action."""

    keys: str
    """As Textual names them, the first being the one that is shown; several with commas between."""
    action: str = ""
    """Textual's; empty where each widget has an action of its own for it."""
    short: str = ""
    """For the key line; empty: not there."""
    words: str = ""
    """What it does, for the help and the palette; empty for what is only pressed, never chosen from a list."""


Keymap = Mapping[str, str]
"""Ids, and the keys to press instead of those in the table."""
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
"""Of whatever has lines to move in."""

TREE: dict[str, Key] = {
    "parent": Key("backspace", "parent", words="go to the row that this one is in"),
    "fold": Key("space", "toggle_fold", "fold", "fold or unfold (or click on the marker)"),
}

SCREEN: dict[str, Key] = {
    "add_job": Key("plus,equals_sign", "add_job", "more", "one job more, at once"),
    "remove_job": Key("minus", "remove_job", "fewer", "one job fewer, after asking"),
    "scale": Key("s", "scale", "scale…", "scale to so many jobs, cores or so much memory"),
    "release": Key("x", "release", "release", "release the selected job, or those that are marked"),
    "mark": Key("m", "mark", words="mark a job to release several at once, and go to the next"),
    "adapt": Key("a", "adapt", "adapt…", "let the cluster scale by itself, or not any more"),
    "replace_lost": Key("L", "replace_lost", words="replace lost jobs"),
    "anatomy": Key("A", "anatomy", words="how the job was asked for, what SLURM gave, what runs"),
    "job_script": Key("J", "job_script", words="the job's script"),
    "give_up": Key("escape", "give_up", words="give up what is being carried out; clear filter, marks"),
    "details": Key("enter", "details", "details", "all about the selected row; again: back to the tree"),
    "log": Key("T", "log", "log", "the job's log: its output and errors, followed"),
    "filter": Key("slash", "filter", "filter", "filter: text, regex, !not this, state:pending, finding:lost"),
    "sort": Key("o", "sort(1)", "sort", "sort by the next column"),
    "reverse": Key("O", "reverse", words="sort the other way round"),
    "columns": Key("c", "columns", words="choose columns, and their order"),
    "flat": Key("w", "flat", words="all workers in one list, or the tree again"),
    "next_finding": Key("n", "next_finding(1)", words="go to what the next finding is about"),
    "previous_finding": Key("N", "next_finding(-1)", words="go to what the finding before is about"),
    "findings": Key("F", "findings", words="all findings, and what sources complain of, in full"),
    "toggle_details": Key("d", "toggle_details", words="details beside the tree, if there is room; tab goes there"),
    "call_stack": Key("t", "call_stack", words="what the selected thread is doing: its call stack"),
    "fold_all": Key("asterisk", "fold_all", "all", "fold all jobs, or unfold them down to their workers"),
    "to_jobs": Key("1", "fold_to(1)", words="fold all down to jobs"),
    "to_tasks": Key("2", "fold_to(2)", words="fold or unfold all down to tasks"),
    "to_workers": Key("3", "fold_to(3)", words="fold or unfold all down to workers"),
    "to_threads": Key("4", "fold_to(4)", words="unfold all down to threads"),
    "pause": Key("p", "pause", "pause", "let the screen stand still; again, and it follows"),
    "copy": Key("y", "copy", words="copy the row's id, address or task key (OSC 52)"),
    "save": Key("S", "save", words="save a picture of the screen, or the snapshot as JSON"),
    "refresh": Key("r", "refresh_now", "refresh", "ask dask and SLURM now"),
    "slower": Key("less_than_sign", "change_interval(-1)", words="ask dask less often"),
    "faster": Key("greater_than_sign", "change_interval(1)", words="ask dask more often"),
    "switch": Key("C", "switch", words="go over to another of your schedulers"),
    "help": Key("question_mark", "help", "help", "what the keys do here"),
    "quit": Key("q", "quit", "quit", "quit (anywhere: ctrl+c)"),
}

ANYWHERE: dict[str, Key] = {
    "palette": Key("ctrl+p", "command_palette", words="all of this by name: the command palette"),
}
"""On every page."""

SHORT_SECONDS = 10
LONG_SECONDS = 600

REPLAY: dict[str, Key] = {
    "replay_pause": Key("p", "play", "pause", "pause, or play on; at the end, from the beginning"),
    "replay_step": Key("full_stop", "step(1)", "step", "a snapshot on"),
    "replay_step_back": Key("comma", "step(-1)", "back", "a snapshot back"),
    "replay_seek": Key("right_square_bracket", f"seek({SHORT_SECONDS})", "10 s", "10 seconds on"),
    "replay_seek_back": Key("left_square_bracket", f"seek(-{SHORT_SECONDS})", words="10 seconds back"),
    "replay_seek_far": Key("right_curly_bracket", f"seek({LONG_SECONDS})", words="10 minutes on"),
    "replay_seek_far_back": Key("left_curly_bracket", f"seek(-{LONG_SECONDS})", words="10 minutes back"),
    "replay_next_mark": Key(
        "right_parenthesis", "seek_mark(1)", "next finding", "to where the next finding begins (a mark on the line)"
    ),
    "replay_previous_mark": Key("left_parenthesis", "seek_mark(-1)", words="to where the finding before began"),
    "replay_go_to": Key("colon", "go_to", "go to", "go to a time: 14:05, +10m, 50% (or click on the line)"),
    "replay_faster": Key("greater_than_sign", "speed(1)", "faster", "play faster"),
    "replay_slower": Key("less_than_sign", "speed(-1)", words="play slower"),
}

TEXT: dict[str, Key] = {
    "read_on": Key("space"),
    "read_back": Key("b"),
    "search": Key("slash", short="search", words="search, while you type"),
    "search_typed": Key("enter"),
    "next_hit": Key("n", short="next", words="go to the next hit"),
    "previous_hit": Key("N", words="go to the hit before"),
}
"""Of what one reads."""

LOG: dict[str, Key] = {
    "other_file": Key("tab,shift+tab", words="the other file: output, errors"),
    "follow": Key("f", short="follow", words="follow what is written, or stay"),
    "wrap": Key("w", short="wrap", words="wrap long lines, or cut them"),
    "copy_path": Key("y", words="copy the file's path (OSC 52)"),
}

BOXES: dict[str, Key] = {
    "leave": Key("escape"),
    "back": Key("q", short="back", words="go back"),
    "close_help": Key("question_mark,enter,space", words="close the help"),
    "yes": Key("y"),
    "no": Key("n"),
    "choose": Key("enter,space"),
    "look_again": Key("r", short="look again", words="look for schedulers again"),
    "save_picture": Key("p", short="picture (SVG)"),
    "save_snapshot": Key("s", short="snapshot (JSON)"),
    "next_field": Key("tab,down", short="next field"),
    "previous_field": Key("shift+tab,up"),
    "adapt_off": Key("o", short="turn it off", words="let it not scale by itself any more"),
    "keep_filter": Key("enter,down", short="keep"),
    "tick": Key("space", short="show or hide", words="show the column, or hide it"),
    "shift_on": Key("J,plus,shift+down", short="down", words="put the column further down, to the right"),
    "shift_back": Key("K,minus,shift+up", short="up", words="put the column further up, to the left"),
    "done": Key("enter,c"),
}
"""Of what opens over the tree, or below it."""

KEYS: dict[str, Key] = MOVES | TREE | SCREEN | ANYWHERE | REPLAY | TEXT | LOG | BOXES

LIVE_ONLY = frozenset({"call_stack", "job_script", "log", "pause", "refresh", "slower", "faster", "switch"})
"""What asks the cluster, or for what isn't in a recording; and what a replay has keys of its own for."""

_IN_BOXES = ("leave", "back", "help", *ANYWHERE)

TOGETHER: Mapping[str, tuple[str, ...]] = {
    "the tree": (*MOVES, *TREE, *SCREEN, *ANYWHERE, *REPLAY),
    "a text": (*MOVES, *TEXT, "job_script", *_IN_BOXES),
    "a log": (*MOVES, *TEXT, *LOG, *_IN_BOXES),
    "the picker": ("up", "down", "choose", "look_again", *_IN_BOXES),
    "a plan": ("yes", "no", *_IN_BOXES),
    "a form": ("next_field", "previous_field", "adapt_off", "leave", "help", *ANYWHERE),
    "the columns": ("up", "down", "first", "last", "tick", "shift_on", "shift_back", "done", *_IN_BOXES),
    "what to save": ("save_picture", "save_snapshot", *_IN_BOXES),
}
"""What can be pressed at one place."""


def keys_of(key_id: str, keymap: Keymap) -> list[str]:
    """Return the keys of an id, the one that is shown first."""
    return [key.strip() for key in keymap.get(key_id, KEYS[key_id].keys).split(",")]


def first_key(key_id: str, keymap: Keymap) -> str:
    """Return the key of an id that is shown where there is room for one."""
    return shown(keys_of(key_id, keymap)[0])


def keys_words(keys_of_each: Iterable[Sequence[str]], cells: int) -> str:
    """Return what to press, for a line of the help: ``↑ ↓  k j``, the first keys of all, then their others.

    The others are left out where all would take more than so many cells.
    """
    first, *others = zip_longest(*keys_of_each)
    words = _words(first)
    for keys in others:
        more = f"{words}  {_words(keys)}"
        words = more if len(more) <= cells else words
    return words


def _words(keys: Iterable[str | None]) -> str:
    return " ".join(shown(key) for key in keys if key is not None)
