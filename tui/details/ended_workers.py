"""The details of workers that have ended: of a job, or those whose place another worker has taken. Pure."""

from collections.abc import Iterable

from dasktop.collectors.analysis.failures import unexpected_ends
from dasktop.collectors.model.snapshot import Snapshot, WorkerEvent
from dasktop.tui.draw.prose import Entry, Fact, Section, Words
from dasktop.tui.draw.times import local
from dasktop.tui.view.worker_ends import end_words

_MOST = 5


def ended_in_job(snapshot: Snapshot, job_id: str) -> list[Section]:
    """Return a section about the workers of a job that ended unexpectedly; none if there are none."""
    return _section("ENDED WORKERS", (one for one in unexpected_ends(snapshot) if one.job_id == job_id))


def ended_before(snapshot: Snapshot, name: str) -> list[Section]:
    """Return a section about earlier workers of this name: a nanny's next worker has the same one."""
    return _section("EARLIER WORKERS", (one for one in unexpected_ends(snapshot) if one.worker == name))


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
