"""The details of workers that have ended: in those of their job, and of the worker that took their place."""

from datetime import timedelta

from dasktop.collectors.model.snapshot import Snapshot, WorkerEvent
from dasktop.tui.draw.times import local
from tests.support.details_text import details_lines
from tests.support.snapshots import TAKEN_AT, ended, job, snapshot, task, worker

KILLED = "killed by its nanny because of its memory use: 980 MiB of 1,000 MiB"


def removal(seconds_ago: int, **values: object) -> WorkerEvent:
    given = {"worker": "a", "job_id": "4709", "reason": KILLED, "tasks_interrupted": 3, "results_lost": 1} | values
    return WorkerEvent(at=TAKEN_AT - timedelta(seconds=seconds_ago), address="tcp://a", kind="removed", **given)


def shown(*events: WorkerEvent) -> Snapshot:
    return snapshot([job("4709", [task([worker("a")])]), ended("4701")], worker_events=events)


def section(lines: list[str], title: str) -> str:
    """Return the lines of a section as one."""
    below = [*lines[lines.index(title) + 1 :], ""]
    return " ".join(line.strip() for line in below[: below.index("")])


def time_of(event: WorkerEvent) -> str:
    return f"{local(event.at):%H:%M:%S}"


def test_job_lists_its_workers_that_ended() -> None:
    first, last = removal(90), removal(30, worker="b", reason="unexpected", tasks_interrupted=0, results_lost=None)
    text = section(details_lines(shown(first, removal(60, job_id="4701"), last)), "ENDED WORKERS")
    assert text.startswith(f"{time_of(last)}")
    assert "b: ended for an unknown reason" in text
    assert f"a: {KILLED}; 3 tasks assigned to it; 1 result lost" in text


def test_worker_lists_those_before_it() -> None:
    text = section(details_lines(shown(removal(30), removal(20, worker="b")), "worker"), "EARLIER WORKERS")
    assert KILLED in text
    assert "b:" not in text


def test_only_the_latest_are_listed() -> None:
    text = section(details_lines(shown(*(removal(90 - number) for number in range(7)))), "ENDED WORKERS")
    assert text.count(KILLED) == 5
    assert text.endswith("and 2 more before")


def test_expected_ends_are_not_listed() -> None:
    lines = details_lines(shown(removal(30, reason="expected")))
    assert "ENDED WORKERS" not in lines
