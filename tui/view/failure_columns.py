"""The columns of the page of failed tasks: one record each; their widths for a screen width, and a row as pieces."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from dasktop.collectors.model.snapshot import WorkerEvent
from dasktop.collectors.model.work import Attempt, Failure
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.numbers import UNKNOWN
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.prose import KEY_TAIL
from dasktop.tui.draw.task_keys import cut_key
from dasktop.tui.draw.text_width import Align, cut_middle, fit, printable, width
from dasktop.tui.draw.times import local
from dasktop.tui.view.failure_rows import EndRow, EndsRow, FailedTaskRow, FailureOrder, FailureRow, GroupRow
from dasktop.tui.view.failures import short_reason
from dasktop.tui.view.layout import INDENT
from dasktop.tui.view.worker_ends import cause_words


class FailureColumn(NamedTuple):
    """One column."""

    head: str
    meaning: str
    cells: int
    text: Callable[[FailureRow, datetime], str]
    """Returns the text at a time; empty where the column does not apply."""
    is_right: bool = False


def members(row: FailureRow) -> Sequence[Failure | WorkerEvent]:
    """Return the failed tasks or ended workers that a row stands for, the oldest first."""
    match row:
        case GroupRow(group=group):
            return group.failures
        case FailedTaskRow(failure=failure):
            return (failure,)
        case EndsRow(ends=ends):
            return ends
        case EndRow(end=end):
            return (end,)


def places(row: FailureRow) -> list[Failure | Attempt | WorkerEvent]:
    """Return where the tasks of a row were tried, or where its workers were."""
    return [
        place
        for member in members(row)
        for place in ((member.attempts or (member,)) if isinstance(member, Failure) else (member,))
    ]


def _count(row: FailureRow, now: datetime) -> str:
    del now
    return figures.short_count(len(members(row))) if isinstance(row, GroupRow | EndsRow) else ""


def _blocks(row: FailureRow, now: datetime) -> str:
    del now
    if isinstance(row, EndsRow | EndRow):
        return ""
    known = [one.blocks for one in members(row) if isinstance(one, Failure) and one.blocks is not None]
    return figures.short_count(sum(known)) if known else UNKNOWN


def short_time(at: datetime, now: datetime) -> str:
    """Return ``14:05:10`` of today, else ``Fri 14:05``, else ``21 Nov`` or ``2025-11``; at most nine cells."""
    then, today = local(at), local(now)
    if then.date() == today.date():
        return f"{then:%H:%M:%S}"
    if abs(then.date() - today.date()) < timedelta(days=7):
        return f"{then:%a %H:%M}"
    return f"{then.day} {then:%b}" if then.year == today.year else f"{then.year:04}-{then:%m}"


def _first(row: FailureRow, now: datetime) -> str:
    is_many = isinstance(row, GroupRow | EndsRow)
    return short_time(members(row)[0].at, now) if is_many and len(members(row)) > 1 else ""


def _last(row: FailureRow, now: datetime) -> str:
    return short_time(members(row)[-1].at, now)


def _one_or_number(names: Sequence[str | None], noun: str) -> str:
    known = list(dict.fromkeys(name for name in names if name))
    return known[0] if len(known) == 1 else f"{figures.short_count(len(known))} {noun}" if known else UNKNOWN


def _worker(row: FailureRow, now: datetime) -> str:
    del now
    if isinstance(row, EndRow):  # that is its label
        return ""
    names = [place.worker or place.address for place in places(row)]
    return _one_or_number(names, "workers")


def _job(row: FailureRow, now: datetime) -> str:
    del now
    return _one_or_number([place.job_id for place in places(row)], "jobs")


def _node(row: FailureRow, now: datetime) -> str:
    del now
    return _one_or_number([place.node for place in places(row)], "nodes")


def why(row: FailureRow) -> str:
    """Return the exception, or what ended the workers."""
    match row:
        case GroupRow(group=group):
            return short_reason(group.newest)
        case FailedTaskRow(failure=failure):
            return short_reason(failure)
        case EndsRow(ends=ends):
            causes = {cause_words(end) for end in ends}
            return causes.pop() if len(causes) == 1 else f"the last: {cause_words(ends[-1])}"
        case EndRow(end=end):
            return cause_words(end)


FAILURE_COLUMNS: dict[str, FailureColumn] = {
    "count": FailureColumn("COUNT", "failed tasks of this name that failed for the same reason", 5, _count, True),
    "blocks": FailureColumn("BLOCKS", "tasks that cannot run because they need these", 6, _blocks, True),
    "first": FailureColumn("FIRST", "when the first of them failed", 9, _first),
    "last": FailureColumn("LAST", "when the last of them failed", 9, _last),
    "worker": FailureColumn("WORKER", "the worker, or how many; for tasks also those of earlier attempts", 16, _worker),
    "job": FailureColumn("JOB", "the SLURM job of the worker, or how many", 8, _job),
    "node": FailureColumn("NODE", "the node of the worker, or how many", 8, _node),
}
MEANINGS = (
    *((column.head, column.meaning) for column in FAILURE_COLUMNS.values()),
    ("WHY", "the exception, or what ended the workers; of a group, of its newest task"),
    ("–", "unknown"),
)
"""What is on the page, and what it means."""
_LEFT_OUT_FIRST = ("node", "worker", "job", "blocks", "first", "count", "last")
_LABEL, _WHY = 18, 24
"""The least widths …"""
_ROOMY_WHY, _FEW = 40, 3
"""… and that of the reason with more columns than `_FEW`."""
_MOST_LABEL = 40
_SHORTER = (("killed by its nanny because of its memory use", "memory kill"), ("its job ended: ", "job "))
"""What is said in fewer words where the reason does not fit."""


class FailureLayout(NamedTuple):
    """The widths of a line, in cells."""

    label: int
    columns: dict[str, int]
    why: int


def fit_failure_layout(cells: int) -> FailureLayout:
    """Return the layout with the most columns that fits into `cells`; the reason takes what is left."""
    columns = {name: column.cells for name, column in FAILURE_COLUMNS.items()}
    for left_out in (None, *_LEFT_OUT_FIRST):
        columns = {name: wide for name, wide in columns.items() if name != left_out}
        why_cells = _WHY if len(columns) <= _FEW else _ROOMY_WHY
        spare = cells - (1 + _LABEL + sum(1 + wide for wide in columns.values()) + 1 + why_cells)
        if spare >= 0:
            more = min(spare // 4, _MOST_LABEL - _LABEL)
            return FailureLayout(_LABEL + more, columns, why_cells + spare - more)
    label = max(1, min(_LABEL, cells // 2))
    return FailureLayout(label, {}, max(0, cells - label - 2))


def _fitting(reason: str, cells: int) -> str:
    for long, short in _SHORTER:
        if width(reason) > cells:
            reason = reason.replace(long, short, 1)
    return reason


_LARGEST_FIRST = ("count", "blocks", "first", "last")
"""Other columns are sorted from A to Z."""


def failure_heads(layout: FailureLayout, sort: str | None = None, *, is_reversed: bool = False) -> list[Piece]:
    """Return the line of column heads, with an arrow at the sort column."""
    arrow = "↓" if (sort in _LARGEST_FIRST) != is_reversed else "↑"

    def head(name: str, words: str, cells: int, align: Align = "left") -> str:
        return fit(words[: max(0, cells - 1)] + arrow if name == sort else words, cells, align)

    text = " " + head("name", " " * INDENT + "TASK NAME · KEY", layout.label)
    for name, cells in layout.columns.items():
        column = FAILURE_COLUMNS[name]
        text += " " + head(name, column.head, cells, "right" if column.is_right else "left")
    return [Piece(f"{text} {head('why', 'WHY', layout.why)}", "head")]


def shown_failure_columns(layout: FailureLayout) -> dict[str, str]:
    """Return the columns that are shown, from left to right: name and head."""
    return {"name": "name"} | {name: FAILURE_COLUMNS[name].head for name in layout.columns} | {"why": "WHY"}


def failure_column_at(cell: int, layout: FailureLayout) -> str:
    """Return the column at a cell of a row."""
    end = 1 + layout.label
    if cell < end:
        return "name"
    for name, cells in layout.columns.items():
        end += 1 + cells
        if cell < end:
            return name
    return "why"


def failure_order(sort: str | None, now: datetime, *, is_reversed: bool) -> FailureOrder | None:
    """Return how groups are sorted by a column; ``None``: as they are."""
    if sort is None:
        return None
    return FailureOrder(lambda row: _value(row, sort, now), (sort in _LARGEST_FIRST) != is_reversed)


def _value(row: FailureRow, sort: str, now: datetime) -> Any:
    match sort:
        case "name":
            return row.label.casefold()
        case "why":
            return why(row).casefold()
        case "count":
            return len(members(row))
        case "blocks":
            return sum(one.blocks or 0 for one in members(row) if isinstance(one, Failure))
        case "first" | "last":
            return members(row)[0 if sort == "first" else -1].at
        case _:
            return FAILURE_COLUMNS[sort].text(row, now).casefold()


def failure_texts(row: FailureRow, layout: FailureLayout, now: datetime) -> tuple[str, ...]:
    """Return the label, the text of each column that is shown, and the reason."""
    return (row.label, *(FAILURE_COLUMNS[name].text(row, now) for name in layout.columns), why(row))


def failure_line(
    row: FailureRow, texts: Collection[str], layout: FailureLayout, glyphs: Glyphs, *, is_context: bool = False
) -> list[Piece]:
    """Return a row as a line; `texts` are those of `failure_texts`."""
    label, *others, reason = map(printable, texts)
    marker = "" if row.unfolded is None else glyphs.unfolded if row.unfolded else glyphs.folded
    start = " " * INDENT * row.depth + fit(marker, INDENT)
    room = max(0, layout.label - len(start))
    role: Role = "quiet" if is_context else "text" if row.depth else "strong"
    short = cut_key(label, room, KEY_TAIL)
    line = [Piece(" "), Piece(fit(start + short, layout.label), role)]
    for (name, cells), text in zip(layout.columns.items(), others, strict=True):
        align: Align = "right" if FAILURE_COLUMNS[name].is_right else "left"
        cell = cut_middle(text, cells) if name in ("worker", "node") else text
        quiet: Role = "quiet" if text in ("0", UNKNOWN) else "text"
        line.append(Piece(" " + fit(cell, cells, align), quiet))
    line.append(Piece(" " + fit(_fitting(reason, layout.why), layout.why), "quiet" if is_context else "bad"))
    return [Piece(glyphs.encode(text), role) for text, role in line]
