"""The panel above the tree: the task names of which not all tasks are done, a line each. Pure."""

from collections.abc import Collection, Sequence
from datetime import datetime

from dasktop.collectors.model.work import Work
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.view.work import FAILED, UNFINISHED, number_in
from dasktop.tui.view.work_columns import fit_work_layout, work_heads, work_line, work_texts
from dasktop.tui.view.work_rows import NameRow, name_rows

FROM_CELLS, FROM_LINES = 110, 40
"""The smallest screen with a panel."""
_MOST_NAMES = 8
_LINES_FOR_OTHERS = 32
"""Lines that the tree, the details and the rest need."""


def names_that_fit(cells: int, lines: int) -> int:
    """Return how many task names a panel has room for on a screen of this size; 0: no panel."""
    if cells < FROM_CELLS or lines < FROM_LINES:
        return 0
    return min(_MOST_NAMES, (lines - _LINES_FOR_OTHERS) // 2)


def panel_lines(
    work: Work | None, now: datetime, cells: int, most: int, glyphs: Glyphs, marked: Collection[str] = frozenset()
) -> list[list[Piece]]:
    """Return a line of column heads, one for each of at most `most` names, and how many more there are.

    If all tasks are done, there are no lines. ``marked`` are the task names that findings are about.
    """
    rows = name_rows(work, marked) if work is not None and most > 0 else []
    not_done = [row for row in rows if _has(row, UNFINISHED) or _has(row, FAILED)]
    if not not_done:
        return []
    layout = fit_work_layout(cells, (20, 24))
    lines = [work_heads(layout, None, is_reversed=False)]
    shown = _chosen(not_done, most)
    lines += [work_line(row, work_texts(row, layout, now), layout, glyphs) for row in shown]
    if len(shown) < len(not_done):
        lines.append([Piece(f"   and {figures.count(len(not_done) - len(shown))} more not done", "quiet")])
    return [[Piece(glyphs.encode(text), role) for text, role in line] for line in lines]


def _has(row: NameRow, words: Collection[str]) -> bool:
    return any(number_in(row.states, word) for word in words)


def _chosen(rows: Sequence[NameRow], most: int) -> list[NameRow]:
    """Return the rows to show, in their order: if there are too many, those that workers process now.

    Then those with other unfinished tasks, and last those of which all others failed.
    """
    if len(rows) <= most:
        return list(rows)
    first = sorted(rows, key=lambda row: (not _has(row, ("processing",)), not _has(row, UNFINISHED)))
    keys = {row.key for row in first[: max(1, most - 1)]}
    return [row for row in rows if row.key in keys]
