"""The panel of graphs: CPU, memory, busy threads and finished tasks of the last minutes, and what happened. Pure."""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.tui.draw.boxes import BORDER_CELLS, BORDER_LINES, box
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.graphs import graph, means
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.text_width import fit, width
from dasktop.tui.view.gauges import Gauge, Pasts, gauges_of
from dasktop.tui.view.happenings import legend, mark_line
from dasktop.tui.view.history import POINTS, SECONDS_PER_POINT, newest_point
from dasktop.tui.view.work import rate_text

_LABEL_CELLS = 16
_LEAST_GRAPH_CELLS = 10
_FEWEST_POINTS_PER_CELL = 2
"""In a graph that is too narrow for one cell a point."""
_LINES_WITH_GAP = 4
"""From this height on, there is an empty line above each graph."""
_EVENTS = "events"
_AXIS = "┈"
"""On the lowest line of a graph where nothing is known."""


class _Graph(NamedTuple):
    """A graph with its label."""

    gauge: Gauge
    top: float | None
    """Value of the full height; ``None``: the highest one."""

    def name(self, points: Sequence[float | None]) -> str:
        """Return the name, with the scale if the value does not say it."""
        highest = _highest(points)
        scale = rate_text(highest)
        is_said = self.top or not highest or scale in self.gauge.words
        return self.gauge.name if is_said else f"{self.gauge.name} max {scale}"

    def full(self, points: Sequence[float | None], lines: int, glyphs: Glyphs) -> float:
        """Return the value of the full height, such that the highest step stays free: a gap to the graph above."""
        steps = lines * len(glyphs.levels)
        return (self.top or _highest(points)) * steps / max(1, steps - 1)


def _highest(points: Sequence[float | None]) -> float:
    return max((point for point in points if point is not None), default=0.0)


def history_panel(
    snapshot: Snapshot, pasts: Pasts, cells: int, lines: int, glyphs: Glyphs, thresholds: Thresholds = DEFAULTS
) -> list[list[Piece]]:
    """Return the panel with its border, in exactly this size."""
    inner = cells - BORDER_CELLS
    content = history_lines(snapshot, pasts, inner, lines - BORDER_LINES, glyphs, thresholds)
    title = [Piece("HISTORY", "strong"), Piece(f"  last {minutes_shown(inner, pasts):.0f} min", "quiet")]
    return box(title, content, cells, lines, legend(content[-1]) if content else ())


def history_lines(
    snapshot: Snapshot, pasts: Pasts, cells: int, lines: int, glyphs: Glyphs, thresholds: Thresholds = DEFAULTS
) -> list[list[Piece]]:
    """Return the graphs, each with its name and value, in this many lines; the last one has the marks."""
    graphs = _graphs(snapshot, pasts, thresholds)
    graph_cells, per_cell = _scale(cells, pasts)
    room = max(0, lines - 1)
    content: list[list[Piece]] = []
    for number, each in enumerate(graphs):
        high = room // len(graphs) + (number < room % len(graphs))
        points = means(each.gauge.past, newest_point(snapshot), per_cell)
        gap = [" " * graph_cells] if high >= _LINES_WITH_GAP else []
        *above, lowest = (
            [*gap, *graph(points, graph_cells, high - len(gap), glyphs, each.full(points, high - len(gap), glyphs))]
            if high
            else [""]
        )
        drawn = [*([Piece(text, each.gauge.role)] for text in above), _with_axis(lowest, each.gauge.role)][:high]
        labels = _labels(each.gauge, each.name(points[-graph_cells:]), high)
        content += [[Piece(" "), *label, Piece(" "), *area] for label, area in zip(labels, drawn, strict=True)]
    label = Piece(f" {fit(_EVENTS, _LABEL_CELLS)} ", "quiet")
    return [*content, [label, *mark_line(snapshot, graph_cells, per_cell)]]


def minutes_shown(cells: int, pasts: Pasts) -> float:
    """Return how many minutes graphs of this width show, labels included."""
    graph_cells, per_cell = _scale(cells, pasts)
    return min(graph_cells * per_cell, POINTS) * SECONDS_PER_POINT / 60


def graph_place(cells: int) -> tuple[int, int]:
    """Return where graphs of this width, labels included, begin, and how wide they are without these."""
    return _LABEL_CELLS + 2, _graph_cells(cells)


def _graph_cells(cells: int) -> int:
    return max(_LEAST_GRAPH_CELLS, cells - _LABEL_CELLS - 3)


def _scale(cells: int, pasts: Pasts) -> tuple[int, int]:
    """Return the width of the graphs, and the points in a cell: so many that all known points are shown."""
    graph_cells = _graph_cells(cells)
    if graph_cells >= POINTS:
        return graph_cells, 1
    return graph_cells, max(_FEWEST_POINTS_PER_CELL, -(-max(map(len, pasts)) // graph_cells))


def _graphs(snapshot: Snapshot, pasts: Pasts, thresholds: Thresholds) -> list[_Graph]:
    graphs = [_Graph(gauge, 100) for gauge in gauges_of(snapshot, pasts, thresholds)]
    if snapshot.work is not None:
        rate = rate_text(snapshot.work.rate_per_second)
        graphs.append(_Graph(Gauge("TASKS", None, (rate,), "rate", past=pasts.tasks_per_second), None))
    return graphs


def _with_axis(lowest: str, role: Role) -> list[Piece]:
    """Return the lowest line of a graph, with the axis in the place of its blanks."""
    return [
        Piece(_AXIS * len(run), "track") if run.isspace() else Piece(run, role)
        for run in ("".join(of_kind) for _, of_kind in groupby(lowest, str.isspace))
    ]


def _labels(gauge: Gauge, name: str, lines: int) -> list[list[Piece]]:
    """Return the name and the value: in one line, or where there is room in two."""
    room = _LABEL_CELLS - (width(gauge.name) + 1 if lines == 1 else 0)
    words = gauge.trouble or _longest(gauge.words, room)
    value = Piece(fit(words.strip() if lines > 1 else words, room), "bad" if gauge.trouble else "text")
    if lines == 1:
        return [[Piece(gauge.name, "quiet"), Piece(" "), value]]
    blank = [Piece(" " * _LABEL_CELLS)]
    return [[Piece(fit(name, _LABEL_CELLS), "quiet")], [value], *[blank] * (lines - 2)][:lines]


def _longest(words: Sequence[str], room: int) -> str:
    return next((text for text in words if text and width(text) <= room), words[-1])
