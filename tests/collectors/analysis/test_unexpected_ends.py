"""Which workers ended unexpectedly: not those of released jobs, unless that cost something."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from dasktop.collectors.analysis.failures import FailureCollector, unexpected_ends
from dasktop.collectors.model.snapshot import Job, Snapshot, WorkerEvent
from tests.support.snapshots import TAKEN_AT, ended, snapshot

RELEASED = "job 4701 ended: released by dasktop (n1, process 812)"


def removal(**values: object) -> WorkerEvent:
    given = {"worker": "a", "address": "tcp://a", "job_id": "4701", "reason": RELEASED} | values
    return WorkerEvent(at=TAKEN_AT - timedelta(seconds=30), kind="removed", **given)


def job_released_by(who: str | None) -> Job:
    made = ended("4701", "CANCELLED", "cancelled by user ada")
    return replace(made, fate=replace(made.fate, released_by=who))


def shown(end: WorkerEvent, who: str | None = "dasktop") -> Snapshot:
    return snapshot([job_released_by(who)], worker_events=(end,))


@pytest.mark.parametrize("who", ["dasktop", "cluster object"])
@pytest.mark.parametrize("cost", [{}, {"tasks_interrupted": 0, "results_lost": 0}])
def test_workers_of_released_jobs_ended_as_they_should(who: str, cost: dict[str, int]) -> None:
    assert unexpected_ends(shown(removal(**cost), who)) == ()


@pytest.mark.parametrize(
    ("end", "who"),
    [
        (removal(tasks_interrupted=1), "dasktop"),
        (removal(results_lost=1), "dasktop"),
        (removal(reason="job 4701 ended: cancelled by user ada"), None),
        (removal(reason="killed by its nanny because of its memory use"), "dasktop"),
        (removal(reason="unexpected"), "dasktop"),
        (removal(job_id=None), "dasktop"),
        (removal(job_id="1"), "dasktop"),
    ],
)
def test_other_ends_are_unexpected(end: WorkerEvent, who: str | None) -> None:
    assert unexpected_ends(shown(end, who)) == (end,)


def test_collector_drops_an_end_that_turns_out_to_be_expected() -> None:
    collector = FailureCollector()
    collector.add(shown(removal(reason="unexpected")))
    assert len(collector.ends) == 1
    collector.add(replace(shown(removal()), worker_events=()))
    assert len(collector.ends) == 1, "it is kept when the scheduler has forgotten it"
    collector.add(shown(removal()))
    assert list(collector.ends) == []
