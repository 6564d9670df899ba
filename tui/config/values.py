"""Readers for the types of values in the configuration file. The message of an error continues the key's name. Pure."""

import json
import math
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from dasktop.collectors.text.clean import clean, clean_line

Name = TypeVar("Name", bound=str)

NONE: Mapping[str, Any] = MappingProxyType({})
_MAX_LENGTH = 60
_MAX_NUMBER = 10**1000


class WrongValueError(Exception):
    """An invalid value. The message is one clean line that continues the key's name."""


def number(at_least: float, at_most: float) -> Callable[[object], float]:
    """Return a reader of numbers within bounds, both included."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not at_least <= value <= at_most:
            raise WrongValueError(f"must be a number from {at_least:.12g} to {at_most:.12g}, not {value_text(value)}")
        return float(value)

    return read


def whole(at_least: float, at_most: float) -> Callable[[object], int]:
    """Return a reader of whole numbers within bounds, both included."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not at_least <= value <= at_most:
            raise WrongValueError(
                f"must be a whole number from {at_least:.12g} to {at_most:.12g}, not {value_text(value)}"
            )
        return value

    return read


def switch(value: object) -> bool:
    """Return a boolean."""
    if not isinstance(value, bool):
        raise WrongValueError(f"must be true or false, not {value_text(value)}")
    return value


def text(value: object) -> str:
    """Return a string, without control characters."""
    if not isinstance(value, str):
        raise WrongValueError(f"must be a string in quotes, not {value_text(value)}")
    return clean_line(value)


def one_of(kind: str, names: Collection[Name], renamed: Mapping[str, Name] = NONE) -> Callable[[object], Name]:
    """Return a reader that accepts one of these names, or a former name of one."""

    def read(value: object) -> Name:
        if not isinstance(value, str):
            raise WrongValueError(f"must be one of {', '.join(names)}, in quotes, not {value_text(value)}")
        for name in names:
            if name == renamed.get(value, value):
                return name
        raise WrongValueError(f"unknown {kind} {value_text(value)}; must be one of {', '.join(names)}")

    return read


def some_of(
    kind: str, names: Collection[Name], renamed: Mapping[str, Name] = NONE
) -> Callable[[object], tuple[Name, ...]]:
    """Return a reader of a list of these names, or former ones, in any order, without duplicates."""
    read_one = one_of(kind, names, renamed)

    def read(value: object) -> tuple[Name, ...]:
        if not isinstance(value, list | tuple):
            raise WrongValueError(f'must be a list such as ["{next(iter(names))}"], not {value_text(value)}')
        found: list[Name] = []
        for item in value:
            name = read_one(item)
            if name in found:
                raise WrongValueError(f"{value_text(name)} is listed twice")
            found.append(name)
        return tuple(found)

    return read


def value_text(value: object) -> str:
    """Return a value as TOML for a message: clean and shortened."""
    match value:
        case dict():
            return "a section"
        case list() | tuple():
            return "a list"
        case int() if abs(value) >= _MAX_NUMBER:  # Python refuses to format ints of thousands of digits
            return "a number of many digits"
        case bool() | int() | float() | str():
            return short(toml(value))
        case _:
            return short(str(value))


def short(text: str) -> str:
    """Return a text from a file for a message: clean, and shortened to 60 characters."""
    text = clean(text)
    return text if len(text) <= _MAX_LENGTH else text[: _MAX_LENGTH - 1] + "…"


def toml(value: Any) -> str:
    """Return a value as TOML; strings must be clean."""
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
