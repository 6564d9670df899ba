"""The collector on a real SLURM: arrays, heterogeneous jobs, steps, hostile names, and how jobs end."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable

import pytest

from dasktop.collectors.analysis.job_record import explain
from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.readings import QueuedJob, SlurmReading
from dasktop.collectors.sources.dask.slurm_place import slurm_place
from dasktop.collectors.sources.slurm.collector import SlurmCollector
from dasktop.collectors.sources.slurm.failure_cause import GAVE_UP
from dasktop.collectors.system.user import own_name
from tests.support.waiting import PATIENCE_SECONDS

MIB = 1 << 20
WAIT = "sleep 300"


@pytest.fixture
async def collector(real_slurm) -> AsyncIterator[SlurmCollector]:
    slurm_collector = SlurmCollector(environment=real_slurm.environment, interval_seconds=0.5)
    yield slurm_collector
    slurm_collector.close()
    await asyncio.to_thread(real_slurm.cancel_all)


async def poll_until(
    collector: SlurmCollector, condition: Callable[[SlurmReading], object], cluster_jobs: set[str]
) -> SlurmReading:
    """Read until the reading fulfils the condition, and return it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            await collector.read_queue()
            reading = await collector.read_details(cluster_jobs)
            if condition(reading):
                return reading
            await asyncio.sleep(0.5)


def by_id(reading: SlurmReading) -> dict[str, QueuedJob]:
    return {job.job_id: job for job in reading.jobs}


async def fates(collector: SlurmCollector, *job_ids: str) -> dict[str, tuple[str, str]]:
    reading = await poll_until(collector, lambda reading: len(reading.ended) == len(job_ids), set(job_ids))
    found = {ended.job.job_id: explain(ended) for ended in reading.ended}
    return {job_id: (found[job_id].state, found[job_id].explanation) for job_id in job_ids}


async def test_what_a_pending_job_insists_on(real_slurm, collector):
    first = real_slurm.submit(WAIT, "--hold")
    demands = (f"--dependency=afterok:{first}", "--exclusive", "--exclude=n2,n3", "-N", "2", "-n", "4", "-c", "3")
    second = real_slurm.submit(WAIT, *demands)
    third = real_slurm.submit(WAIT, "--begin=now+1hour")
    array = real_slurm.submit(WAIT, "-a", "1-5", "--begin=now+1hour")
    jobs = by_id(await collector.read_queue())
    job = jobs[second]
    assert (job.dependency, job.excluded_nodes) == (f"afterok:{first}(unfulfilled)", ("n2", "n3"))
    assert (job.is_exclusive, jobs[third].is_exclusive) == (True, False)
    assert job.node_count == 2
    assert job.cpus_per_node is not None
    assert job.cpus_per_node >= 3
    assert (job.gres, job.licenses, job.reservation, job.planned_nodes) == (None, None, None, ())
    assert jobs[first].priority == 0
    # Equal or falling priorities: the first one that was submitted comes first, and held jobs come last.
    places = [await collector.queue_place(job_id, "debug") for job_id in (first, third, array)]
    assert [place.number for place in places] == [None, 2, 3]
    assert {place.of for place in places} == {8}
    assert places[0].remark == "it has no priority: it is held"


async def test_fields_of_running_job(real_slurm, collector):
    job_id = real_slurm.submit(WAIT, "-J", "plain", "-N", "2", "-n", "4", "--mem-per-cpu=300M", "-t", "1-00:00:00")
    real_slurm.wait_for(job_id, "RUNNING")
    job = by_id(await collector.read_queue())[job_id]
    assert (job.name, job.state, job.reason, job.cpus, len(job.nodes)) == ("plain", "RUNNING", None, 4, 2)
    assert (job.memory_bytes, job.gpus, job.time_limit_seconds) == (1200 * MIB, 0, 86400)
    assert job.started_at is not None
    assert job.ends_at is not None
    assert (job.ends_at - job.started_at).total_seconds() == 86400


async def test_fields_of_held_job(real_slurm, collector):
    job_id = real_slurm.submit(WAIT, "--hold", "--mem=100M")
    real_slurm.wait_for_reason(job_id, "JobHeldUser")
    job = by_id(await collector.read_queue())[job_id]
    assert (job.state, job.reason, job.nodes, job.started_at, job.ends_at) == ("PENDING", "JobHeldUser", (), None, None)
    assert job.memory_bytes == 100 * MIB


