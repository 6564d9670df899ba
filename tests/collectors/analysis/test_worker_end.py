"""Why a worker ended: its nanny, its job or a client."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from dasktop.collectors.analysis.worker_end import AFTER, BEFORE, JOB_BEFORE, WorkerEnds, with_failed_tasks
from dasktop.collectors.model.snapshot import Job, WorkerEvent
from tests.support.snapshots import TAKEN_AT, ended
from tests.support.snapshots import job as job_in_queue
from tests.support.work import attempt, failure

ADDRESS = "tcp://10.1.0.7:40001"
SECOND = timedelta(seconds=1)


def event(kind: str = "killed for memory", **values: object) -> WorkerEvent:
    """Return an event of the worker, two seconds before its end."""
    given = WorkerEvent(
        at=TAKEN_AT - 2 * SECOND,
        worker="SLURMCluster-0",
        address=ADDRESS,
        kind="killed for memory",
        memory_bytes=980 << 20,
        limit_bytes=1000 << 20,
    )
    return replace(given, kind=kind, **values)


def killed_job(ended_ago: timedelta | None = SECOND) -> Job:
    """Return a job that SLURM killed at its time limit."""
    job = ended()
    assert job.fate is not None
    ended_at = None if ended_ago is None else TAKEN_AT - ended_ago
    return replace(job, fate=replace(job.fate, explanation="killed: reached its time limit", ended_at=ended_at))


def end(*events: WorkerEvent, job: Job | None = None) -> str | None:
    jobs = {} if job is None else {job.job_id: job}
    return WorkerEnds(events, jobs, {}, {}).cause(ADDRESS, None if job is None else job.job_id, TAKEN_AT)


def test_killed_by_its_nanny_with_exact_memory() -> None:
    assert end(event()) == "killed by its nanny because of its memory use: 980 MiB of 1,000 MiB"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"memory_bytes": None}, "killed by its nanny because of its memory use"),
        ({"limit_bytes": None}, "killed by its nanny because of its memory use: 980 MiB"),
    ],
)
def test_unknown_sizes_are_omitted(values: dict[str, object], words: str) -> None:
    assert end(event(**values)) == words


@pytest.mark.parametrize("apart", [-BEFORE - SECOND, AFTER + SECOND])
def test_events_of_another_time_do_not_count(apart: timedelta) -> None:
    assert end(event(at=TAKEN_AT + apart)) is None


def test_events_of_another_worker_do_not_count() -> None:
    assert end(event(address="tcp://10.1.0.8:40001")) is None


def test_its_job_ended() -> None:
    job = killed_job()
    assert end(job=job) == f"job {job.job_id} ended: killed: reached its time limit"
    assert end(job=killed_job(ended_ago=None)) is not None, "when is unknown"


def test_job_that_ended_much_later_is_no_cause() -> None:
    assert end(job=killed_job(ended_ago=-JOB_BEFORE - SECOND)) is None


def test_its_job_was_requeued() -> None:
    before = killed_job().fate
    requeued = replace(job_in_queue(), started_at=None, previous_fate=before)
    assert end(job=requeued) == "job 4709 was requeued: killed: reached its time limit"
    runs_again = replace(requeued, started_at=TAKEN_AT + SECOND)
    assert end(job=runs_again) is not None
    assert end(job=replace(requeued, started_at=TAKEN_AT - SECOND)) is None, "a worker of the next run"


def test_nanny_before_job() -> None:
    """A job whose only worker its nanny killed may end because of that."""
    assert "nanny" in (end(event(), job=killed_job()) or "")


@pytest.mark.parametrize(
    ("reason", "words"),
    [("client", "restarted by a client"), ("silent", "restarted by the scheduler because it sent no heartbeat")],
)
def test_restarted(reason: str, words: str) -> None:
    assert end(event("restarted", reason=reason)) == words


def test_removal_alone_is_no_cause() -> None:
    assert end(event("removed", reason="unexpected")) is None
    assert WorkerEnds((event(),), {}, {}, {}).cause(ADDRESS, None, None) is None, "nor is an end at an unknown time"


def test_log_explains_what_nothing_else_does():
    logged = {(ADDRESS, TAKEN_AT): "killed by signal 9 (SIGKILL)"}
    attempt_at = TAKEN_AT - timedelta(milliseconds=3)  # the same end, reported twice
    for events, cause in (
        ((removed(),), "killed by signal 9 (SIGKILL)"),
        ((event(), removed()), "killed by its nanny because of its memory use: 980 MiB of 1,000 MiB"),
        ((removed(at=TAKEN_AT - 5 * AFTER),), None),
    ):
        assert WorkerEnds(events, {}, {}, logged).cause(ADDRESS, None, attempt_at) == cause
    job = killed_job()
    ends = WorkerEnds((removed(job_id=job.job_id),), {job.job_id: job}, {}, logged)
    assert ends.events[0].reason == f"job {job.job_id} ended: killed: reached its time limit"


def explained(*events: WorkerEvent, job: Job | None = None, known: dict | None = None) -> tuple[WorkerEvent, ...]:
    return WorkerEnds(events, {} if job is None else {job.job_id: job}, known or {}, {}).events


def removed(**values: object) -> WorkerEvent:
    lost = {"tasks_interrupted": 2, "results_lost": 5, "memory_bytes": None, "limit_bytes": None}
    return event("removed", **{"at": TAKEN_AT, "reason": "unexpected"} | lost | values)


def test_removal_has_its_cause_and_the_kill_what_it_cost():
    kill, removal = explained(event(), removed())
    assert removal.reason == "killed by its nanny because of its memory use: 980 MiB of 1,000 MiB"
    assert (kill.tasks_interrupted, kill.results_lost) == (2, 5)


def test_removal_has_the_end_of_its_job_as_its_cause():
    job = killed_job()
    (removal,) = explained(removed(job_id=job.job_id), job=job)
    assert removal.reason == f"job {job.job_id} ended: killed: reached its time limit"


@pytest.mark.parametrize("reason", ["expected", "unexpected", None])
def test_removal_without_a_known_cause_is_unchanged(reason):
    other = event(address="tcp://10.1.0.7:40002")
    assert explained(other, removed(reason=reason)) == (other, removed(reason=reason))


def test_cause_found_earlier_is_kept():
    (removal,) = explained(removed(), known={(ADDRESS, TAKEN_AT): "killed earlier"})
    assert removal.reason == "killed earlier"


def test_events_without_an_address_are_not_joined():
    kill = event(address=None)
    assert explained(kill, removed(address=None)) == (kill, removed(address=None))


def test_kill_without_a_removal_costs_an_unknown_number_of_tasks():
    (kill, _) = explained(event(), removed(at=TAKEN_AT + BEFORE + SECOND))
    assert (kill.tasks_interrupted, kill.results_lost) == (None, None)


def test_tasks_that_failed_because_a_worker_ended_are_counted() -> None:
    """As in the finding about memory kills: the last attempt of a failed task counts."""
    kill, removal = event(), event("removed", at=TAKEN_AT)
    other, restart = event(address="tcp://b"), event("restarted")
    at_end = attempt(address=ADDRESS, at=TAKEN_AT)
    failures = [
        failure(attempts=(attempt(address="tcp://b", at=TAKEN_AT), at_end)),
        failure("two", attempts=(at_end,)),
        failure("long before", attempts=(replace(at_end, at=TAKEN_AT - BEFORE - AFTER),)),
        failure("exception", attempts=()),
    ]
    found = with_failed_tasks((kill, removal, other, restart), failures)
    assert [one.tasks_failed for one in found] == [2, 2, 0, None]
