"""The header: the cluster, the state of the sources, and usage as a share of the allocation. Pure."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from dasktop.collectors.model.snapshot import Snapshot, Source, SourceState, Totals
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.collectors.text.format import counted
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.bars import bar, sparkline
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.text_width import cut, printable, width
from dasktop.tui.draw.times import local
from dasktop.tui.view.cells import memory_role
from dasktop.tui.view.work import progress_line

NAME = "dasktop"

_SHORT_SOURCES = {"slurm.queue": "slurm", "slurm.accounting": "acct"}
_MAIN_SOURCES = ("dask", *_SHORT_SOURCES)
_SOURCE_ROLES: dict[SourceState, Role] = {"ok": "quiet", "off": "quiet", "stale": "waiting", "error": "bad"}

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


def summary_lines(
    snapshot: Snapshot | None,
    cells: int,
    glyphs: Glyphs,
    *,
    read_only: bool,
    is_replay: bool = False,
    is_paused: bool = False,
    interval: str = "",
    pasts: Pasts | None = None,
    thresholds: Thresholds = DEFAULTS,
) -> list[list[Piece]]:
    """Return the header for a width of `cells`; before the first snapshot, which sources are being queried.

    Parameters
    ----------
    interval
        The poll interval, if it is to be shown.
    """
    modes = {"read-only": read_only and not is_replay, "paused": is_paused, interval: bool(interval)}
    words = title_words(snapshot) | {mode: mode for mode, is_on in modes.items() if is_on}
    title = _title_line(snapshot, cells, words, is_replay=is_replay)
    lines = [title, gauge_line(snapshot, cells, glyphs, pasts, thresholds)]
    if snapshot is not None and snapshot.work is not None:
        lines.append(progress_line(snapshot.work, snapshot.taken_at, cells, glyphs))
    problems = "   ! ".join(problem_words(snapshot)) if snapshot is not None else ""
    if problems:
        lines.append([Piece(" " + cut(f"! {problems}", max(0, cells - 1)), "bad")])
    return [[Piece(glyphs.encode(text), role) for text, role in _cropped(line, cells)] for line in lines]


def title_words(snapshot: Snapshot | None) -> dict[str, str]:
    """Return the texts that name the cluster and its size, in display order."""
    if snapshot is None:
        return {"address": "asking the scheduler…", "jobs": "asking SLURM…"}
    totals, owner = snapshot.totals, snapshot.cluster.owner
    words = {"address": snapshot.cluster.scheduler_address or "asking the scheduler…"}
    if owner is not None:
        words["owner"] = owner.class_name
    if owner is not None and owner.adaptive is not None:
        words["adaptive"] = "adaptive"
    if totals.jobs_running is not None:
        not_submitted = len(owner.not_submitted) if owner is not None else 0
        words["jobs"] = _jobs(totals.jobs_running, (totals.jobs_pending or 0) + not_submitted)
    if totals.workers is not None:
        words["workers"] = counted(totals.workers, "worker")
    return {name: printable(text) for name, text in words.items()}


def _replay_words(snapshot: Snapshot | None) -> dict[str, str]:
    """Return the label of a replay, with the time of the snapshot."""
    if snapshot is None:
        return {"replay": "replay"}
    return {"replay": f"replay of {local(snapshot.taken_at):%Y-%m-%d %H:%M:%S}"}


def _jobs(running: int, pending: int) -> str:
    """Return ``6 of 8 jobs``: running jobs, of running and pending ones."""
    jobs = counted(running + pending, "job")
    return f"{figures.count(running)} of {jobs}" if pending else jobs


def source_pieces(sources: Sequence[Source]) -> list[Piece]:
    """Return the states of the main sources, and of others with a problem; without age, which always changes."""
    return [
        Piece(_source_words(source), _role_of(source))
        for source in sources
        if not _is_idle(source) and (source.name in _MAIN_SOURCES or _role_of(source) != "quiet")
    ]


def _source_words(source: Source) -> str:
    name = printable(_SHORT_SOURCES.get(source.name, source.name.rpartition(".")[2]))
    if source.state == "ok":
        return f"{name} {figures.latency(source.latency_seconds)}"
    return f"{name} asking…" if _is_asked_first(source) else f"{name} {source.state}"


def _role_of(source: Source) -> Role:
    return "quiet" if _is_asked_first(source) else _SOURCE_ROLES[source.state]


def _is_idle(source: Source) -> bool:
    """Return whether the source has never been needed."""
    return source.state == "off" and source.error is None


def _is_asked_first(source: Source) -> bool:
    """Return whether the source has neither answered nor failed yet."""
    return source.state == "stale" and source.age_seconds is None and source.error is None


def problem_words(snapshot: Snapshot) -> list[str]:
    """Return the errors of sources that are not off, except errors that a finding already contains."""
    messages = [finding.message for finding in snapshot.findings if finding.code == "source-stale"]
    errors = [source.error for source in snapshot.sources if source.error and source.state != "off"]
    return [printable(error) for error in errors if not any(error in message for message in messages)]


def _title_line(snapshot: Snapshot | None, cells: int, words: dict[str, str], *, is_replay: bool) -> list[Piece]:
    if is_replay:
        words = _replay_words(snapshot) | words
    sources = snapshot.sources if snapshot is not None else ()
    for left, right in _title_forms(words, sources):
        text = f"  {' · '.join(left.values())}"
        right_cells = _cells_of(right) + 2 * len(right)
        spare = cells - 1 - len(NAME) - width(text) - right_cells
        if spare >= 1:
            break
    else:
        right, spare = [], 0
    title = [Piece(f" {NAME}", "strong"), Piece(cut(text, max(0, cells - 1 - len(NAME))))]
    if right:
        title.append(Piece(" " * (spare - 1)))
    for piece in right:
        title += [Piece("  "), piece]
    return title


def _title_forms(words: dict[str, str], sources: Sequence[Source]) -> Iterator[tuple[dict[str, str], list[Piece]]]:
    """Yield the left and right side of the title, from the richest form to the shortest."""
    full = source_pieces(sources)
    troubled = [piece for piece in full if piece.role != "quiet"]
    all_ok = bool(sources) and all(source.state in {"ok", "off"} for source in sources)
    brief = [Piece("sources ok", "quiet")] if all_ok else troubled
    yield words, full
    left = dict(words)
    left.pop("owner", None)
    yield left, full
    yield left, brief
    yield left, troubled
    # For a replay, time and size are more useful than the address.
    for name in ("address", "workers", "jobs") if "replay" in words else ("workers", "jobs", "adaptive"):
        left = {key: text for key, text in left.items() if key != name}
        yield left, troubled
    yield left, []


class _Gauge(NamedTuple):
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
    gauges = _gauges(snapshot, pasts, thresholds)
    drawn = _bar_of if pasts is None else _graph_of
    line: list[Piece] = []
    for name in ("", *_LEFT_OUT_FIRST):
        gauges = [gauge for gauge in gauges if gauge.name != name]
        for graph_cells, which_words in _FORMS:
            line = _gauges_laid_out(gauges, graph_cells, glyphs, drawn, which_words)
            spare = sum(_spare(gauge, which_words) for gauge in gauges) if graph_cells else 0
            if _cells_of(line) + spare <= cells:
                longer = (
                    _gauges_laid_out(gauges, graph_cells, glyphs, drawn, which_words, n) for n in range(which_words)
                )
                return next((line for line in longer if _cells_of(line) <= cells), line)
    return line


def _spare(gauge: _Gauge, which_words: int) -> int:
    """Return the cells that stay reserved for a gauge's text."""
    if not gauge.room:
        return 0
    words, room = gauge.words[min(which_words, len(gauge.words) - 1)], gauge.room[min(which_words, len(gauge.room) - 1)]
    return max(0, room - width(words))