async def test_array_tasks_share_one_script(real_slurm, collector):
    job_id = real_slurm.submit("dask worker tcp://h:8786 || sleep 300", "-a", "0-4%2", "-n", "1")
    reading = await poll_until(
        collector,
        lambda reading: sum(job.state == "RUNNING" for job in reading.jobs) == 2 and len(reading.scripts) == 3,
        set(),
    )
    tasks = {job.array_task_id: job for job in reading.jobs if job.array_job_id == job_id}
    assert set(tasks) == {"0", "1", "2-4%2"}
    assert tasks["2-4%2"].job_id == job_id
    assert job_id not in {tasks["0"].job_id, tasks["1"].job_id}
    assert {script.job_id for script in reading.scripts} == {job.job_id for job in tasks.values()}


async def test_components_of_heterogeneous_job(real_slurm, collector):
    job_id = real_slurm.submit(WAIT, "-n1", "--mem=1G", ":", "-n", "2", "-N2", "--mem=500M")
    reading = await poll_until(collector, lambda reading: [job.state for job in reading.jobs] == ["RUNNING"] * 2, set())
    jobs = sorted(reading.jobs, key=lambda job: int(job.job_id))
    assert [job.het_job_id for job in jobs] == [job_id, job_id]
    assert [job.memory_bytes for job in jobs] == [1024 * MIB, 1000 * MIB]
    assert [len(job.nodes) for job in jobs] == [1, 2]


async def test_job_names_may_contain_any_text(real_slurm, collector):
    hostile = ["a\udcffb\x1b[31mred", "x\x1fy|z", "two\nlines\x1e1", "%A %j", "CLUSTER: x"]
    ids = [real_slurm.submit(WAIT, "--hold", "-J", name) for name in hostile]
    jobs = by_id(await collector.read_queue())
    assert [jobs[job_id].name for job_id in ids] == [
        "a\ufffdb [31mred",
        "x y|z",
        "two lines 1",
        "%A %j",
        "CLUSTER: x",
    ]
    assert collector.sources[0].source().error is None


async def test_steps_with_several_tasks_on_several_nodes(real_slurm, collector):
    job_id = real_slurm.submit("srun -n 4 -N 2 sleep 300", "-N", "2", "-n", "4")
    # While a node starts its tasks, sstat counts those of the other only, and the collector keeps such an answer.
    command = ("sstat", "-n", "-P", "-a", "-j", job_id, "--format=JobID,NTasks")
    async with asyncio.timeout(PATIENCE_SECONDS):
        while real_slurm.run(*command, check=False).split() != [f"{job_id}.batch|1", f"{job_id}.0|4"]:  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.5)
    await collector.read_queue()
    reading = await collector.read_details({job_id})
    assert [(step.step_id, step.ntasks) for step in reading.steps] == [("batch", 1), ("0", 4)]
    tasks = next(step for step in reading.steps if step.step_id == "0")
    assert (tasks.job_id, len(tasks.nodes)) == (job_id, 2)
    assert len(tasks.pids) >= 4


async def test_job_whose_output_cannot_be_opened(real_slurm, collector):
    """22.05 does not start it; newer versions run it without its output (seen with 24.11 and 26.05)."""
    job_id = real_slurm.submit("true", "-o", "/no/such/dir/x.log", "--hold")
    await collector.read_queue()
    await collector.output_files(job_id)
    real_slurm.run("scontrol", "release", job_id)
    ((state, explanation),) = (await fates(collector, job_id)).values()
    assert (state, explanation) in [
        ("FAILED", "SLURM could not open its output file /no/such/dir/x.log"),
        ("COMPLETED", "completed"),
    ]


async def test_batch_step_has_the_name_of_sstat(real_slurm, collector):
    """The number in the environment differs between versions."""
    file = real_slurm.work / "environment"
    job_id = real_slurm.submit("env > environment.new; mv environment.new environment; sleep 300")
    reading = await poll_until(collector, lambda reading: reading.steps and file.exists(), {job_id})
    variables = dict(line.split("=", 1) for line in file.read_text().splitlines() if line.startswith("SLURM"))
    place = slurm_place(variables, "")
    assert place is not None
    assert [(place.job_id, place.step_id)] == [(step.job_id, step.step_id) for step in reading.steps]
    assert place.step_id == "batch"


