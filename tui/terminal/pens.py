"""Styles as SGR parameters, such as ``1;38;2;90;182;240``, and the shortest way from one to another. Pure."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "7": "27", "9": "29"}
"""What ends an attribute."""
_VISIBLE_ON_BLANKS = frozenset("479")
"""Underline, reverse and strike; all of them also show the foreground."""
_PARTS_OF_COLOR = {"2": 5, "5": 3}
"""Number of parameters of a colour after 38 or 48, by its kind: RGB or one of 256."""


class _Parts(NamedTuple):
    """A style; an empty colour is the terminal's default."""

    attributes: frozenset[str]
    foreground: str
    background: str


@lru_cache(maxsize=4096)
def on_blank(style: str) -> str:
    """Return what is visible of a style on a blank."""
    parts = _parts(style)
    return style if parts.attributes - (_OFF.keys() - _VISIBLE_ON_BLANKS) else parts.background


@lru_cache(maxsize=4096)
def change(pen: str, style: str) -> str:
    """Return the sequence that changes the style from `pen` to `style`; both may be empty, the terminal's default."""
    if pen == style:
        return ""
    if not pen or not style:
        return f"\x1b[{style}m"
    old, new = _parts(pen), _parts(style)
    afresh = f"0;{style}"
    if not (old.attributes | new.attributes) <= _OFF.keys():
        return f"\x1b[{afresh}m"
    ended = {_OFF[attribute] for attribute in old.attributes - new.attributes}
    kept = {attribute for attribute in old.attributes if _OFF[attribute] not in ended}
    steps = [*sorted(ended), *sorted(new.attributes - kept)]
    if old.foreground != new.foreground:
        steps.append(new.foreground or "39")
    if old.background != new.background:
        steps.append(new.background or "49")
    return f"\x1b[{min(afresh, ';'.join(steps), key=len)}m" if steps else ""


@lru_cache(maxsize=4096)
def _parts(style: str) -> _Parts:
    attributes: set[str] = set()
    foreground = background = ""
    for code in _codes(style):
        match code.partition(";")[0]:
            case "39":
                foreground = ""
            case "49":
                background = ""
            case "0":
                attributes, foreground, background = set(), "", ""
            case first if _is_one_of(first, "3", "9"):
                foreground = code
            case first if _is_one_of(first, "4", "10"):
                background = code
            case _:
                attributes.add(code)
    return _Parts(frozenset(attributes), foreground, background)


def _is_one_of(first: str, *tens: str) -> bool:
    """Return whether a parameter is one of these tens, such as 30 to 39."""
    return len(first) > 1 and first[:-1] in tens


def _codes(style: str) -> Iterator[str]:
    """Yield each attribute and each colour."""
    parameters = style.split(";") if style else []
    at = 0
    while at < len(parameters):
        is_long = parameters[at] in ("38", "48") and at + 1 < len(parameters)
        size = _PARTS_OF_COLOR.get(parameters[at + 1], 1) if is_long else 1
        yield ";".join(parameters[at : at + size])
        at += size