def _bar_of(gauge: _Gauge, cells: int, glyphs: Glyphs) -> Sequence[Piece]:
    """Return a total's share as a bar; it is known."""
    return bar(gauge.percent or 0, cells, gauge.role, glyphs)


def _graph_of(gauge: _Gauge, cells: int, glyphs: Glyphs) -> Sequence[Piece]:
    """Return a total's past and current share as a graph."""
    return (Piece(sparkline([*gauge.past, gauge.percent], cells, glyphs, top=100), gauge.role),)


def _gauges_laid_out(
    gauges: Sequence[_Gauge],
    graph_cells: int,
    glyphs: Glyphs,
    drawn: Callable[[_Gauge, int, Glyphs], Sequence[Piece]],
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


def _gauges(snapshot: Snapshot, pasts: Pasts | None, thresholds: Thresholds) -> list[_Gauge]:
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
        gauges.append(_Gauge("THREADS", percent, (f"{busy} busy", busy), "quiet", past=past))
    if snapshot.work is None and snapshot.cluster.task_counts is not None:
        gauges.append(_tasks(snapshot.cluster.task_counts))
    return gauges


def _shares(past: Sequence[float | None], of: float | None, times: int) -> list[float | None]:
    return [None if value is None or not of else times * value / of for value in past]


def _cpu(totals: Totals) -> _Gauge:
    if not totals.cpus_allocated:
        cores = None if totals.cpu_percent is None else f"{totals.cpu_percent / 100:.1f}"
        return _Gauge("CPU", None, (f"{cores} cores busy", cores) if cores else (figures.UNKNOWN,))
    percent = figures.share(totals.cpu_percent, 100 * totals.cpus_allocated)
    words = f"{figures.percent_text(percent):>3} of {figures.count(totals.cpus_allocated)}"
    cores = "core" if totals.cpus_allocated == 1 else "cores"
    return _Gauge("CPU", percent, (f"{words} {cores}", words), "cpu")


def _memory(totals: Totals, thresholds: Thresholds) -> _Gauge:
    used = figures.bytes_text(totals.memory_bytes)
    if not totals.memory_allocated_bytes:
        return _Gauge("MEM", None, (f"{used} used", used) if totals.memory_bytes is not None else (used,))
    percent = figures.share(totals.memory_bytes, totals.memory_allocated_bytes)
    words = f"{figures.percent_text(percent):>3} of {figures.bytes_text(totals.memory_allocated_bytes)}"
    return _Gauge("MEM", percent, (words,), memory_role(percent, thresholds))


def _tasks(counts: dict[str, int]) -> _Gauge:
    words = [f"{figures.count(counts[state])} {state}" for state in _TASK_STATES if counts.get(state)]
    erred = f"{figures.count(counts['erred'])} erred" if counts.get("erred") else ""
    # With room for one only, and erred tasks: waiting tasks are more useful than processing ones.
    texts = ["  ".join(some) or "none" for some in (words, words[:2], words[-1:] if erred else words[:1])]
    return _Gauge("TASKS", None, [*texts, ""] if erred else texts, trouble=erred, room=_TASKS_ROOM)


def empty_words(snapshot: Snapshot) -> str:
    """Return the message for a tree without jobs and workers."""
    dask_answered = snapshot.cluster.scheduler_id is not None
    slurm_answered = any(source.name == "slurm.queue" and source.age_seconds is not None for source in snapshot.sources)
    if dask_answered:
        return "No workers, and no SLURM jobs." if slurm_answered else "No workers."
    if slurm_answered:
        return "No SLURM jobs; the scheduler has not answered yet."
    return "Neither the scheduler nor SLURM has answered yet."


def _cropped(pieces: Sequence[Piece], cells: int) -> Iterator[Piece]:
    for text, role in pieces:
        yield Piece(cut(text, cells), role)
        cells = max(0, cells - width(text))


def _cells_of(pieces: Sequence[Piece]) -> int:
    return sum(width(piece.text) for piece in pieces)
