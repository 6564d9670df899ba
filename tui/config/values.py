"""Readers of the values that a file may hold. What is wrong is told in words that follow the key's name. Pure."""

import json
import math
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from dasktop.collectors.text.clean import clean, clean_line

Name = TypeVar("Name", bound=str)

_LONGEST_SAID = 60
_LONGEST_WRITTEN = 10**1000


class WrongValueError(Exception):
    """A value that can't be. Its text is one clean line that follows the key's name."""


def number(at_least: float, at_most: float) -> Callable[[object], float]:
    """Return a reader of numbers from one bound to the other."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not at_least <= value <= at_most:
            raise WrongValueError(f"must be a number from {at_least:.12g} to {at_most:.12g}, not {said(value)}")
        return float(value)

    return read


def whole(at_least: float, at_most: float) -> Callable[[object], int]:
    """Return a reader of whole numbers from one bound to the other."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not at_least <= value <= at_most:
            raise WrongValueError(f"must be a whole number from {at_least:.12g} to {at_most:.12g}, not {said(value)}")
        return value

    return read


def switch(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise WrongValueError(f"must be true or false, not {said(value)}")
    return value


def text(value: object) -> str:
    """Read a text; it comes out clean."""
    if not isinstance(value, str):
        raise WrongValueError(f"must be a text in quotes, not {said(value)}")
    return clean_line(value)


def one_of(kind: str, names: Collection[Name]) -> Callable[[object], Name]:
    """Return a reader of one of these names."""

    def read(value: object) -> Name:
        if not isinstance(value, str):
            raise WrongValueError(f"must be one of {', '.join(names)}, in quotes, not {said(value)}")
        for name in names:
            if name == value:
                return name
        raise WrongValueError(f"there is no {kind} {said(value)}; one of {', '.join(names)}")

    return read


def some_of(kind: str, names: Collection[Name]) -> Callable[[object], tuple[Name, ...]]:
    """Return a reader of a list of these names, in any order, each once."""
    read_one = one_of(kind, names)

    def read(value: object) -> tuple[Name, ...]:
        if not isinstance(value, list | tuple):
            raise WrongValueError(f'must be a list such as ["{next(iter(names))}"], not {said(value)}')
        found: list[Name] = []
        for item in value:
            name = read_one(item)
            if name in found:
                raise WrongValueError(f"{said(name)} stands there twice")
            found.append(name)
        return tuple(found)

    return read


def said(value: object) -> str:
    """Return a value as one may write it, harmless and not endlessly long."""
    match value:
        case dict():
            return "a section"
        case list() | tuple():
            return "a list"
        case int() if abs(value) >= _LONGEST_WRITTEN:  # Python writes out no number of thousands of digits
            return "a number of many digits"
        case bool() | int() | float() | str():
            return short(toml(value))
        case _:
            return short(str(value))


def short(text: str) -> str:
    """Return a text from a file as it can stand in a message."""
    text = clean(text)
    return text if len(text) <= _LONGEST_SAID else text[: _LONGEST_SAID - 1] + "…"


def toml(value: Any) -> str:
    """Return a clean value as TOML."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case list() | tuple():
            return f"[{', '.join(map(toml, value))}]"
        case float() if not math.isfinite(value):
            return str(value)  # nan, inf and -inf, as TOML calls them
        case _:
            return repr(value)
