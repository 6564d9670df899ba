"""Keys as people write them and as Textual names them: ``/`` and ``slash``, ``PgUp`` and ``pageup``. Pure."""

import unicodedata

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
