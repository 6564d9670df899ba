"""Horizontal bars of exact width. Pure."""

from collections.abc import Sequence

from dasktop.tui.draw.glyphs import Glyphs


def bar(percent: float, cells: int, glyphs: Glyphs) -> str:
    """Return a bar of ``cells`` cells, filled to ``percent``.

    Drawn in eighths of a cell where the glyphs have them. Anything above nothing shows, and only all of it looks full.
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
    """Return the latest points in ``cells`` cells, the newest at the right; blank where there is none, or unknown.

    Parameters
    ----------
    points
        The oldest first; see `history.Past`.
    top
        What is drawn full, such as an allocation. ``None`` or 0: the highest of these points.
    """
    shown = points[-cells:] if cells > 0 else ()
    full = top or max((point for point in shown if point is not None), default=0)
    highest = len(glyphs.levels) - 1
    return "".join(
        # Of an edited file, a point may be below 0, or as endless as what is full.
        " " if point is None else glyphs.levels[round(highest * min(1.0, max(0.0, point / full))) if full > 0 else 0]
        for point in shown
    ).rjust(max(0, cells))
