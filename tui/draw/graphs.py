"""Graphs of several lines. Pure."""

from collections.abc import Sequence

from dasktop.tui.draw.glyphs import Glyphs


def graph(
    points: Sequence[float | None], cells: int, lines: int, glyphs: Glyphs, top: float | None = None
) -> list[str]:
    """Return the latest points as an area, from the highest line to the lowest; the newest point is at the right.

    Unknown points are blank. Any other point is visible, also 0.

    Parameters
    ----------
    points
        The oldest first, one for each cell; see `means`.
    top
        Value of the full height, such as an allocation. ``None`` or 0: the highest of these points.
    """
    shown = points[-cells:] if cells > 0 else ()
    full = top or max((point for point in shown if point is not None), default=0)
    heights = [_height(point, full, lines * len(glyphs.levels)) for point in shown]
    blank = " " * max(0, cells - len(shown))
    return [blank + "".join(_part(height, line, glyphs) for height in heights) for line in reversed(range(lines))]


def _height(point: float | None, full: float, steps: int) -> int:
    """Return the height of a point in steps; 0 only if it is unknown."""
    if point is None:
        return 0
    # In an edited recording, a point may be negative or infinite.
    share = min(1.0, max(0.0, point / full)) if full > 0 else 0.0
    return max(1, round(steps * share))


def _part(height: int, line: int, glyphs: Glyphs) -> str:
    """Return the part of a point that is in a line, counted from the bottom."""
    steps = min(height - line * len(glyphs.levels), len(glyphs.levels))
    return glyphs.levels[steps - 1] if steps > 0 else " "


def means(points: Sequence[float | None], newest: int, each: int) -> list[float | None]:
    """Return the means of groups of points; unknown ones are left out, and a group without any is unknown.

    Groups begin at multiples of ``each``, so that a group keeps its points when a new one comes.

    Parameters
    ----------
    newest
        The number of the last point, counted from a fixed one.
    each
        The number of points in a group.
    """
    first = newest - len(points) + 1
    groups: dict[int, list[float]] = {}
    for number, point in enumerate(points, start=first):
        group = groups.setdefault(number // each, [])
        if point is not None:
            group.append(point)
    return [sum(group) / len(group) if group else None for group in groups.values()]
