"""Reads the key bindings of the configuration and finds conflicts between them. Pure."""

from collections.abc import Collection, Iterator
from itertools import combinations

from dasktop.tui.config.values import WrongValueError, value_text
from dasktop.tui.view.keys import KEYS, TOGETHER, Keymap, is_typed, keys_of, named, shown

_FIXED = frozenset({"ctrl+c", "ctrl+l", "ctrl+z", "tab", "shift+tab"})
"""Bound everywhere without an id; only the ids that have them by default may use them."""
_IN_TEXT_FIELDS = frozenset({"leave", "keep_filter", "search_typed", "next_field", "previous_field", "palette"})
"""Active while a text field has the focus: a character could then not be typed, or the field not be left."""


def read_keys(value: object, of: str = "") -> str:
    """Return a key, or several separated by commas, as `written` does.

    Parameters
    ----------
    of
        The key id that they are for; it may use a fixed key that it has by default.
    """
    if not isinstance(value, str):
        raise WrongValueError(f'must be a key in quotes, or several such as "/, f7"; not {value_text(value)}')
    taken = _FIXED.difference(keys_of(of, {}) if of in KEYS else ())
    keys = [_read_key(text, taken) for text in (["comma"] if value.strip() == "," else value.split(","))]
    for key in filter(is_typed, keys if of in _IN_TEXT_FIELDS else ()):
        raise WrongValueError(
            f"{value_text(_written(key))} is a character, needed in text fields; use a key such as f2 or ctrl+x"
        )
    return written(",".join(keys))


def _read_key(text: str, taken: Collection[str]) -> str:
    if not text.strip():
        raise WrongValueError('a key is missing; write "comma" for the comma key')
    try:
        key = named(text.strip())
    except ValueError:
        raise WrongValueError(f"unknown key {value_text(text.strip())}; examples: a, A, /, f5, ctrl+r, PgUp") from None
    if key in taken:
        raise WrongValueError(f"{key} cannot be rebound")
    return key


def written(keys: str) -> str:
    """Return Textual's key names as users write them in the file."""
    return ", ".join(map(_written, keys.split(",")))


def _written(key: str) -> str:
    text = shown(key)
    return text if len(text) == 1 and text.isascii() and text != "," else key


def names_of(keys: str) -> str:
    """Return keys in the form of `written` as Textual's names; the inverse of `written`."""
    return ",".join(named(text.strip()) for text in keys.split(","))


def conflicts(keymap: Keymap) -> Iterator[str]:
    """Yield an error for each key bound to two actions that are active together, except those that are by default."""
    # Keys that nobody has changed share others only by design.
    pairs = (pair for ids in TOGETHER.values() for pair in combinations(ids, 2) if not keymap.keys().isdisjoint(pair))
    for one, other in dict.fromkeys(pairs):
        by_design = {*keys_of(one, {})} & {*keys_of(other, {})}
        for key in keys_of(one, keymap):
            if key in keys_of(other, keymap) and key not in by_design:
                yield f"{value_text(_written(key))} is bound to both {one} and {other}"
