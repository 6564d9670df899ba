"""Bars and sparklines of exact width. Pure."""

from collections.abc import Sequence

from dasktop.tui.draw.glyphs import Glyphs


def bar(percent: float, cells: int, glyphs: Glyphs) -> str:
    """Return a bar of ``cells`` cells, filled to ``percent``.

    Drawn in eighths of a cell if the glyphs have them. Any value above 0 is visible, and only 100 % looks full.
    """
    parts = len(glyphs.blocks) - 1
    whole = cells * parts
    filled = min(max(round(percent / 100 * whole), 0), whole)
    if 0 < percent < 100 and whole > 1:
        filled = min(max(filled, 1), whole - 1)
    full, part = divmod(filled, parts)
    text = glyphs.blocks[-1] * full + (glyphs.blocks[part] if part else "")
    return text + glyphs.blocks[0] * (cells - len(text))


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
