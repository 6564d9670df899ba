"""The lines above the tree: which cluster, how the sources answer, what is used of what was granted. Pure."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dasktop.collectors.model import Snapshot, Source, SourceState, Totals
from dasktop.tui import figures
from dasktop.tui.bars import bar
from dasktop.tui.columns import FULL_PERCENT, Piece, Role
from dasktop.tui.glyphs import Glyphs
from dasktop.tui.text_width import cut, settle, width

NAME = "dasktop"

_SHORT_SOURCES = {"slurm.queue": "slurm", "slurm.accounting": "acct"}
_MAIN_SOURCES = ("dask", *_SHORT_SOURCES)
_SOURCE_ROLES: dict[SourceState, Role] = {"ok": "quiet", "off": "quiet", "stale": "waiting", "error": "bad"}

# Dask's states of a task that tell how far the work is, in the order in which they are shown.
_TASK_STATES = ("processing", "queued", "waiting", "no-worker")

_BARS = (16, 12, 10, 8, 6, 4, 0)


def summary_lines(snapshot: Snapshot | None, cells: int, glyphs: Glyphs, *, read_only: bool) -> list[list[Piece]]:
    """Return the header of a screen so many cells wide; without a snapshot, what is being asked."""
    lines = [_title_line(snapshot, cells, read_only=read_only), gauge_line(snapshot, cells, glyphs)]
    problems = problem_words(snapshot.sources) if snapshot is not None else ""
    if problems:
        lines.append([Piece(" " + cut(f"! {problems}", max(0, cells - 1)), "bad")])
    return [[Piece(glyphs.own(text), role) for text, role in _cropped(line, cells)] for line in lines]


def title_words(snapshot: Snapshot | None, *, read_only: bool) -> dict[str, str]:
    """Return what names the cluster and its size, in the order in which it is shown."""
    if snapshot is None:
        return {"address": "asking the scheduler…", "jobs": "asking SLURM…"} | _read_only_words(read_only)
    totals, owner = snapshot.totals, snapshot.cluster.owner
    words = {"address": snapshot.cluster.scheduler_address or "asking the scheduler…"}
    if owner is not None:
        words["owner"] = owner.class_name
    if totals.jobs_running is not None:
        words["jobs"] = _jobs(totals.jobs_running, totals.jobs_pending or 0)
    if totals.workers is not None:
        words["workers"] = figures.plural(totals.workers, "worker")
    return {name: settle(text) for name, text in words.items()} | _read_only_words(read_only)


def _read_only_words(read_only: bool) -> dict[str, str]:
    return {"read-only": "read-only"} if read_only else {}


def _jobs(running: int, pending: int) -> str:
    """Return ``6 of 8 jobs``: how many run, of those that run or wait."""
    jobs = figures.plural(running + pending, "job")
    return f"{figures.count(running)} of {jobs}" if pending else jobs


def source_pieces(sources: Sequence[Source]) -> list[Piece]:
    """Return how the sources answer, in words: the main ones, and any that is in trouble. No age: that would tick."""
    return [
        Piece(_source_words(source), _role_of(source))
        for source in sources
        if not _is_idle(source) and (source.name in _MAIN_SOURCES or _role_of(source) != "quiet")
    ]


def _source_words(source: Source) -> str:
    name = settle(_SHORT_SOURCES.get(source.name, source.name.rpartition(".")[2]))
    if source.state == "ok":
        return f"{name} {figures.latency(source.latency_seconds)}"
    return f"{name} asking…" if _is_asked_first(source) else f"{name} {source.state}"


def _role_of(source: Source) -> Role:
    return "quiet" if _is_asked_first(source) else _SOURCE_ROLES[source.state]


def _is_idle(source: Source) -> bool:
    """Tell whether there has been nothing to ask the source."""
    return source.state == "off" and source.error is None


def _is_asked_first(source: Source) -> bool:
    """Tell whether the source has neither answered nor failed yet."""
    return source.state == "stale" and source.age_seconds is None and source.error is None


def problem_words(sources: Sequence[Source]) -> str:
    """Return what the sources complain of, on one line. One that is off, by choice or by site, doesn't complain."""
    return "   ! ".join(settle(source.error) for source in sources if source.error and source.state != "off")


def _title_line(snapshot: Snapshot | None, cells: int, *, read_only: bool) -> list[Piece]:
    words = title_words(snapshot, read_only=read_only)
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
    """Yield the two sides of the title, from all that could be said to the least."""
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
    for name in ("workers", "jobs"):
        left = {key: text for key, text in left.items() if key != name}
        yield left, troubled
    yield left, []


