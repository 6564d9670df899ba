"""What is remembered of a cluster: its jobs, where workers that left were, why they ended, and refused scripts."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.jobs import LEFT_HOURS
from dasktop.collectors.model.options import Options
from dasktop.collectors.model.snapshot import Job, WorkerEvent
from dasktop.collectors.runtime.poller import Poller
from dasktop.collectors.runtime.remembered import MOST_ENDED_JOBS, MOST_SCRIPTS_TRIED, ClusterJobs
from tests.support.fake_slurm import FakeSlurm
from tests.support.readings import batch, dask, job_of, running, worker
from tests.support.snapshots import TAKEN_AT, ended, job, snapshot
from tests.support.work import attempt, failure, work


@pytest.fixture
async def poller(tmp_path) -> Poller:
    """A poller that does not know yet where a worker runs; one of the user's jobs is on its host."""
    slurm = FakeSlurm(tmp_path)
    poller = Poller(Options(user="ada"), slurm.environment)
    slurm.queue({})
    await poller.poll_queue()
    poller._slurm._jobs = (running("7", "n1"), running("8", "n2"))
    poller._dask_reading = dask(worker("w", place_was_read=False, host="n1"))
    assert job_of(poller.snapshot(), "7").evidence == ("host",)
    return poller


@pytest.mark.parametrize("place", [batch("8", node="n2"), None], ids=["in another job", "outside SLURM"])
async def test_wrong_inference_is_forgotten(poller, place):
    poller._dask_reading = dask(worker("w", place=place, host="n1"))
    snapshot = poller.snapshot()
    assert job_of(snapshot, "7").evidence == ()
    assert "7" not in poller.cluster_jobs
    assert snapshot.totals.jobs_running == (place is not None)
    assert job_of(poller.snapshot(), "7").evidence == ()


async def test_confirmed_inference_stays(poller):
    poller._dask_reading = dask(worker("w", place=batch("7"), host="n1"))
    assert job_of(poller.snapshot(), "7").evidence == ("environment", "host")


async def test_inference_stays_when_the_worker_leaves(poller):
    poller._dask_reading = dask()
    assert job_of(poller.snapshot(), "7").evidence == ("host",)
    assert "7" in poller.cluster_jobs


async def test_few_scripts_are_tried_once_each(tmp_path):
    programs = FakeSlurm(tmp_path)
    programs.prints("sbatch", complaint="sbatch: error: Invalid partition\n", status=1)
    poller = Poller(Options(user="ada"), programs.environment)
    for number in range(3 * MOST_SCRIPTS_TRIED):
        poller._dask_reading = replace(dask(job_ids={}), refused_script=f"#!/bin/sh\n#SBATCH -J {number // 2}\n")
        await poller.poll_slurm_details()
    assert len(programs.calls("sbatch")) == MOST_SCRIPTS_TRIED


async def test_failed_task_names_the_job_and_end_of_a_worker_that_left(poller):
    address = poller._dask_reading.workers[0].worker.address
    kill = WorkerEvent(at=TAKEN_AT, worker="w", address=address, kind="killed for memory")
    failed = failure(worker="w", address=address, attempts=(attempt("w", address=address, job_id=None),))
    left = replace(dask(), work=work(failures=(failed,)), worker_events=(kill,))
    poller._dask_reading = left
    [shown] = poller.snapshot().work.failures
    assert (shown.job_id, shown.attempts[0].job_id) == ("7", "7")
    assert shown.attempts[0].cause == "killed by its nanny because of its memory use"
    poller._dask_reading = replace(left, worker_events=())
    [shown] = poller.snapshot().work.failures
    assert shown.attempts[0].cause == "killed by its nanny because of its memory use", "the event is half an hour old"
    await poller.switch_to("tcp://10.1.2.4:8786")
    poller._dask_reading = replace(left, worker_events=())
    [shown] = poller.snapshot().work.failures
    assert (shown.job_id, shown.attempts[0].cause) == (None, None), "another cluster"


async def test_cause_of_a_removal_outlives_the_event_of_the_kill(poller):
    address = poller._dask_reading.workers[0].worker.address
    kill = WorkerEvent(at=TAKEN_AT, worker="w", address=address, kind="killed for memory")
    removal = WorkerEvent(at=TAKEN_AT, worker="w", address=address, kind="removed", reason="unexpected")
    poller._dask_reading = replace(dask(), worker_events=(kill, removal))
    cause = poller.snapshot().worker_events[1].reason
    assert cause == "killed by its nanny because of its memory use"
    poller._dask_reading = replace(dask(), worker_events=(removal,))
    assert [event.reason for event in poller.snapshot().worker_events] == [cause]


async def test_log_is_read_for_a_worker_without_known_job_or_cause(poller):
    """Only jobs of the cluster that had started are searched, and only while such a worker is known."""
    poller._slurm._jobs = tuple(replace(job, started_at=TAKEN_AT) for job in poller._slurm._jobs)
    poller.snapshot()
    ends = poller._worker_ends
    assert (ends.unexplained, ends.possible_jobs) == ((), ())
    address = poller._dask_reading.workers[0].worker.address
    known, unknown = (
        WorkerEvent(at=datetime.now(UTC), worker="w", address=one, kind="removed", reason="unexpected")
        for one in (address, "tcp://10.1.0.9:1")
    )
    poller._dask_reading = replace(dask(), worker_events=(known,))
    poller.snapshot()
    assert [event.address for event in ends.unexplained] == [address]
    assert ends.possible_jobs == ()
    poller._dask_reading = replace(dask(), worker_events=(known, unknown))
    poller.snapshot()
    assert [job.job_id for job in ends.possible_jobs] == ["7"]
    poller._dask_reading = replace(dask(), worker_events=(replace(unknown, reason="expected"),))
    poller.snapshot()
    assert (ends.unexplained, ends.possible_jobs) == ((), ())


class TestLongGone:
    def known(self, *jobs: Job) -> ClusterJobs:
        known = ClusterJobs()
        known.remember(snapshot(jobs))
        return known

    def ended_at(self, job_id: str, at: datetime | None) -> Job:
        job = ended(job_id)
        assert job.fate is not None
        return replace(job, fate=replace(job.fate, ended_at=at))

    def test_jobs_that_ended_long_ago_are_forgotten(self):
        limit = TAKEN_AT - timedelta(hours=LEFT_HOURS)
        jobs = [self.ended_at("1", limit - timedelta(seconds=1)), self.ended_at("2", limit), self.ended_at("3", None)]
        known = self.known(*jobs, job("4"))
        assert known.forget_long_gone(snapshot([*jobs, job("4")])) == {"1"}
        assert set(known.evidence) == {"2", "3", "4"}

    def test_only_the_last_ended_jobs_are_kept(self):
        jobs = [self.ended_at(str(n), TAKEN_AT - timedelta(seconds=n)) for n in range(1, MOST_ENDED_JOBS + 3)]
        known = self.known(*jobs)
        assert known.forget_long_gone(snapshot(jobs)) == {str(MOST_ENDED_JOBS + 1), str(MOST_ENDED_JOBS + 2)}
        assert len(known.evidence) == MOST_ENDED_JOBS

    def test_lost_jobs_are_never_forgotten(self):
        lost = self.ended_at("1", TAKEN_AT - timedelta(days=2))
        shown = snapshot([lost])
        assert shown.cluster.owner is not None
        counted = replace(shown, cluster=replace(shown.cluster, owner=replace(shown.cluster.owner, job_ids={"a": "1"})))
        known = self.known(lost)
        assert known.forget_long_gone(counted) == set()
        assert set(known.evidence) == {"1"}
