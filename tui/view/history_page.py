"""The lines of the history page: graphs, a time axis, a legend, and what happened, the newest first. Pure."""

from datetime import timedelta
from heapq import nlargest

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.tui.draw.boxes import cropped
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.draw.text_width import fit, printable, wrap
from dasktop.tui.draw.times import local
from dasktop.tui.view.gauges import Pasts
from dasktop.tui.view.happenings import MARKS, Happening, happenings
from dasktop.tui.view.history_panel import graph_place, history_lines, minutes_shown

_FEWEST_GRAPH_LINES, _MOST_GRAPH_LINES = 9, 33
_MOST_LISTED = 300
_TIME_CELLS = len("04:08:12 + ")


def history_page_lines(
    snapshot: Snapshot, pasts: Pasts, cells: int, lines: int, glyphs: Glyphs, thresholds: Thresholds = DEFAULTS
) -> list[list[Piece]]:
    """Return the lines for a page with room for `lines`; there may be more.

    Two thirds are for the graphs.
    """
    high = max(_FEWEST_GRAPH_LINES, min(_MOST_GRAPH_LINES, lines * 2 // 3))
    content = history_lines(snapshot, pasts, cells, high, glyphs, thresholds)
    content += [_axis(snapshot, pasts, cells), [], cropped(_legend(), cells), []]
    content += [line for happening in _listed(snapshot) for line in _lines_of(happening, cells)]
    return [[Piece(glyphs.encode(text), role) for text, role in line] for line in content]


def happenings_at_end(snapshot: Snapshot, cells: int) -> list[Happening]:
    """Return what each of the last lines of the page tells; the lines above them are graphs and their legend."""
    return [happening for happening in _listed(snapshot) for _ in _lines_of(happening, cells)]


def _listed(snapshot: Snapshot) -> list[Happening]:
    return nlargest(_MOST_LISTED, happenings(snapshot), key=lambda one: one.at)


def _lines_of(happening: Happening, cells: int) -> list[list[Piece]]:
    mark = MARKS[happening.kind]
    first, *more = wrap(printable(happening.words), max(1, cells - _TIME_CELLS)) or [""]
    head = [Piece(f"{local(happening.at):%H:%M:%S} ", "quiet"), Piece(f"{mark.character} ", mark.role)]
    return [[*head, Piece(first)], *([Piece(" " * _TIME_CELLS + text)] for text in more)]


def _axis(snapshot: Snapshot, pasts: Pasts, cells: int) -> list[Piece]:
    """Return the times of the first and the last cell of the graphs."""
    left, graph_cells = graph_place(cells)
    now = local(snapshot.taken_at)
    begin = now - timedelta(minutes=minutes_shown(cells, pasts))
    times = f"{begin:%H:%M}" + f"{now:%H:%M}".rjust(max(0, graph_cells - len("00:00")))
    return [Piece(fit(" " * left + times, cells), "quiet")]


def _legend() -> list[Piece]:
    return [
        piece
        for kind, mark in reversed(MARKS.items())
        for piece in (Piece(f" {mark.character}", mark.role), Piece(f" {kind} ", "quiet"))
    ]