class _Gauge(NamedTuple):
    """A total: its share of what there is, and words in a long and a short form."""

    name: str
    percent: int | None
    words: str
    short: str
    role: Role = "text"
    trouble: str = ""
    """What is wrong, said behind either form."""


def gauge_line(snapshot: Snapshot | None, cells: int, glyphs: Glyphs) -> list[Piece]:
    """Return the totals, with bars as long as there is room for."""
    if snapshot is None:
        return [Piece("")]
    gauges = _gauges(snapshot)
    line: list[Piece] = []
    for bar_cells, short in [(bar_cells, False) for bar_cells in _BARS] + [(bar_cells, True) for bar_cells in _BARS]:
        line = _gauges_laid_out(gauges, bar_cells, glyphs, short=short)
        if _cells_of(line) <= cells:
            return line
    for name in ("THREADS", "TASKS", "MEM"):
        gauges = [gauge for gauge in gauges if gauge.name != name]
        line = _gauges_laid_out(gauges, 0, glyphs, short=True)
        if _cells_of(line) <= cells:
            break
    return line


def _gauges_laid_out(gauges: Sequence[_Gauge], bar_cells: int, glyphs: Glyphs, *, short: bool) -> list[Piece]:
    line: list[Piece] = []
    for gauge in gauges:
        line.append(Piece(f"{'   ' if line and not short else ' ' if not line else '  '}{gauge.name} ", "quiet"))
        if gauge.percent is not None and bar_cells:
            line += [Piece(bar(gauge.percent, bar_cells, glyphs), gauge.role), Piece(" ")]
        line.append(Piece(gauge.short if short else gauge.words))
        if gauge.trouble:
            line += [Piece("  "), Piece(gauge.trouble, "bad")]
    return line


def _gauges(snapshot: Snapshot) -> list[_Gauge]:
    totals = snapshot.totals
    gauges = [_cpu(totals), _memory(totals)]
    if totals.threads is not None:
        busy = f"{figures.count(totals.threads_busy)}/{figures.count(totals.threads)}"
        gauges.append(_Gauge("THREADS", None, f"{busy} busy", busy))
    if snapshot.cluster.task_counts is not None:
        gauges.append(_tasks(snapshot.cluster.task_counts))
    return gauges


def _cpu(totals: Totals) -> _Gauge:
    if not totals.cpus_allocated:
        cores = None if totals.cpu_percent is None else f"{totals.cpu_percent / 100:.1f}"
        return _Gauge("CPU", None, f"{cores} cores busy" if cores else figures.UNKNOWN, cores or figures.UNKNOWN)
    percent = figures.share(totals.cpu_percent, 100 * totals.cpus_allocated)
    words = f"{figures.percent_text(percent):>3} of {figures.count(totals.cpus_allocated)}"
    return _Gauge("CPU", percent, f"{words} {'core' if totals.cpus_allocated == 1 else 'cores'}", words, "cpu")


def _memory(totals: Totals) -> _Gauge:
    used = figures.bytes_text(totals.memory_bytes)
    if not totals.memory_allocated_bytes:
        return _Gauge("MEM", None, f"{used} used" if totals.memory_bytes is not None else used, used)
    percent = figures.share(totals.memory_bytes, totals.memory_allocated_bytes)
    words = f"{figures.percent_text(percent):>3} of {figures.bytes_text(totals.memory_allocated_bytes)}"
    return _Gauge("MEM", percent, words, words, "full" if (percent or 0) >= FULL_PERCENT else "memory")


def _tasks(counts: dict[str, int]) -> _Gauge:
    words = [f"{figures.count(counts[state])} {state}" for state in _TASK_STATES if counts.get(state)]
    erred = f"{figures.count(counts['erred'])} erred" if counts.get("erred") else ""
    short = words[-1:] if erred else words[:2]
    return _Gauge("TASKS", None, "  ".join(words) or "none to do", "  ".join(short) or "none to do", trouble=erred)


def empty_words(snapshot: Snapshot) -> str:
    """Return what to say where there is neither a job nor a worker to show."""
    dask_answered = snapshot.cluster.scheduler_id is not None
    slurm_answered = any(source.name == "slurm.queue" and source.age_seconds is not None for source in snapshot.sources)
    if dask_answered:
        return "No workers, and no jobs of yours in SLURM." if slurm_answered else "No workers."
    if slurm_answered:
        return "No jobs of yours in SLURM; the scheduler has not answered yet."
    return "Neither the scheduler nor SLURM has answered yet."


def _cropped(pieces: Sequence[Piece], cells: int) -> Iterator[Piece]:
    for text, role in pieces:
        yield Piece(cut(text, cells), role)
        cells = max(0, cells - width(text))


def _cells_of(pieces: Sequence[Piece]) -> int:
    return sum(width(piece.text) for piece in pieces)
