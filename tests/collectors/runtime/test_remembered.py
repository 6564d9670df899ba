"""Jobs inferred from the host of a worker, and how often sbatch is run for jobs that could not be submitted."""

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.options import Options
from dasktop.collectors.runtime.poller import Poller
from dasktop.collectors.runtime.remembered import MOST_SCRIPTS_TRIED
from tests.support.fake_slurm import FakeSlurm
from tests.support.readings import batch, dask, job_of, running, worker


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
