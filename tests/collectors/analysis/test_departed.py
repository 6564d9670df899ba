"""The jobs of workers that left before they were read: certain by name and time, or unknown."""

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from dasktop.collectors.analysis.departed import CLOCKS_DIFFER, jobs_of_departed
from dasktop.collectors.analysis.matching import PlacedWorker
from dasktop.collectors.model.readings import DepartedWorker, JobScript
from dasktop.collectors.model.snapshot import Job
from tests.support.readings import dask, worker
from tests.support.snapshots import TAKEN_AT, ended
from tests.support.snapshots import job as job_in_queue

MINUTE = timedelta(minutes=1)
ADDRESS = "tcp://10.1.0.7:40001"


def job(job_id: str, started_at: datetime | None, ended_at: datetime | None = None, **values: object) -> Job:
    """Return a job that runs, or that has ended."""
    if ended_at is None:
        return replace(job_in_queue(job_id), started_at=started_at, **values)
    over = ended(job_id)
    assert over.fate is not None
    return replace(over, started_at=started_at, fate=replace(over.fate, ended_at=ended_at), **values)


def script(job_id: str, *names: str) -> JobScript:
    return JobScript(job_id=job_id, worker_names=names)


def found(
    *jobs: Job,
    name: str = "SLURMCluster-0",
    registered_at: datetime = TAKEN_AT - 5 * MINUTE,
    scripts: tuple[JobScript, ...] = (),
    **others: object,
) -> str | None:
    """Return the job of one worker, for jobs whose scripts start a worker of this name."""
    departed = DepartedWorker(address=ADDRESS, name=name, registered_at=registered_at)
    by_id = {one.job_id: one for one in jobs}
    of_jobs = {one.job_id: one for one in scripts or (script(one.job_id, "SLURMCluster-0") for one in jobs)}
    given = {"owner": None, "placed": {}} | others
    return jobs_of_departed([departed], by_id, scripts=of_jobs, **given).get(ADDRESS)


LOST = job("7", TAKEN_AT - 9 * MINUTE, TAKEN_AT - 3 * MINUTE)
REPLACED = job("8", TAKEN_AT - 2 * MINUTE)


@pytest.mark.parametrize("name", ["SLURMCluster-0", "SLURMCluster-0-1"])
def test_job_whose_script_names_it(name: str) -> None:
    assert found(LOST, name=name) == "7"
    assert found(LOST, name=f"{name}x") is None


@pytest.mark.parametrize(("ago", "job_id"), [(5, "7"), (1, "8"), (2.5, None), (20, None)])
def test_job_that_ran_when_it_registered(ago: float, job_id: str | None) -> None:
    """dask-jobqueue gives the job that replaces a lost one the same name."""
    assert found(LOST, REPLACED, registered_at=TAKEN_AT - ago * MINUTE) == job_id


def test_two_jobs_that_ran_then_are_ambiguous() -> None:
    assert found(LOST, job("9", TAKEN_AT - 9 * MINUTE)) is None


def test_clocks_may_differ_a_little() -> None:
    assert LOST.started_at is not None
    assert LOST.fate is not None
    assert LOST.fate.ended_at is not None
    start, latest = LOST.started_at, LOST.fate.ended_at + CLOCKS_DIFFER
    assert found(LOST, registered_at=latest) == "7"
    assert found(LOST, registered_at=latest + timedelta(seconds=1)) is None
    assert found(LOST, registered_at=start) == "7"
    before = start - timedelta(seconds=1)
    assert found(LOST, registered_at=before) is None, "an earlier job of this name may have ended just before"


def test_pending_job_had_no_worker_unless_it_was_requeued() -> None:
    before = LOST.fate
    assert found(job("7", None)) is None
    assert found(job("7", None, previous_fate=before)) == "7"


def test_script_of_an_array_identifies_no_job() -> None:
    in_array = job("7", TAKEN_AT - 9 * MINUTE, array_job_id="7")
    assert found(in_array) is None


def test_cluster_object_knows_its_jobs() -> None:
    owner = dask(job_ids={"SLURMCluster-0": "7"}).cluster.owner
    assert found(LOST, scripts=(script("7"),), owner=owner) == "7"


def test_next_worker_of_the_same_nanny_is_in_its_job() -> None:
    again = PlacedWorker(job_id="7", place=None, worker=worker("SLURMCluster-0").worker, evidence="owner")
    running_job = job("7", TAKEN_AT - 9 * MINUTE)
    assert found(running_job, scripts=(script("7"),), placed={"7": [again]}) == "7"


def test_old_dask_jobqueue_names_the_job() -> None:
    assert found(LOST, name="dask-worker--7---0", scripts=(script("7"),)) == "7"
    assert found(LOST, name="dask-worker--8---0", scripts=(script("7"),)) is None
