"""The tables of sacct and sstat: chosen columns, fixed widths, or separated by a text of the caller's choice.

Pure.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from dasktop.collectors.embedded_slurm.commands.call import lines
from dasktop.collectors.embedded_slurm.options import ParsedOptions, Refused

Row = TypeVar("Row")


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One field: its name as the header writes it, its width in a fixed table, and its text."""

    name: str
    width: int
    text: Callable[[Row], str]


def parse_columns(known: Iterable[Column[Row]], names: str) -> list[Column[Row]]:
    """Read ``--format``: names in any case, each perhaps with a width (``State%20``).

    Raises
    ------
    Refused
        A field does not exist.
    """
    by_name = {column.name.lower(): column for column in known}
    columns = []
    for part in names.split(","):
        name, _, width = part.strip().partition("%")
        column = by_name.get(name.lower())
        if column is None:
            raise Refused(f'Invalid field requested: "{name}"')
        columns.append(replace(column, width=int(width)) if width.lstrip("-").isdigit() else column)
    return columns


def write_table(columns: Sequence[Column[Row]], rows: Iterable[Row], given: ParsedOptions) -> str:
    """Write the table as ``-P`` (separated), ``-p`` (with a separator at the end, too), or in fixed widths."""
    separated, trailing = "parsable2" in given, "parsable" in given
    separator = given.get("delimiter") or "|"
    heads = [] if "noheader" in given else [[column.name for column in columns]]
    cells = [[column.text(row) for column in columns] for row in rows]
    if separated or trailing:
        end = separator if trailing else ""
        return lines([separator.join(row) + end for row in [*heads, *cells]])
    if heads:
        heads.append(["-" * abs(column.width) for column in columns])
    return lines([_fixed(columns, row) for row in [*heads, *cells]])


def _fixed(columns: Sequence[Column[Row]], row: Sequence[str]) -> str:
    return "".join(f"{_fit(text, column.width)} " for column, text in zip(columns, row, strict=True))


def _fit(text: str, width: int) -> str:
    if len(text) > abs(width):
        text = text[: abs(width) - 1] + "+"
    return f"{text:<{-width}}" if width < 0 else f"{text:>{width}}"
