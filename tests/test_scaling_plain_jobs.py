"""Plans carried out where no owner is: workers from plain ``sbatch`` scripts, and what SLURM's commands refuse."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client

from dasktop.collectors.scaling.carry_out import carry_out
from dasktop.collectors.scaling.model import Jobs, Progress
from tests.dask_processes import Scheduler
from tests.scaling_clusters import BOTH, PATIENCE_SECONDS, Plain, embedded_only, slurm_of, until
from tests.slurm.commands import SlurmCommands


@pytest.fixture(scope="module", params=BOTH)
def slurm(request: pytest.FixtureRequest) -> Iterator[SlurmCommands]:
    yield from slurm_of(request)


@pytest.fixture
def plain(slurm: SlurmCommands, tmp_path: Path) -> Iterator[Plain]:
    with Scheduler() as scheduler:
        yield Plain(slurm, scheduler.address, tmp_path)
        slurm.cancel_all()


async def test_workers_of_plain_jobs_up_and_down(plain):
    first = plain.submit("mine")
    async with Client(plain.address, asynchronous=True) as client:
        await client.wait_for_workers(1, PATIENCE_SECONDS)
        outcome = await plain.scale(Jobs(count=3))
        assert outcome.done, outcome.message
        assert {first, *outcome.submitted} == set(plain.slurm.queued())
        assert len(outcome.submitted) == 2
        await client.wait_for_workers(3, PATIENCE_SECONDS)
        shown = plain.slurm.run("squeue", "--noheader", "--format=%j %m")
        assert set(shown.splitlines()) == {"plain 500M"}  # which sbatch was told beside the script
        futures = await plain.compute(client)
        outcome = await plain.scale(Jobs(count=1))
        assert outcome.done, outcome.message
        assert len(plain.slurm.queued()) == 1
        assert await client.gather(futures) == list(range(50))
        assert len(plain.runs.read_text().split()) == 50


@embedded_only
async def test_letting_go_is_finished_even_if_interrupted(plain):
    plain.submit("one")
    plain.submit("two")
    async with Client(plain.address, asynchronous=True) as client:
        await client.wait_for_workers(2, PATIENCE_SECONDS)
        futures = await plain.compute(client)

        def interrupt(progress: Progress) -> None:
            if progress.step == "hand back":
                carrying.cancel()

        carrying = asyncio.create_task(plain.scale(Jobs(count=1), interrupt))
        await asyncio.wait([carrying])
        assert carrying.cancelled()
        await until(lambda: len(plain.slurm.queued()) == 1)
        assert await client.gather(futures) == list(range(50))
        assert len(plain.runs.read_text().split()) == 50


@embedded_only
async def test_sbatch_and_squeue_that_fail(plain):
    job_id = plain.submit("mine")
    async with Client(plain.address, asynchronous=True) as client:
        await client.wait_for_workers(1, PATIENCE_SECONDS)
        up, down = await plain.plan(Jobs(count=2)), await plain.plan(Jobs(count=0))

        refusing = plain.instead_of("sbatch", "echo 'sbatch: error: QOSMaxSubmitJobPerUserLimit' >&2; exit 1")
        outcome = await carry_out(up, plain.address, plain.options(), lambda _: None, environment=refusing)
        assert (outcome.done, outcome.message) == (False, "sbatch: error: QOSMaxSubmitJobPerUserLimit")

        hanging = plain.instead_of("squeue", "sleep 60")
        outcome = await carry_out(down, plain.address, plain.options(1.0), lambda _: None, environment=hanging)
        assert not outcome.done
        assert "squeue did not answer within 1 s; nothing was changed" in outcome.message
        assert plain.slurm.queued() == [job_id]


@embedded_only
async def test_a_log_that_cannot_be_written_is_told(plain, tmp_path):
    plain.submit("mine")
    async with Client(plain.address, asynchronous=True) as client:
        await client.wait_for_workers(1, PATIENCE_SECONDS)
        (tmp_path / "state").write_text("not a folder")
        outcome = await plain.scale(Jobs(count=2))
        assert outcome.done
        assert "actions.log can't be written: Not a directory" in outcome.message
