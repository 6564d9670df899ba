"""Jobs that are a cluster's by a guess alone: what is guessed of a worker lasts until it says where it is."""

import pytest

from dasktop.collectors.model.options import Options
from dasktop.collectors.runtime.poller import Poller
from tests.support.fake_slurm import FakeSlurm
from tests.support.readings import batch, dask, job_of, running, worker


@pytest.fixture
async def poller(tmp_path) -> Poller:
    """A poller that has not heard yet where a worker on a host runs on which there is another job of the user's."""
    slurm = FakeSlurm(tmp_path)
    poller = Poller(Options(user="ada"), slurm.environment)
    slurm.queue({})
    await poller.poll_queue()
    poller._slurm._jobs = (running("7", "n1"), running("8", "n2"))
    poller._dask_reading = dask(worker("w", place_was_read=False, host="n1"))
    assert job_of(poller.snapshot(), "7").evidence == ("host",)
    return poller


@pytest.mark.parametrize("place", [batch("8", node="n2"), None], ids=["in another job", "outside SLURM"])
async def test_a_guess_that_proves_wrong_is_forgotten(poller, place):
    poller._dask_reading = dask(worker("w", place=place, host="n1"))
    snapshot = poller.snapshot()
    assert job_of(snapshot, "7").evidence == ()
    assert "7" not in poller.cluster_jobs
    assert snapshot.totals.jobs_running == (place is not None)
    assert job_of(poller.snapshot(), "7").evidence == ()


async def test_a_guess_that_proves_right_stays(poller):
    poller._dask_reading = dask(worker("w", place=batch("7"), host="n1"))
    assert job_of(poller.snapshot(), "7").evidence == ("environment", "host")


async def test_a_guess_that_nothing_speaks_against_stays_when_the_worker_has_gone(poller):
    poller._dask_reading = dask()
    assert job_of(poller.snapshot(), "7").evidence == ("host",)
    assert "7" in poller.cluster_jobs
