"""Tests of plan execution on any SLURM; one file runs them on the embedded one, another on the real one."""

import asyncio
import getpass
import json
import re
import signal
import socket
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from dasktop.collectors.model.plan import Adapt, Jobs, Release, ReplaceLost
from dasktop.collectors.model.snapshot import Adaptive
from tests.slurm.commands import SlurmCommands
from tests.support.notebook import Notebook
from tests.support.scaling_clusters import IMPORTS, PROCESSES, PROGRAM, SINGLE_PROCESS, Cluster
from tests.support.terminal import Terminal
from tests.support.waiting import PATIENCE_SECONDS, until


@pytest.fixture(scope="module")
def notebook(slurm: SlurmCommands, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    with Notebook(slurm.environment, tmp_path_factory.mktemp("notebook")) as notebook:
        notebook.run(IMPORTS)
        yield notebook


Shared = dict[tuple[str, str, int], Cluster]


@pytest.fixture(scope="module")
def shared(notebook: Notebook) -> Iterator[Shared]:
    """The cluster of the last test, by its arguments: the next test may use it too.

    It lives in the notebook, which has to end after it.
    """
    del notebook
    shared: Shared = {}
    yield shared
    close_all(shared)


def close_all(shared: Shared) -> None:
    """Close the cluster, for a test that needs a SLURM without other jobs."""
    while shared:
        shared.popitem()[1].close()


@pytest.fixture
def make(slurm: SlurmCommands, notebook: Notebook, shared: Shared, tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    """Return a cluster with this number of jobs: that of the last test if its arguments are equal, or a new one."""
    made: Shared = {}

    def make(jobs: int, settings: str | None = None, processes: int = PROCESSES, kind: str = "SLURMCluster") -> Cluster:
        settings = f"processes={processes}" if settings is None else settings
        key = (settings, processes, kind)
        cluster = shared.pop(key, None)
        close_all(shared)  # the notebook has one cluster, and all jobs in the queue belong to it
        if cluster is None:
            made[key] = Cluster(slurm, notebook, tmp_path, jobs, settings, processes, kind)
        else:
            made[key] = cluster
            cluster.reset(jobs, tmp_path)
        return made[key]

    yield make
    for cluster in made.values():
        cluster.release_results()  # its tasks wait for a file of this test
    shared.update(made)


# In this order, tests that share a cluster follow one another; in another order, more clusters are created.
async def test_release_loses_no_result(make):
    cluster = make(3)
    cluster.compute(200)
    before = cluster.job_ids
    status, output, steps = await cluster.run("--jobs", "1", "--yes", "--json")
    assert status == 0, steps
    plan, outcome = map(json.loads, output.splitlines())
    assert cluster.started_twice() == 0
    # The cluster object in the notebook agrees.
    cluster.wait_for_workers(PROCESSES)
    (kept,) = cluster.job_ids.items()
    assert cluster.slurm.queued() == [kept[1]]
    assert {job["job_id"] for job in plan["release"]} == set(outcome["released"]) == {*before.values()} - {kept[1]}
    assert cluster.notebook.value("list(cluster.worker_spec)") == [kept[0]]
    assert cluster.notebook.value("cluster.plan == cluster.requested == cluster.observed")
    # User, time (added by dask), action and outcome are in the events of the scheduler and in the action log.
    who = f"{getpass.getuser()}@{socket.gethostname()}, process "
    begun, ended = cluster.events
    assert (begun["action"], begun["what"], ended["action"], ended["what"]) == ("begun", "1 job", "ended", "1 job")
    assert begun["who"].startswith(who)
    assert ended["who"] == begun["who"]
    assert ended["outcome"] == outcome["message"]
    first, last = map(json.loads, cluster.log.read_text().splitlines())
    assert (first["event"], first["target"], first["who"]) == ("begun", "1 job", begun["who"])
    assert (last["event"], last["release"], last["outcome"]) == ("done", first["release"], outcome)
    assert datetime.fromisoformat(first["at"]) < datetime.fromisoformat(last["at"])


async def test_scale_of_dask_loses_results(make):
    """For comparison: `scale` passes names where addresses are expected (distributed #4532)."""
    cluster = make(2)
    cluster.compute(200)
    cluster.notebook.run("cluster.scale(jobs=1)")
    cluster.wait_for_workers(PROCESSES)
    lost = cluster.started_twice()
    print(f"cluster.scale(jobs=1) of dask: {lost} of 200 results computed again")
    assert lost > 0


# Without `processes=`, dask-jobqueue starts as many processes for 2 cores by default, and sets no group.
@pytest.mark.parametrize("settings", [f"processes={PROCESSES}", ""], ids=["group", "no group"])
async def test_no_running_task_starts_twice(make, tmp_path, settings):
    cluster = make(3, settings)
    with Terminal([*PROGRAM, cluster.address, "--jobs", "1"], tmp_path, cluster.environment) as terminal:
        terminal.wait_for("Apply this plan?")
        cluster.compute(300, seconds=2, wait=False)
        await until(lambda: cluster.started > 10)
        terminal.press("y", "Enter")
        assert terminal.wait_for_end() == 0, terminal.screen()
    assert cluster.started < 300
    cluster.end_tasks()
    assert cluster.started_twice() == 0
    assert len(cluster.slurm.queued()) == len(cluster.job_ids) == 1


async def test_lost_job_is_found_and_replaced(make):
    cluster = make(2)
    lost = min(cluster.job_ids.values(), key=int)
    assert (await cluster.snapshot()).findings == ()
    cluster.slurm.run("scancel", lost)
    cluster.wait_for_workers(PROCESSES)
    await until(lambda: lost not in cluster.slurm.queued())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not (findings := (await cluster.snapshot()).findings):  # noqa: ASYNC110
            await asyncio.sleep(0.5)  # the owner may need some seconds to remove a job
    (found,) = findings
    assert (found.code, found.job_id) == ("lost-job", lost)
    chosen = await cluster.plan(ReplaceLost())
    # dask's own scaling does not see it (distributed #9102).
    cluster.notebook.run("cluster.scale(jobs=2)")
    cluster.notebook.run("import time; time.sleep(3)")
    assert len(cluster.slurm.queued()) == 1

    status, output, steps = await cluster.run("--replace-lost", "--yes")
    assert status == 0, steps
    assert "submitted job" in output
    cluster.wait_for_workers(2 * PROCESSES)
    await until(lambda: cluster.slurm.run("squeue", "--noheader", "--format=%T").split() == ["RUNNING"] * 2)
    assert set(cluster.job_ids.values()) == set(cluster.slurm.queued())
    assert cluster.notebook.value("cluster.plan == cluster.requested == cluster.observed")
    assert (await cluster.snapshot()).findings == ()
    # The plan that was made before is outdated.
    again = await cluster.execute(chosen)
    assert not again.done
    assert again.is_outdated
    assert len(cluster.slurm.queued()) == 2


@pytest.mark.parametrize(
    ("kind", "name", "processes"),
    [("SLURMCluster", r"SLURMCluster-\d+", PROCESSES), ("NumberedCluster", r"\d+", 1)],
)
async def test_chosen_job_is_released(make, kind, name, processes):
    cluster = make(2, kind=kind, processes=processes)
    names = sorted(cluster.job_ids, key=lambda job: int(job.rpartition("-")[2]))
    assert len(names) == 2
    assert all(re.fullmatch(name, job) for job in names)
    cluster.compute(50)
    chosen = cluster.job_ids[names[0]]
    outcome = await cluster.scale(Release(job_ids=(chosen,)))
    assert outcome.done, outcome.message
    assert outcome.released == (chosen,)
    assert list(cluster.job_ids) == names[1:]
    assert cluster.started_twice() == 0


async def test_adaptive_scaling_on_changed_and_off(make):
    cluster = make(1, "")
    assert (await cluster.scale(Adapt(bounds=Adaptive(minimum=2, maximum=3)))).done
    cluster.wait_for_workers(2 * PROCESSES)
    cluster.notebook.run("adaptive = cluster._adaptive")
    assert cluster.notebook.value("(adaptive.minimum, adaptive.maximum)") == [2 * PROCESSES, 3 * PROCESSES]
    # Without a group, dask-jobqueue would submit and cancel jobs endlessly (dask-jobqueue #498).
    assert cluster.notebook.value("cluster.plan == cluster.requested == cluster.observed")
    assert (await cluster.scale(Adapt(bounds=Adaptive(minimum=1, maximum=None)))).done
    assert cluster.notebook.value("cluster._adaptive is adaptive")
    assert cluster.notebook.value("(adaptive.minimum, adaptive.maximum == float('inf'))") == [PROCESSES, True]
    outcome = await cluster.scale(Adapt(bounds=None))
    assert outcome.done, outcome.message
    assert cluster.notebook.value("adaptive.periodic_callback is None")


async def test_owner_submits_jobs(make):
    cluster = make(1, kind="NumberedCluster")
    outcome = await cluster.scale(Jobs(count=3))
    assert outcome.done, outcome.message
    assert len(outcome.submitted) == 2
    assert set(outcome.submitted) < set(cluster.job_ids.values()) == set(cluster.slurm.queued())
    cluster.wait_for_workers(3 * PROCESSES)


async def test_scheduler_ends_during_the_execution(shared, slurm, tmp_path):
    close_all(shared)
    with Notebook(slurm.environment, tmp_path) as notebook:
        notebook.run(IMPORTS)
        cluster = Cluster(slurm, notebook, tmp_path, 2, **SINGLE_PROCESS)
        cluster.compute(2, seconds=None, wait=False)
        await until(lambda: cluster.started == 2)
        scaling = asyncio.create_task(cluster.scale(Jobs(count=1)))
        await cluster.wait_for_step("drain", scaling)
        notebook.kill()
        outcome = await scaling
    assert not outcome.done
    assert "no scheduler at" in outcome.message or "closed the connection" in outcome.message
    assert "resume by themselves" in outcome.message
    slurm.cancel_all()


async def test_sbatch_refuses_a_job(make):
    cluster = make(1, **SINGLE_PROCESS)
    cluster.notebook.run("cluster.new_spec['options']['queue'] = 'nowhere'")
    try:
        outcome = await cluster.scale(Jobs(count=2))
    finally:
        cluster.notebook.run("del cluster.new_spec['options']['queue']")
    assert not outcome.done
    assert outcome.message.startswith("sbatch: error:")
    assert "partition" in outcome.message
    assert outcome.submitted == ()
    # Nothing is half done: the owner counts the existing jobs.
    assert len(cluster.job_ids) == cluster.notebook.value("len(cluster.worker_spec)") == 1


async def test_workers_resume_after_interrupted_drain(make):
    cluster = make(2, **SINGLE_PROCESS)
    cluster.compute(2, seconds=None, wait=False)
    await until(lambda: cluster.started == 2)
    process = await cluster.command("--jobs", "1", "--yes")
    steps = [await process.stderr.readline()]
    while not steps[-1].startswith(b"drain: "):
        assert not process.stderr.at_eof(), steps
        steps.append(await process.stderr.readline())
    assert "closing_gracefully" in cluster.statuses
    process.send_signal(signal.SIGINT)
    _, errors = await process.communicate()
    assert process.returncode == 5
    assert b"interrupted: stopped workers resume, and no job was released" in errors
    await cluster.wait_until_running(2)
    assert len(cluster.job_ids) == 2
    cluster.end_tasks()
    assert cluster.started_twice() == 0
    assert cluster.events[-1]["outcome"] == "interrupted"
    assert json.loads(cluster.log.read_text().splitlines()[-1])["event"] == "interrupted"
    # The lock is free again.
    assert (await cluster.scale(Jobs(count=1))).done


async def test_second_dasktop_is_refused(make):
    cluster = make(2, **SINGLE_PROCESS)
    cluster.compute(2, seconds=None, wait=False)
    await until(lambda: cluster.started == 2)
    first = asyncio.create_task(cluster.scale(Jobs(count=1)))
    await cluster.wait_for_step("drain", first)
    second = await cluster.scale(Jobs(count=3))
    assert not second.done
    assert "has been scaling this cluster" in second.message
    cluster.end_tasks()
    assert (await first).done
    assert len(cluster.slurm.queued()) == 1


async def test_results_without_other_worker_are_kept(make):
    cluster = make(1, **SINGLE_PROCESS)
    cluster.compute(20)
    outcome = await cluster.scale(Jobs(count=0))
    assert not outcome.done
    assert "20 results" in outcome.message
    assert "no other worker" in outcome.message
    assert cluster.statuses == ["running"]
    assert len(cluster.slurm.queued()) == len(cluster.job_ids) == 1
    assert not cluster.step_was("stop new tasks")
    assert cluster.started_twice() == 0
    assert cluster.events[-1]["outcome"] == outcome.message
