"""The columns of the work page: one record each; their widths for a screen width, and a row as pieces. Pure."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.numbers import UNKNOWN, is_long, seconds_text
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.text_width import cut_middle, fit
from dasktop.tui.draw.times import clock
from dasktop.tui.view.layout import INDENT
from dasktop.tui.view.work import (
    CANNOT_RUN,
    UNFINISHED,
    UNSPLIT,
    eta_text,
    is_stuck,
    number_in,
    rate_text,
    segments,
)
from dasktop.tui.view.work_rows import ComputationRow, NameRow, OtherNamesRow, WorkOrder, WorkRow

WorkColumnName = Literal[
    "done", "processing", "waiting", "failed", "blocked", "mean", "longest", "time", "rate", "held", "elapsed", "eta"
]
WorkSort = Literal["name"] | WorkColumnName
"""Sort keys; ``name`` is the label."""


class WorkColumn(NamedTuple):
    """One column."""

    head: str
    meaning: str
    cells: int
    """Width, at least one more than the head, for the arrow of the sort order."""
    value: Callable[[WorkRow], float | None]
    """Returns what rows are sorted by, the largest first; ``None``: unknown, or the column does not apply."""
    text: Callable[[WorkRow, datetime], str]
    """Returns the text at a time; empty where the column does not apply."""


def _number(head: str, meaning: str, cells: int, word: str) -> WorkColumn:
    def value(row: WorkRow) -> float:
        return number_in(row.states, word)

    return WorkColumn(head, meaning, cells, value, lambda row, _: figures.short_count(value(row)))


def _failed(row: WorkRow) -> float:
    return number_in(row.states, "failed") + number_in(row.states, UNSPLIT)


def _failed_text(row: WorkRow, now: datetime) -> str:
    del now
    at_most = "≤" if number_in(row.states, UNSPLIT) else ""
    return f"{at_most}{figures.short_count(_failed(row))}"


def _blocked_text(row: WorkRow, now: datetime) -> str:
    del now
    return UNKNOWN if number_in(row.states, UNSPLIT) else figures.short_count(number_in(row.states, "blocked"))


def _of_name(
    head: str,
    meaning: str,
    cells: int,
    value: Callable[[NameRow], float | None],
    text: Callable[[float | None], str],
) -> WorkColumn:
    return WorkColumn(
        head,
        meaning,
        cells,
        lambda row: value(row) if isinstance(row, NameRow) else None,
        lambda row, _: text(value(row)) if isinstance(row, NameRow) else "",
    )


def _waiting(row: WorkRow) -> float:
    return sum(number_in(row.states, word) for word in (CANNOT_RUN, "queued", "waiting"))


def _done_share(row: WorkRow) -> float | None:
    total = sum(row.states.values())
    return number_in(row.states, "done") / total if total > 0 else None


def _done_text(row: WorkRow, now: datetime) -> str:
    del now
    return f"{figures.short_count(number_in(row.states, 'done'))}/{figures.short_count(sum(row.states.values()))}"


def _share_text(share: float | None) -> str:
    return UNKNOWN if share is None else figures.percent_text(figures.percent(100 * share))


def _started(row: WorkRow) -> float | None:
    """Return since when a computation runs, negative, so that the longest comes first."""
    started = row.computation.started_at if isinstance(row, ComputationRow) else None
    return None if started is None else -started.timestamp()


def elapsed_seconds(row: ComputationRow, now: datetime) -> float | None:
    """Return how long a computation has run, or ran."""
    start, end = row.computation.started_at, row.computation.ended_at or now
    return None if start is None else max(0.0, (end - start).total_seconds())


def _elapsed_text(row: WorkRow, now: datetime) -> str:
    return seconds_text(elapsed_seconds(row, now)) if isinstance(row, ComputationRow) else ""


def _end(row: WorkRow) -> float | None:
    match row:
        case ComputationRow(computation=computation):
            eta = computation.eta
            end = computation.ended_at or (None if eta is None else eta.latest)
        case NameRow(name=name):
            end = None if name.eta is None else name.eta.latest
        case OtherNamesRow():
            end = None
    return None if end is None else end.timestamp()


def _end_text(row: WorkRow, now: datetime) -> str:
    match row:
        case ComputationRow(computation=computation):
            if computation.ended_at is not None:
                day_or_time = clock(computation.ended_at, now).split(" ")[0]
                return f"ended {day_or_time}"
            return CANNOT_RUN if is_stuck(row.states) else eta_text(computation.eta, now)
        case NameRow(name=name):
            if is_stuck(row.states):
                return CANNOT_RUN
            return eta_text(name.eta, now) if _has_rest(row) else ""
        case OtherNamesRow():
            return ""


def _has_rest(row: WorkRow) -> bool:
    return any(number_in(row.states, word) for word in UNFINISHED)


WORK_COLUMNS: dict[WorkColumnName, WorkColumn] = {
    "done": WorkColumn("DONE", "tasks that are done / all tasks", 13, _done_share, _done_text),
    "processing": _number("PROC", "tasks that workers run, or will run next", 6, "processing"),
    "waiting": WorkColumn(
        "WAIT",
        "tasks that are queued, wait for others, or cannot run",
        6,
        _waiting,
        lambda row, _: figures.short_count(_waiting(row)),
    ),
    "failed": WorkColumn("FAILED", "tasks that failed themselves", 7, _failed, _failed_text),
    "blocked": WorkColumn(
        *("BLOCKED", "tasks that cannot run because they need a failed one", 8),
        lambda row: number_in(row.states, "blocked"),
        _blocked_text,
    ),
    "mean": _of_name("MEAN", "mean time of a task", 6, lambda row: row.name.seconds_mean, seconds_text),
    "longest": _of_name("LONGEST", "the longest time of a task", 8, lambda row: row.longest_seconds, seconds_text),
    "time": _of_name(
        "TIME",
        "share of the time of all tasks so far, running ones included",
        5,
        lambda row: row.time_share,
        _share_text,
    ),
    "rate": _of_name("RATE", "tasks done per second or minute", 7, lambda row: row.name.rate_per_second, rate_text),
    "held": _of_name(
        "HELD", "memory of results (dask's estimate)", 5, lambda row: row.name.bytes_stored, figures.bytes_text
    ),
    "elapsed": WorkColumn("ELAPSED", "time since a computation began", 8, _started, _elapsed_text),
    "eta": WorkColumn("ETA", "when the rest will be done, or the end", 11, _end, _end_text),
}
MEANINGS = (
    *((column.head, column.meaning) for column in WORK_COLUMNS.values()),
    (CANNOT_RUN, "no worker may run what is left, or there is none"),
    ("≤", "it is not known which of the tasks failed, and which only need a failed one"),
    ("!", "tasks failed, or a finding is about them: its details have it"),
    ("(in 2)", "two computations have the name; its figures are of both"),
    ("–", "unknown"),
)
"""What is on the page, and what it means."""
_LEFT_OUT_FIRST: tuple[WorkColumnName, ...] = (
    *(
        "elapsed",
        "held",
        "rate",
        "longest",
        "waiting",
        "processing",
        "blocked",
        "eta",
        "time",
        "mean",
        "failed",
        "done",
    ),
)
_LEAST = (16, 10)
"""The least widths of label and bar …"""
_USUAL, _FEW = (19, 16), 5
"""… and with more columns than `_FEW`."""
_ROOMY_NAME = 24
"""From this width of the label on, columns are two cells apart, and the head names both levels."""
_GROWTH = ((24, 12), (30, 20), (44, 40), (60, 60))
"""Widths of label and bar, growing step by step."""


class WorkLayout(NamedTuple):
    """The widths of a line, in cells."""

    label: int
    bar: int
    columns: dict[WorkColumnName, int]
    gap: int = 1

    @property
    def cells(self) -> int:
        """The width of a whole line, with a margin of one cell on the left."""
        return 1 + self.label + self.gap + self.bar + sum(self.gap + cells for cells in self.columns.values())


def fit_work_layout(
    cells: int, usual: tuple[int, int] = _USUAL, left_out_first: Sequence[WorkColumnName] = _LEFT_OUT_FIRST
) -> WorkLayout:
    """Return the layout with the most columns that fits into `cells`.

    Parameters
    ----------
    usual
        The widths of label and bar for which columns beyond the most useful ones are left out.
    left_out_first
        All columns, the least useful one first.
    """
    columns = {name: column.cells for name, column in WORK_COLUMNS.items()}
    for left_out in (None, *left_out_first):
        columns = {name: width for name, width in columns.items() if name != left_out}
        label, bar = _LEAST if len(columns) <= _FEW else usual
        for layout in (WorkLayout(_ROOMY_NAME, max(bar, usual[1]), columns, 2), WorkLayout(label, bar, columns, 1)):
            if layout.cells <= cells:
                return _spread(layout, cells - layout.cells)
    return WorkLayout(max(1, cells - 2), 0, {}, 1)


def _spread(layout: WorkLayout, spare: int) -> WorkLayout:
    if "eta" in layout.columns:
        more = min(spare // 4, 4)  # for the day of the week
        layout = layout._replace(columns=layout.columns | {"eta": layout.columns["eta"] + more})
        spare -= more
    for label, bar in _GROWTH:
        more = min(spare, max(0, label - layout.label))
        layout, spare = layout._replace(label=layout.label + more), spare - more
        more = min(spare, max(0, bar - layout.bar))
        layout, spare = layout._replace(bar=layout.bar + more), spare - more
    return layout


def work_heads(layout: WorkLayout, sort: WorkSort | None, *, is_reversed: bool) -> list[Piece]:
    """Return the line of column heads, with an arrow at the sort column."""
    arrow = "↓" if (sort != "name") != is_reversed else "↑"
    label = " " * INDENT + ("COMPUTATION · TASK NAME" if layout.label > _ROOMY_NAME else "TASK NAME")
    text = " " + (fit(label[: layout.label - 1] + arrow, layout.label) if sort == "name" else fit(label, layout.label))
    text += " " * (layout.gap + layout.bar)
    for name, cells in layout.columns.items():
        words = WORK_COLUMNS[name].head + (arrow if sort == name else "")
        text += " " * layout.gap + fit(words, cells, "right")
    return [Piece(text, "head")]


def work_column_at(cell: int, layout: WorkLayout) -> WorkSort | None:
    """Return the column at a cell of a line; the label and the bar sort by name and by what is done."""
    end = 1 + layout.label
    if cell < end:
        return "name"
    end += layout.gap + layout.bar
    if cell < end:
        return "done"
    for name, cells in layout.columns.items():
        end += layout.gap + cells
        if cell < end:
            return name
    return None


def work_order(sort: WorkSort | None, *, is_reversed: bool) -> WorkOrder | None:
    """Return how rows are sorted by a column; by name from A to Z, else the largest first."""
    if sort is None:
        return None
    if sort == "name":
        return WorkOrder(lambda row: row.label.casefold(), is_reversed)
    return WorkOrder(WORK_COLUMNS[sort].value, not is_reversed)


def work_line(
    row: WorkRow, texts: dict[WorkColumnName, str], layout: WorkLayout, glyphs: Glyphs, *, is_context: bool = False
) -> list[Piece]:
    """Return a row as a line; `texts` are those of `work_texts`."""
    is_marked = row.has_finding or _failed(row) > 0
    marker = "" if row.unfolded is None else glyphs.unfolded if row.unfolded else glyphs.folded
    start = " " * INDENT * row.depth + fit(marker, INDENT)
    role: Role = "quiet" if is_context else "text" if isinstance(row, NameRow) else "strong"
    label = fit(start + cut_middle(row.label, max(0, layout.label - len(start))), layout.label)
    line = [Piece("!" if is_marked else " ", "bad"), Piece(label, role), Piece(" " * layout.gap)]
    line += segments(row.states, layout.bar)
    for name, cells in layout.columns.items():
        line.append(Piece(" " * layout.gap + fit(texts[name], cells, "right"), _role(row, name, texts[name])))
    return [Piece(glyphs.encode(text), role) for text, role in line]


def work_texts(row: WorkRow, layout: WorkLayout, now: datetime) -> dict[WorkColumnName, str]:
    """Return the text of each column that is shown."""
    return {name: WORK_COLUMNS[name].text(row, now) for name in layout.columns}


def _role(row: WorkRow, name: WorkColumnName, text: str) -> Role:
    if text in ("0", "0%", "0B", UNKNOWN):
        return "quiet"
    is_outlier = name == "longest" and isinstance(row, NameRow) and is_long(row.longest_seconds, row.name.seconds_mean)
    if text == CANNOT_RUN or is_outlier:
        return "waiting"
    return "bad" if name in ("failed", "blocked") else "text"
