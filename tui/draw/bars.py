"""Bars and sparklines of exact width. Pure."""

from collections.abc import Sequence
from functools import lru_cache
from math import ceil

from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece, Role

TARGET, SPILL, PAUSE, TERMINATE = 60, 70, 80, 95
"""Shares of a worker's memory limit from which dask spills results, spills more, pauses the worker, and kills it."""
_MARKED = (PAUSE, TARGET, TERMINATE, SPILL)
"""Which of them a bar marks, as long as there is room."""
_MARKED_FROM_CELLS = 12
_APART = 3
"""Least distance of two marks in cells; closer ones look like a scale."""


@lru_cache(maxsize=8192)
def bar(
    percent: float,
    cells: int,
    role: Role,
    glyphs: Glyphs,
    *,
    solid_percent: float | None = None,
    is_marked: bool = False,
) -> tuple[Piece, ...]:
    """Return a bar of ``cells`` cells: a heavy line up to ``percent`` on a light track, in half cells if possible.

    Any value above 0 is visible, and only 100 % looks full.

    Parameters
    ----------
    solid_percent
        Where the line changes from solid to dashed, for an amount of two parts; ``None``: it is solid.
    is_marked
        Whether it is of a worker's limit: the shares at which dask acts are marked, if the bar is long enough.
    """
    steps = 2 if glyphs.half else 1
    filled = min(max(round(percent / 100 * cells * steps), 0), cells * steps)
    if 0 < percent < 100 and cells * steps > 1:
        filled = min(max(filled, 1), cells * steps - 1)
    full, half = divmod(filled, steps)
    solid = full if solid_percent is None else _solid(solid_percent, percent, full, cells)
    drawn = glyphs.solid * solid + glyphs.dashed * (full - solid) + glyphs.half * half
    track = glyphs.track * (cells - len(drawn))
    if is_marked and cells >= _MARKED_FROM_CELLS:
        line = list(drawn + track)
        for at, share in _marks(cells):
            line[at] = glyphs.reached if percent >= share else glyphs.mark
        drawn, track = "".join(line[: len(drawn)]), "".join(line[len(drawn) :])
    return tuple(Piece(text, of) for text, of in ((drawn, role), (track, "track")) if text)


def _solid(solid_percent: float, percent: float, full: int, cells: int) -> int:
    """Return how many of the ``full`` cells are solid; with room for both parts, each part is visible."""
    solid = min(max(round(solid_percent / 100 * cells), 0), full)
    if full > 1 and 0 < solid_percent < percent:
        solid = min(max(solid, 1), full - 1)
    return solid


@lru_cache(maxsize=256)
def _marks(cells: int) -> tuple[tuple[int, int], ...]:
    """Return cell and share of each mark that has room: the last cell before its share, and never the last of all."""
    marks: list[tuple[int, int]] = []
    for share in _MARKED:
        at = min(ceil(cells * share / 100), cells - 1) - 1
        if all(abs(at - other) >= _APART for other, _ in marks):
            marks.append((at, share))
    return tuple(marks)


def bar_text(percent: float, cells: int, glyphs: Glyphs) -> str:
    """Return a bar without roles."""
    return "".join(piece.text for piece in bar(percent, cells, "text", glyphs))


def sparkline(points: Sequence[float | None], cells: int, glyphs: Glyphs, top: float | None = None) -> str:
    """Return the latest points in ``cells`` cells, the newest at the right; unknown points are blank.

    Parameters
    ----------
    points
        The oldest first; see `history.Past`.
    top
        Value of the full height, such as an allocation. ``None`` or 0: the highest of these points.
    """
    shown = points[-cells:] if cells > 0 else ()
    full = top or max((point for point in shown if point is not None), default=0)
    highest = len(glyphs.levels) - 1
    return "".join(
        # In an edited recording, a point may be negative or infinite.
        " " if point is None else glyphs.levels[round(highest * min(1.0, max(0.0, point / full))) if full > 0 else 0]
        for point in shown
    ).rjust(max(0, cells))
