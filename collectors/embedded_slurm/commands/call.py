"""The input and output of a command, and the tables of sacct and sstat.

Commands do not print or read themselves; the controller does.
"""

import pwd
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from dasktop.collectors.embedded_slurm.options import Option, ParsedOptions, Refused, read
from dasktop.collectors.embedded_slurm.records import Job
from dasktop.collectors.embedded_slurm.settings import VERSION
from dasktop.collectors.embedded_slurm.workload import Workload


@dataclass(frozen=True, slots=True)
class Call:
    """One run of a command: its command line, and where and when it ran."""

    command: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    work_dir: str
    uid: int
    now: float
    workload: Workload

    @property
    def user(self) -> str:
        """The caller's name."""
        return user_name(self.uid)

    @property
    def time_format(self) -> str | None:
        """The requested format of times (``%s``: epoch seconds); None: SLURM's default."""
        return self.environment.get("SLURM_TIME_FORMAT")

    def read(self, options: Sequence[Option], *, permute: bool = True) -> ParsedOptions:
        """Parse the command line; refuse unknown options."""
        return read(options, self.arguments, permute=permute)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a command prints, and its exit status."""

    out: str = ""
    err: str = ""
    status: int = 0


VERSION_REPLY = Reply(f"slurm-wlm {VERSION}\n")


def refusal(command: str, refused: Refused) -> Reply:
    """Convert a refusal to a message, ``squeue: error: …``, and a status."""
    return Reply(err=f"{command}: error: {refused}\n" if not refused.bare else f"{refused}\n", status=refused.status)


def lines(rows: Sequence[str]) -> str:
    """Join lines, each with its end."""
    return "".join(f"{row}\n" for row in rows)


def user_name(uid: int) -> str:
    """Return a user's name, or the number if it has no name (as in a container)."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def users(names: Sequence[str]) -> set[int]:
    """Return the numbers of users given by name or number.

    Raises
    ------
    Refused
        A user does not exist.
    """
    found = set()
    for name in names:
        try:
            found.add(int(name) if name.isdigit() else pwd.getpwnam(name).pw_uid)
        except KeyError:
            raise Refused(f"Invalid user: {name}") from None
    return found


def matches(value: str, wanted: Sequence[str] | None) -> bool:
    """Whether a value is one of those wanted; None: any value."""
    return wanted is None or value in wanted


def priority_order(job: Job) -> tuple[bool, int, int]:
    """Sort key: descending priority."""
    return (job.held, job.array_job_id or job.id, job.id)


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
