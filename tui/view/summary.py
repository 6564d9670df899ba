"""The header: the cluster, the state of the sources, and usage as a share of the allocation. Pure."""

from collections.abc import Iterator, Sequence

from dasktop.collectors.model.snapshot import Snapshot, Source, SourceState
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.collectors.text.format import counted
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.boxes import cells_of, cropped
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.text_width import cut, printable, width
from dasktop.tui.draw.times import local
from dasktop.tui.view.gauges import Pasts, gauge_line
from dasktop.tui.view.work import progress_line

NAME = "dasktop"

_SHORT_SOURCES = {"slurm.queue": "slurm", "slurm.accounting": "acct"}
_MAIN_SOURCES = ("dask", *_SHORT_SOURCES)
_SOURCE_ROLES: dict[SourceState, Role] = {"ok": "quiet", "off": "quiet", "stale": "waiting", "error": "bad"}


def summary_lines(
    snapshot: Snapshot | None,
    cells: int,
    glyphs: Glyphs,
    *,
    read_only: bool,
    is_replay: bool = False,
    is_paused: bool = False,
    is_enlarged: bool = False,
    interval: str = "",
    pasts: Pasts | None = None,
    thresholds: Thresholds = DEFAULTS,
    has_gauges: bool = True,
    has_progress: bool = True,
) -> list[list[Piece]]:
    """Return the header for a width of `cells`; before the first snapshot, which sources are being queried.

    Parameters
    ----------
    interval
        The poll interval, if it is to be shown.
    has_gauges, has_progress
        Whether it contains usage, and the progress of the work: not if panels show them.
    """
    modes = {"read-only": read_only and not is_replay, "paused": is_paused, interval: bool(interval)}
    modes |= {"only the tree": is_enlarged}
    words = title_words(snapshot) | {mode: mode for mode, is_on in modes.items() if is_on}
    title = _title_line(snapshot, cells, words, is_replay=is_replay)
    lines = [title]
    if has_gauges:
        lines.append(gauge_line(snapshot, cells, glyphs, pasts, thresholds))
    if has_progress and snapshot is not None and snapshot.work is not None:
        lines.append(progress_line(snapshot.work, snapshot.taken_at, cells, glyphs))
    problems = "   ! ".join(problem_words(snapshot)) if snapshot is not None else ""
    if problems:
        lines.append([Piece(" " + cut(f"! {problems}", max(0, cells - 1)), "bad")])
    return [[Piece(glyphs.encode(text), role) for text, role in cropped(line, cells)] for line in lines]


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
        right_cells = cells_of(right) + 2 * len(right)
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


def empty_words(snapshot: Snapshot) -> str:
    """Return the message for a tree without jobs and workers."""
    dask_answered = snapshot.cluster.scheduler_id is not None
    slurm_answered = any(source.name == "slurm.queue" and source.age_seconds is not None for source in snapshot.sources)
    if dask_answered:
        return "No workers, and no SLURM jobs." if slurm_answered else "No workers."
    if slurm_answered:
        return "No SLURM jobs; the scheduler has not answered yet."
    return "Neither the scheduler nor SLURM has answered yet."
