"""The details of workers that have ended: of a job, or those whose place another worker has taken. Pure."""

from collections.abc import Iterable, Iterator

from dasktop.collectors.model.snapshot import Snapshot, WorkerEvent
from dasktop.collectors.text.format import counted
from dasktop.tui.draw.prose import Entry, Fact, Section, Words
from dasktop.tui.draw.times import local

_MOST = 5
_WITHOUT_CAUSE = (None, "unexpected")


def ended_in_job(snapshot: Snapshot, job_id: str) -> list[Section]:
    """Return a section about the workers of a job that ended unexpectedly; none if there are none."""
    return _section("ENDED WORKERS", (one for one in _removals(snapshot) if one.job_id == job_id))


def ended_before(snapshot: Snapshot, name: str) -> list[Section]:
    """Return a section about earlier workers of this name: a nanny's next worker has the same one."""
    return _section("EARLIER WORKERS", (one for one in _removals(snapshot) if one.worker == name))


def _removals(snapshot: Snapshot) -> Iterator[WorkerEvent]:
    return (one for one in snapshot.worker_events or () if one.kind == "removed" and one.reason != "expected")


def _section(title: str, ends: Iterable[WorkerEvent]) -> list[Section]:
    found = list(ends)
    if not found:
        return []
    entries: list[Entry] = [Fact(f"{local(end.at):%H:%M:%S}", _words(end), "bad") for end in reversed(found[-_MOST:])]
    if len(found) > _MOST:
        entries.append(Words(f"and {len(found) - _MOST:,} more before", "quiet"))
    return [Section(title, entries)]


def _words(end: WorkerEvent) -> str:
    cause = "for an unknown reason" if end.reason in _WITHOUT_CAUSE else end.reason
    cost = [
        f"{counted(end.tasks_interrupted, 'task')} assigned to it" if end.tasks_interrupted else "",
        f"{counted(end.results_lost, 'result')} lost" if end.results_lost else "",
    ]
    return "; ".join(part for part in (f"{end.worker or 'a worker'}: {cause}", *cost) if part)
