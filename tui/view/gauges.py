"""The totals as gauges: their share of the allocation, and their graphs in one line. Pure."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from dasktop.collectors.model.snapshot import Snapshot, Totals
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.bars import bar, sparkline
from dasktop.tui.draw.boxes import cells_of
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.text_width import width
from dasktop.tui.view.cell_values import memory_role

# The dask task states that show progress, in display order.
_TASK_STATES = ("processing", "queued", "waiting", "no-worker")

# The width of a gauge's graph, and the index of its text: from the richest form to the shortest.
_FORMS = (
    (16, 0),
    (12, 0),
    (10, 0),
    (8, 0),
    (6, 0),
    (10, 1),
    (8, 1),
    (6, 1),
    (4, 1),
    (6, 2),
    (4, 2),
    (3, 2),
    (2, 2),
    (0, 0),
    (0, 1),
    (0, 2),
    (0, 3),
)
_TASKS_ROOM = (*(len("1,000 processing  1,000 queued"),) * 2, len("99 processing"))

_LEFT_OUT_FIRST = ("THREADS", "TASKS", "MEM")


class Pasts(NamedTuple):
    """The totals of the last minutes, the oldest first; ``None``: unknown."""

    cpu_percent: Sequence[float | None] = ()
    memory_bytes: Sequence[float | None] = ()
    threads_busy_percent: Sequence[float | None] = ()
    """100 = one thread."""
    tasks_per_second: Sequence[float | None] = ()


class Gauge(NamedTuple):
    """A total: its share of the allocation, and its texts from the longest to the shortest."""

    name: str
    percent: int | None
    words: Sequence[str]
    role: Role = "text"
    trouble: str = ""
    """A problem, shown after the text."""
    past: Sequence[float | None] = ()
    """Earlier values, in percent."""
    room: Sequence[int] = ()
    """Cells to reserve for each text next to graphs, so that graphs do not move when a text changes."""


def gauge_line(
    snapshot: Snapshot | None,
    cells: int,
    glyphs: Glyphs,
    pasts: Pasts | None = None,
    thresholds: Thresholds = DEFAULTS,
) -> list[Piece]:
    """Return the totals, each with a graph as wide as possible; without `pasts`, with bars.

    The last text may use all remaining room, since nothing follows it.
    """
    if snapshot is None:
        return [Piece("")]
    gauges = gauges_of(snapshot, pasts, thresholds)
    drawn = _bar_of if pasts is None else _graph_of
    line: list[Piece] = []
    for name in ("", *_LEFT_OUT_FIRST):
        gauges = [gauge for gauge in gauges if gauge.name != name]
        for graph_cells, which_words in _FORMS:
            line = _gauges_laid_out(gauges, graph_cells, glyphs, drawn, which_words)
            spare = sum(_spare(gauge, which_words) for gauge in gauges) if graph_cells else 0
            if cells_of(line) + spare <= cells:
                longer = (
                    _gauges_laid_out(gauges, graph_cells, glyphs, drawn, which_words, n) for n in range(which_words)
                )
                return next((line for line in longer if cells_of(line) <= cells), line)
    return line


def _spare(gauge: Gauge, which_words: int) -> int:
    """Return the cells that stay reserved for a gauge's text."""
    if not gauge.room:
        return 0
    words, room = gauge.words[min(which_words, len(gauge.words) - 1)], gauge.room[min(which_words, len(gauge.room) - 1)]
    return max(0, room - width(words))


def _bar_of(gauge: Gauge, cells: int, glyphs: Glyphs) -> Sequence[Piece]:
    """Return a total's share as a bar; it is known."""
    return bar(gauge.percent or 0, cells, gauge.role, glyphs)


def _graph_of(gauge: Gauge, cells: int, glyphs: Glyphs) -> Sequence[Piece]:
    """Return a total's past and current share as a graph."""
    return (Piece(sparkline([*gauge.past, gauge.percent], cells, glyphs, top=100), gauge.role),)


