"""Run every test in this folder on both SLURMs."""

from collections.abc import Iterator

import pytest

from tests.contract.embedded import EmbeddedCommands
from tests.slurm.commands import SlurmCommands
from tests.slurm.site import SiteSlurm


@pytest.fixture(scope="session", params=[pytest.param("embedded"), pytest.param("real", marks=pytest.mark.slurm)])
def either_slurm(request: pytest.FixtureRequest) -> Iterator[SlurmCommands]:
    """The embedded SLURM, then the real one, both with four nodes of 16 CPUs and 64,000 MB."""
    if request.param == "embedded":
        with EmbeddedCommands(minute_seconds=6, kill_wait_seconds=5, min_job_age_seconds=60) as embedded:
            yield embedded
        return
    real = request.getfixturevalue("real_slurm")
    if isinstance(real, SiteSlurm):
        pytest.skip("the partitions, limits and jobs of a site are unknown")
    yield real


@pytest.fixture
def slurm(either_slurm: SlurmCommands, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlurmCommands]:
    """One of the two, with its variables set in this process; its queue is emptied afterwards."""
    for name, value in either_slurm.environment.items():
        monkeypatch.setenv(name, value)
    yield either_slurm
    either_slurm.cancel_all()
