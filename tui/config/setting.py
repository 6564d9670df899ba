"""One thing that can be set: where it stands in the file, what it is if it doesn't, and how it is read. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, eq=False)  # each is only equal to itself
class Setting(Generic[T]):
    """One key of the file."""

    section: str
    """Empty for a key that stands above all sections."""
    name: str
    default: T
    read: Callable[[object], T]
    """Turns what TOML holds into the value; `WrongValueError` tells what is wrong with it. It reads values, too."""
    meaning: str
    """For people, on one line."""
    option: str = ""
    """What goes before the file on the command line, if anything does."""

    @property
    def title(self) -> str:
        """How it is called where something is told about it."""
        return title(self.section, self.name)


def title(section: str, name: str) -> str:
    """Return how a key is called: ``[view] sort``, or ``interval`` above all sections."""
    return f"[{section}] {name}" if section else name