def _gauges_laid_out(
    gauges: Sequence[Gauge],
    graph_cells: int,
    glyphs: Glyphs,
    drawn: Callable[[Gauge, int, Glyphs], Sequence[Piece]],
    which_words: int,
    which_last: int | None = None,
) -> list[Piece]:
    line: list[Piece] = []
    for number, gauge in enumerate(gauges, 1):
        line.append(Piece(f"{' ' if not line else '  ' if which_words else '   '}{gauge.name} ", "quiet"))
        if gauge.percent is not None and graph_cells:
            line += [*drawn(gauge, graph_cells, glyphs), Piece(" ")]
        which = which_words if which_last is None or number < len(gauges) else which_last
        words = gauge.words[min(which, len(gauge.words) - 1)]
        line.append(Piece(words))
        if gauge.trouble:
            line += [Piece("  " if words else ""), Piece(gauge.trouble, "bad")]
    return line


def gauges_of(snapshot: Snapshot, pasts: Pasts | None, thresholds: Thresholds) -> list[Gauge]:
    """Return the totals: CPU, memory, busy threads, and tasks by state if more is not known of the work.

    Parameters
    ----------
    pasts
        ``None``: they are drawn as bars.
    """
    totals, has_pictures, pasts = snapshot.totals, pasts is not None, pasts or Pasts()
    gauges = [
        _cpu(totals)._replace(past=_shares(pasts.cpu_percent, totals.cpus_allocated, 1)),
        _memory(totals, thresholds)._replace(past=_shares(pasts.memory_bytes, totals.memory_allocated_bytes, 100)),
    ]
    if totals.threads is not None:
        threads = figures.count(totals.threads)
        busy = f"{figures.count(totals.threads_busy):>{len(threads)}}/{threads}"
        past = _shares(pasts.threads_busy_percent, totals.threads, 1)
        percent = figures.share(totals.threads_busy, totals.threads) if has_pictures else None
        gauges.append(Gauge("THREADS", percent, (f"{busy} busy", busy), "threads", past=past))
    if snapshot.work is None and snapshot.cluster.task_counts is not None:
        gauges.append(_tasks(snapshot.cluster.task_counts))
    return gauges


def _shares(past: Sequence[float | None], of: float | None, times: int) -> list[float | None]:
    return [None if value is None or not of else times * value / of for value in past]


def _cpu(totals: Totals) -> Gauge:
    if not totals.cpus_allocated:
        cores = None if totals.cpu_percent is None else f"{totals.cpu_percent / 100:.1f}"
        return Gauge("CPU", None, (f"{cores} cores busy", cores) if cores else (figures.UNKNOWN,))
    percent = figures.share(totals.cpu_percent, 100 * totals.cpus_allocated)
    words = f"{figures.percent_text(percent):>3} of {figures.count(totals.cpus_allocated)}"
    cores = "core" if totals.cpus_allocated == 1 else "cores"
    return Gauge("CPU", percent, (f"{words} {cores}", words), "cpu")


def _memory(totals: Totals, thresholds: Thresholds) -> Gauge:
    used = figures.bytes_text(totals.memory_bytes)
    if not totals.memory_allocated_bytes:
        return Gauge("MEM", None, (f"{used} used", used) if totals.memory_bytes is not None else (used,))
    percent = figures.share(totals.memory_bytes, totals.memory_allocated_bytes)
    words = f"{figures.percent_text(percent):>3} of {figures.bytes_text(totals.memory_allocated_bytes)}"
    return Gauge("MEM", percent, (words,), memory_role(percent, thresholds))


def _tasks(counts: dict[str, int]) -> Gauge:
    words = [f"{figures.count(counts[state])} {state}" for state in _TASK_STATES if counts.get(state)]
    erred = f"{figures.count(counts['erred'])} erred" if counts.get("erred") else ""
    # With room for one only, and erred tasks: waiting tasks are more useful than processing ones.
    texts = ["  ".join(some) or "none" for some in (words, words[:2], words[-1:] if erred else words[:1])]
    return Gauge("TASKS", None, [*texts, ""] if erred else texts, trouble=erred, room=_TASKS_ROOM)
