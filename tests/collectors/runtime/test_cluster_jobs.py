"""Jobs inferred from the host of a worker, until the worker reports where it runs."""

import pytest

from dasktop.collectors.model.options import Options
from dasktop.collectors.runtime.poller import Poller
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
