"""The panel of the work: its progress, a line for each task name, and why tasks failed or cannot run. Pure."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

from dasktop.collectors.analysis.failures import grouped
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.model.work import Work
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.boxes import BORDER_CELLS, BORDER_LINES, box, cells_of
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.text_width import cut, cut_middle, printable, width
from dasktop.tui.view.failures import short_reason
from dasktop.tui.view.work import (
    FAILED,
    UNFINISHED,
    UNKNOWN_WORK,
    WORDS,
    legend,
    marked_names,
    number_in,
    progress_line,
)
from dasktop.tui.view.work_columns import WorkColumnName, fit_work_layout, work_heads, work_line, work_texts
from dasktop.tui.view.work_details import need_words
from dasktop.tui.view.work_rows import NameRow, name_rows

_LEFT_OUT_FIRST: tuple[WorkColumnName, ...] = (
    *("elapsed", "held", "longest", "rate", "waiting", "blocked", "processing"),
    *("time", "mean", "failed", "eta", "done"),
)
_USUAL = (14, 12)
"""The widths of label and bar for which columns are left out."""
_HEAD_LINES = 1
_REASON_INDENT = 3
_OBVIOUS = {"done", "waiting"}
"""What a legend without room for all leaves out."""
_TITLE_CELLS = 6
"""What the border takes of a title."""


def work_panel(snapshot: Snapshot, cells: int, lines: int, glyphs: Glyphs) -> list[list[Piece]]:
    """Return the panel with its border, in exactly this size."""
    work = snapshot.work
    if work is None:
        return box([Piece("WORK", "strong")], [[Piece(f" {UNKNOWN_WORK}", "quiet")]], cells, lines)
    _, *progress = progress_line(work, snapshot.taken_at, cells - _TITLE_CELLS, glyphs)
    title = [Piece("WORK ", "strong"), *progress]
    rows = name_rows(work, marked_names(snapshot))
    content = _lines(rows, work, snapshot.taken_at, cells - BORDER_CELLS - 1, lines - BORDER_LINES, glyphs)
    shown = {word for row in rows for word in WORDS if number_in(row.states, word)}
    whole = legend(shown)
    foot = whole if cells_of(whole) <= cells - _TITLE_CELLS else legend(shown - _OBVIOUS)
    return box(title, content, cells, lines, foot)


def task_name_at(snapshot: Snapshot, lines: int, y: int) -> str | None:
    """Return the task name that a line of the panel shows, the border counted; ``None`` if it shows none."""
    if snapshot.work is None:
        return None
    shown = _chosen(name_rows(snapshot.work), lines - BORDER_LINES - _HEAD_LINES)
    place = y - 1 - _HEAD_LINES
    return shown[place].name.name if 0 <= place < len(shown) else None


def _lines(
    rows: Sequence[NameRow], work: Work, now: datetime, cells: int, lines: int, glyphs: Glyphs
) -> list[list[Piece]]:
    if not rows:
        return []
    layout = fit_work_layout(cells, _USUAL, _LEFT_OUT_FIRST)
    shown = _chosen(rows, lines - _HEAD_LINES)
    heads = work_heads(layout, None, is_reversed=False)
    content = [heads, *(work_line(row, work_texts(row, layout, now), layout, glyphs) for row in shown)]
    if len(shown) < len(rows):
        content.append([Piece(f"   and {figures.count(len(rows) - len(shown))} more: W", "quiet")])
    reasons = list(_reasons(work, cells))[: max(0, lines - len(content) - 1)]
    return [*content, *([[], *reasons] if reasons else [])]


def _reasons(work: Work, cells: int) -> Iterator[list[Piece]]:
    """Yield why tasks failed, the most frequent reason first, and why others cannot run."""
    for group in sorted(grouped(work.failures or ()), key=lambda group: len(group.failures), reverse=True):
        number = f" {figures.count(len(group.failures))}×" if len(group.failures) > 1 else ""
        yield _reason(group.newest.task_name, f" failed{number}: ", short_reason(group.newest), "bad", cells)
    needs = {task.task_name: need_words(task) for task in work.unrunnable}
    for name, need in needs.items():
        yield _reason(name, " cannot run: ", f"no worker {need}", "waiting", cells)


def _reason(name: str, what: str, why: str, role: Role, cells: int) -> list[Piece]:
    shown = cut_middle(printable(name), _USUAL[0] + _USUAL[1])
    room = max(0, cells - _REASON_INDENT - width(shown + what))
    return [Piece(" " * _REASON_INDENT + shown, "quiet"), Piece(what, role), Piece(cut(printable(why), room), "quiet")]


def _has(row: NameRow, words: Collection[str]) -> bool:
    return any(number_in(row.states, word) for word in words)


def _chosen(rows: Sequence[NameRow], most: int) -> list[NameRow]:
    """Return the rows to show, in their order: if there are too many, those that workers process now.

    Then those with other unfinished tasks, then those of which all others failed, and last those that are done.
    """
    if len(rows) <= most:
        return list(rows)

    def rank(row: NameRow) -> tuple[bool, ...]:
        return (not _has(row, ("processing",)), not _has(row, UNFINISHED), not _has(row, FAILED))

    keys = {row.key for row in sorted(rows, key=rank)[: max(1, most - 1)]}
    return [row for row in rows if row.key in keys]
