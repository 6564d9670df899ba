"""The details of workers that have ended: of a job, whose place another worker has taken, or all. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from dasktop.collectors.analysis.failures import unexpected_ends
from dasktop.collectors.model.jobs import LEFT_HOURS
from dasktop.collectors.model.snapshot import Job, Snapshot, WorkerEvent
from dasktop.tui.draw.numbers import UNKNOWN, bytes_text
from dasktop.tui.draw.prose import Entry, Fact, Section, Words
from dasktop.tui.draw.times import ago, local
from dasktop.tui.view.ended_jobs import ended_words
from dasktop.tui.view.left_workers import commonest_causes, is_bad_end, left_counts, ran_words, total_cost, why_it_left
from dasktop.tui.view.worker_ends import cost_words, end_words

_MOST = 5


def ended_in_job(snapshot: Snapshot, job_id: str) -> list[Section]:
    """Return a section about the workers of a job that ended unexpectedly; none if there are none."""
    return _section("ENDED WORKERS", (one for one in unexpected_ends(snapshot) if one.job_id == job_id))


def ended_before(snapshot: Snapshot, name: str) -> list[Section]:
    """Return a section about earlier workers of this name: a nanny's next worker has the same one."""
    return _section("EARLIER WORKERS", (one for one in unexpected_ends(snapshot) if one.worker == name))


def all_that_left(ends: Sequence[WorkerEvent]) -> Section:
    """Return a section about the workers that left, the newest first: how, what that cost, the common causes."""
    entries: list[Entry] = [
        Words(
            f"These workers left in the last {LEFT_HOURS} hours, as far as the scheduler remembers. Unfold the row to "
            "see each, why it left and what that cost."
        ),
        Fact("workers", left_counts(ends)),
    ]
    if cost := total_cost(ends):
        entries.append(Fact("cost", cost))
    entries += [
        Fact("why" if place == 0 else "", f"{number:,}: {cause}")
        for place, (cause, number) in enumerate(commonest_causes(ends))
    ]
    return Section("", entries)


def that_left(end: WorkerEvent, job: Job | None, now: datetime) -> list[Section]:
    """Return the sections about a worker that left.

    Parameters
    ----------
    job
        Its job; ``None`` if that is unknown.
    """
    how: list[Entry] = [
        Fact("why", why_it_left(end), "bad" if is_bad_end(end, job) else "text"),
        Fact("when", f"{local(end.at):%H:%M:%S}, {ago(max(0.0, (now - end.at).total_seconds()))}"),
        Fact("ran", ran_words(end) or UNKNOWN),
        Fact("cost", cost_words(end) or _no_cost(end)),
    ]
    if job is not None and job.fate is not None:
        how.append(Fact("its job", ended_words(job)))
    where = [
        Fact("job", end.job_id or UNKNOWN),
        Fact("node", end.node or UNKNOWN),
        Fact("address", end.address or UNKNOWN),
        Fact("pid", UNKNOWN if end.pid is None else str(end.pid)),
        Fact("limit", bytes_text(end.limit_bytes)),
    ]
    return [Section("LEFT", how), Section("WHERE IT RAN", where)]


def _no_cost(end: WorkerEvent) -> str:
    is_known = end.tasks_interrupted is not None and end.results_lost is not None
    return "no task interrupted, no result lost" if is_known else UNKNOWN


def _section(title: str, ends: Iterable[WorkerEvent]) -> list[Section]:
    found = list(ends)
    if not found:
        return []
    entries: list[Entry] = [
        Fact(f"{local(end.at):%H:%M:%S}", end_words(end, end.worker or "a worker"), "bad")
        for end in reversed(found[-_MOST:])
    ]
    if len(found) > _MOST:
        entries.append(Words(f"and {len(found) - _MOST:,} more before", "quiet"))
    return [Section(title, entries)]