async def test_script_of_batch_job_but_not_srun(real_slurm, collector):
    ours = real_slurm.submit("#!/bin/sh\n#SBATCH -n 1\ndask worker tcp://10.1.2.3:4 --name w --nworkers 3", "--hold")
    other = real_slurm.submit(WAIT, "--hold")
    await collector.read_queue()
    (script,) = await collector.read_scripts()
    assert (script.job_id, script.scheduler_addresses, script.worker_names, script.workers_expected) == (
        ours,
        ("tcp://10.1.2.3:4",),
        ("w",),
        3,
    )
    interactive = await asyncio.create_subprocess_exec(
        "srun", "-n1", "sleep", "300", env=real_slurm.environment, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await poll_until(collector, lambda reading: len(reading.jobs) == 3, set())
        assert collector.sources[3].source().state == "ok"
        assert other in by_id(collector.reading)
    finally:
        interactive.kill()
        await interactive.wait()


async def test_how_jobs_end(real_slurm, collector):
    fails = real_slurm.submit("exit 3")
    works = real_slurm.submit("srun -n 2 true", "-n", "2")
    killed = real_slurm.submit("kill -SEGV $$")
    cancelled = real_slurm.submit(WAIT)
    never = real_slurm.submit(WAIT, "--hold")
    preempted = real_slurm.submit(WAIT, "-w", "n4", "-n", "16", "--mem=100M")
    for job_id in (cancelled, preempted):
        real_slurm.wait_for(job_id, "RUNNING")
    await poll_until(collector, lambda reading: reading.jobs, {cancelled, never})
    real_slurm.run("scancel", cancelled, never)
    real_slurm.submit("true", "--partition=urgent", "-w", "n4")
    assert await fates(collector, fails, works, killed, cancelled, never, preempted) == {
        fails: ("FAILED", "failed with exit code 3"),
        works: ("COMPLETED", "completed"),
        killed: ("FAILED", "killed by signal 11 (SIGSEGV)"),
        cancelled: ("CANCELLED", f"cancelled by user {own_name()}"),
        never: ("CANCELLED", f"cancelled by user {own_name()} before it started"),
        preempted: ("PREEMPTED", "stopped: preempted by another job"),
    }
    assert collector.sources[1].source().state == "ok"


async def test_failure_causes_come_from_logs(real_slurm, collector):
    worker = f"{sys.executable} -m dask worker tcp://127.0.0.1:1 --no-dashboard"
    no_scheduler = real_slurm.submit(f"{worker} --no-nanny --death-timeout 2")
    no_scheduler_for_nanny = real_slurm.submit(f"{worker} --death-timeout 2")
    no_module = real_slurm.submit(f"{worker} --preload no_such_module")
    no_python = real_slurm.submit("/no/such/python -m dask worker tcp://127.0.0.1:1")
    jobs = (no_scheduler, no_scheduler_for_nanny, no_module, no_python)
    assert await fates(collector, *jobs) == {
        no_scheduler: ("FAILED", f"failed with exit code 1: {GAVE_UP}"),
        no_scheduler_for_nanny: ("FAILED", f"failed with exit code 1: {GAVE_UP}"),
        no_module: ("FAILED", "failed with exit code 1: ModuleNotFoundError: No module named 'no_such_module'"),
        no_python: ("FAILED", "failed with exit code 127: /no/such/python: not found"),
    }


async def test_memory_kill_in_batch_and_step(real_slurm, collector):
    hog = """python3 -c 'hog = bytearray(300_000_000); import time; time.sleep(300)'"""
    in_batch = real_slurm.submit(hog, "--mem=100M")
    in_step = real_slurm.submit(f"srun {hog}", "--mem=100M")
    for state, explanation in (await fates(collector, in_batch, in_step)).values():
        assert state == "OUT_OF_MEMORY"
        assert explanation.startswith("killed: ran out of memory")


async def test_unknown_job_ids_cause_no_error(real_slurm, collector):
    known = real_slurm.submit("exit 3")
    reading = await poll_until(collector, lambda reading: reading.ended, {known, "99999999", "88888888"})
    assert [ended.job.job_id for ended in reading.ended] == [known]
    assert {log.source().state for log in collector.sources} <= {"ok", "off"}  # off: not asked
    assert all(log.error is None for log in collector.sources)


async def test_outcome_without_accounting(real_slurm, tmp_path):
    """slurmctld knows the job for a while, and the error of sacct is shown."""
    configuration = real_slurm.run("cat", real_slurm.environment["SLURM_CONF"])
    lines = [line for line in configuration.splitlines() if not line.startswith("AccountingStorage")]
    without = tmp_path / "slurm.conf"
    without.write_text("\n".join([*lines, "AccountingStorageType=accounting_storage/none", ""]))
    blind = SlurmCollector(environment=real_slurm.environment | {"SLURM_CONF": str(without)}, interval_seconds=0.5)
    job_id = real_slurm.submit("exit 3")
    assert await fates(blind, job_id) == {job_id: ("FAILED", "failed with exit code 3")}
    assert (blind.sources[1].source().state, blind.sources[1].error) == ("off", "Slurm accounting storage is disabled")
    blind.close()


async def test_unknown_user_is_an_error(real_slurm):
    with pytest.raises(SourceError, match="Invalid user"):
        await SlurmCollector("no-such-user", environment=real_slurm.environment).read_queue()
