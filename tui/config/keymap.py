"""The keys that the user chose: read, and seen not to be in each other's way. Pure."""

from collections.abc import Collection, Iterator
from itertools import combinations

from dasktop.tui.config.values import WrongValueError, said
from dasktop.tui.view.keys import KEYS, TOGETHER, Keymap, is_typed, keys_of, named, shown

_FIXED = frozenset({"ctrl+c", "ctrl+l", "ctrl+z", "tab", "shift+tab"})
"""Bound without an id, everywhere; but for what has them by default."""
_WHERE_ONE_TYPES = frozenset({"leave", "keep_filter", "search_typed", "next_field", "previous_field", "palette"})
"""The ways out of a field: as a character, they could not be typed any more, or one could not leave."""


def read_keys(value: object, of: str = "") -> str:
    """Read a key, or several with commas between; they come out as `written`.

    Parameters
    ----------
    of
        The id that they are for, which may keep what it has by default.
    """
    if not isinstance(value, str):
        raise WrongValueError(f'must be a key in quotes, or several: "/, f7"; not {said(value)}')
    taken = _FIXED.difference(keys_of(of, {}) if of in KEYS else ())
    keys = [_read_key(words, taken) for words in (["comma"] if value.strip() == "," else value.split(","))]
    for key in filter(is_typed, keys if of in _WHERE_ONE_TYPES else ()):
        raise WrongValueError(
            f"{said(_written(key))} is a character where one types; keys such as f2 and ctrl+x are not"
        )
    return written(",".join(keys))


def _read_key(words: str, taken: Collection[str]) -> str:
    if not words.strip():
        raise WrongValueError('a key is missing; say "comma" for the comma itself')
    try:
        key = named(words.strip())
    except ValueError:
        raise WrongValueError(
            f"there is no key {said(words.strip())}; keys are such as a, A, /, f5, ctrl+r, PgUp"
        ) from None
    if key in taken:
        raise WrongValueError(f"{key} can't mean something else")
    return key


def written(keys: str) -> str:
    """Return keys by Textual's names as people write them in the file."""
    return ", ".join(map(_written, keys.split(",")))


def _written(key: str) -> str:
    words = shown(key)
    return words if len(words) == 1 and words.isascii() and words != "," else key


def names_of(keys: str) -> str:
    """Return keys as `written` by Textual's names."""
    return ",".join(named(words.strip()) for words in keys.split(","))


def clashes(keymap: Keymap) -> Iterator[str]:
    """Tell of each key that would mean two things at one place; some do so by design."""
    pairs = (pair for ids in TOGETHER.values() for pair in combinations(ids, 2))
    for one, other in dict.fromkeys(pairs):
        by_design = {*keys_of(one, {})} & {*keys_of(other, {})}
        for key in keys_of(one, keymap):
            if key in keys_of(other, keymap) and key not in by_design:
                yield f"{said(_written(key))} would mean both {one} and {other}"
