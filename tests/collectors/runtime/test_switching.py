"""Switching to another scheduler: data of the old one are not shown for the new one."""

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from distributed import LocalCluster

from dasktop.collectors.model.options import Options
from dasktop.collectors.runtime.poller import Poller
from tests.support.fake_slurm import FakeSlurm

JOBS = {"7": "RUNNING", "8": "RUNNING"}


def small_cluster(workers: int) -> LocalCluster:
    return LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=False, protocol="tcp://", dashboard_address=":0"
    )


@pytest.fixture(scope="module")
def clusters() -> Iterator[tuple[LocalCluster, LocalCluster]]:
    with small_cluster(1) as one, small_cluster(2) as other:
        yield one, other


@pytest.fixture
def slurm(tmp_path: Path) -> FakeSlurm:
    slurm = FakeSlurm(tmp_path)
    slurm.queue(JOBS)
    return slurm


@pytest.fixture
async def poller(clusters, slurm) -> AsyncIterator[Poller]:
    """A poller of the first of two clusters, whose address the scripts of all jobs name."""
    one, _ = clusters
    slurm.program("scontrol", f"echo 'dask worker {one.scheduler_address} --name SLURMCluster-0 --nworkers 4'")
    poller = Poller(Options(address=one.scheduler_address), slurm.environment)
    poller.attach_to((await poller.locate())[0].address)
    await poller.poll_everything()
    yield poller
    await poller.close()


async def test_data_of_the_old_scheduler_are_dropped(clusters, slurm, poller) -> None:
    _, other = clusters
    before = poller.snapshot()
    assert before.totals.workers == 1
    assert {job.job_id for job in before.jobs if job.evidence} == {"7", "8"}
    slurm.queue({"8": "RUNNING"})
    slurm.accounting({"7": "FAILED"}, ended_at=int(time.time()))
    await poller.poll_slurm()
    assert [job.job_id for job in poller.snapshot().jobs if job.fate] == ["7"]

    await poller.switch_to(other.scheduler_address)
    between = poller.snapshot()
    assert between.cluster.scheduler_id is None
    assert between.unplaced_workers == ()
    assert [(job.job_id, job.evidence) for job in between.jobs] == [("8", ())], "the queue stays known"
    await poller.poll_dask()
    await poller.poll_slurm()
    after = poller.snapshot()
    assert after.cluster.scheduler_address == other.scheduler_address
    assert len(after.unplaced_workers) == 2
    assert [(job.job_id, job.evidence, job.fate) for job in after.jobs] == [("8", (), None)]
    assert {"job-failed", "lost-job"}.isdisjoint(finding.code for finding in after.findings)


async def test_earlier_failed_jobs_belong_to_their_scripts_scheduler(clusters, slurm) -> None:
    one, other = clusters
    slurm.queue({})
    slurm.accounting({"5": "FAILED", "6": "FAILED", "7": "FAILED"}, ended_at=int(time.time()) + 1)
    scripts = f"case $3 in 5) a={one.scheduler_address};; 6) a={other.scheduler_address};; *) a=tcp://h:1;; esac"
    slurm.program("scontrol", f"{scripts}; echo dask worker $a")
    poller = Poller(Options(address=one.scheduler_address, user="ada"), slurm.environment)
    poller.attach_to(one.scheduler_address)
    for cluster, job_id in ((one, "5"), (other, "6")):
        if cluster is other:
            await poller.switch_to(other.scheduler_address)
        for _ in range(2):  # found by its script first, later in the usual way
            await poller.poll_everything()
            snapshot = poller.snapshot()
            (job,) = snapshot.jobs
            assert (job.job_id, job.state, job.evidence) == (job_id, "FAILED", ("job_script",))
            assert job.fate is not None
            assert job.fate.explanation == "failed with exit code 3"
            assert [found.job_id for found in snapshot.findings if found.code == "job-failed"] == [job_id]
    assert sum(" -u ada -S now-43200seconds " in call for call in slurm.calls("sacct")) == 2
    await poller.close()


async def test_connection_to_the_old_scheduler_is_closed(clusters, poller) -> None:
    _, other = clusters
    assert poller._dask is not None
    connection = poller._dask._connection
    assert connection is not None
    assert not connection.closed
    await poller.switch_to(other.scheduler_address)
    assert connection.closed


async def test_given_scheduler_file_belongs_to_the_old_scheduler(clusters, slurm) -> None:
    one, other = clusters
    file = slurm.folder / "scheduler.json"
    file.write_text(f'{{"address": "{one.scheduler_address}"}}')
    slurm.program("scontrol", f"echo 'dask worker --scheduler-file {file}'")
    poller = Poller(Options(scheduler_file=str(file), user="ada"), slurm.environment)
    poller.attach_to((await poller.locate())[0].address)
    await poller.poll_everything()
    assert [job.evidence for job in poller.snapshot().jobs] == [("job_script",)] * 2
    await poller.switch_to(other.scheduler_address)
    await poller.poll_everything()
    assert [job.evidence for job in poller.snapshot().jobs] == [(), ()]
    await poller.close()


async def test_scheduler_files_differ_by_folder(clusters, slurm, tmp_path, monkeypatch) -> None:
    """As with two runs of the same script, which differ only in the working directory."""
    one, other = clusters
    for name, cluster in (("7", one), ("8", other)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "s.json").write_text(f'{{"address": "{cluster.scheduler_address}"}}')
    slurm.program(
        "scontrol",
        f"case $1 in write) echo 'dask worker --scheduler-file s.json';;"
        f" *) printf 'JobId=%s JobName=x\\n   WorkDir={tmp_path}/%s\\n' $3 $3;; esac",
    )
    monkeypatch.chdir(tmp_path / "7")
    poller = Poller(Options(scheduler_file="s.json", user="ada"), slurm.environment)
    poller.attach_to((await poller.locate())[0].address)
    await poller.poll_everything()
    assert [(job.job_id, job.evidence) for job in poller.snapshot().jobs] == [("7", ("job_script",)), ("8", ())]
    await poller.close()


async def test_search_finds_other_schedulers(clusters, slurm, poller, monkeypatch) -> None:
    one, other = clusters
    monkeypatch.setattr("dasktop.collectors.sources.discover.hints_from_processes", lambda _: iter(()))
    (only,) = await poller.look_for_schedulers()
    assert (only.address, only.origin, only.jobs, only.workers) == (one.scheduler_address, "script of job 7", 2, 1)
    await poller.switch_to(other.scheduler_address)
    await poller.poll_dask()
    assert [(found.address, found.jobs) for found in await poller.look_for_schedulers()] == [
        (one.scheduler_address, 2),
        (other.scheduler_address, 0),
    ]
    assert poller.scheduler_id == other.scheduler.id


async def test_search_respects_the_interval_of_squeue(poller, slurm) -> None:
    asked = len(slurm.calls("squeue"))
    await poller.look_for_schedulers()
    await poller.look_for_schedulers()
    assert len(slurm.calls("squeue")) == asked


async def test_current_interval_decides_when_answers_are_stale(clusters, poller) -> None:
    _, other = clusters
    poller.expect_polls_every(10)
    assert poller.dask_log.stale_after_seconds == 30
    await poller.switch_to(other.scheduler_address)
    assert poller.dask_log.stale_after_seconds == 30
