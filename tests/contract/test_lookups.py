"""The script, the output files and the free nodes of a job, on both SLURMs."""

from collections.abc import AsyncIterator

import pytest

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.queries import OutputFiles
from dasktop.collectors.sources.slurm.collector import SlurmCollector
from dasktop.collectors.sources.slurm.reasons import REASONS, advice_for
from tests.contract.embedded import EmbeddedCommands
from tests.slurm.commands import SlurmCommands
from tests.support.slurm_output import queue, until

SCRIPT = "#!/bin/sh\n#SBATCH -n 1\n\nif true; then\n    sleep 60\nfi\n"


@pytest.fixture
async def collector(slurm: SlurmCommands) -> AsyncIterator[SlurmCollector]:
    collector = SlurmCollector(environment=slurm.environment)
    yield collector
    collector.close()


async def test_script_and_files_in_all_states(slurm: SlurmCommands, collector: SlurmCollector) -> None:
    folder = slurm.work / "with space"
    folder.mkdir(exist_ok=True)
    job_id = slurm.submit(SCRIPT, "--hold", "-D", str(folder), "-o", "worker-%J.out", "-e", "%j.err")
    files = OutputFiles(stdout=f"{folder}/worker-{job_id}.out", stderr=f"{folder}/{job_id}.err", work_dir=str(folder))

    async def lookups() -> tuple[tuple[str, ...], OutputFiles]:
        return await collector.batch_script(job_id), await collector.output_files(job_id)

    expected = (tuple(SCRIPT.splitlines()), files)
    assert await lookups() == expected
    slurm.run("scontrol", "release", job_id)
    slurm.wait_for(job_id, "RUNNING")
    assert await lookups() == expected
    until(lambda: {path.name for path in folder.iterdir()}, {f"worker-{job_id}.out", f"{job_id}.err"}.issubset)
    slurm.run("scancel", job_id)
    slurm.wait_for(job_id, "CANCELLED")
    assert await lookups() == expected


async def test_each_array_task_has_its_files(slurm: SlurmCommands, collector: SlurmCollector) -> None:
    array = slurm.submit(SCRIPT, "-a", "0-1")
    slurm.wait_for(array, "RUNNING")
    raw_ids = {row["K"]: row["A"] for row in queue(slurm, "AK", "-r", "-j", array)}
    for task, job_id in raw_ids.items():
        assert (await collector.output_files(job_id)).stdout == f"{slurm.work}/slurm-{array}_{task}.out"
        assert await collector.batch_script(job_id) == tuple(SCRIPT.splitlines())
    assert set(raw_ids) == {"0", "1"}


async def test_required_nodes_and_free_nodes(slurm: SlurmCommands, collector: SlurmCollector) -> None:
    filler = slurm.submit("sleep 600", "-c", "16", "--nodelist=n1", "--mem=1000M")
    slurm.wait_for(filler, "RUNNING")
    waits = slurm.submit("sleep 600", "-c", "4", "--nodelist=n1", "--mem=1000M")
    reading = await collector.read_queue()
    jobs = {job.job_id: job for job in reading.jobs}
    assert (jobs[waits].required_nodes, jobs[waits].required_features, jobs[waits].nodes) == (("n1",), None, ())
    any_node = slurm.submit("sleep 600", "--hold")
    (job,) = (job for job in (await collector.read_queue()).jobs if job.job_id == any_node)
    assert (job.required_nodes, job.required_features) == ((), None)
    free = await collector.free_nodes(jobs[waits].partition or "")
    assert [(node.name, node.cpus, node.memory_bytes) for node in free] == [
        (name, 16, 64_000 << 20) for name in ("n2", "n3", "n4")
    ]
    assert (jobs[waits].node_count, jobs[waits].cpus_per_node, jobs[waits].is_exclusive) == (1, 4, False)
    assert (await collector.queue_place(waits, jobs[waits].partition or "")).number == 1
    # The advice that users get for such a job works.
    if isinstance(slurm, EmbeddedCommands):
        return  # it has no scontrol update for this
    advice = advice_for(REASONS["Resources"], waits, jobs[waits].required_nodes, None)
    slurm.run(*advice.partition(": ")[2].split())
    slurm.wait_for(waits, "RUNNING")


async def test_unknown_job_is_an_error(slurm: SlurmCommands, collector: SlurmCollector) -> None:
    for read in (collector.batch_script, collector.output_files):
        with pytest.raises(SourceError, match="SLURM no longer knows job 99999999"):
            await read("99999999")
