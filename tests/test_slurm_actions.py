"""What is asked of SLURM's commands when jobs are given back, and when it isn't asked at all."""

import pytest

from dasktop.collectors.scaling.hold import RefusedError
from dasktop.collectors.scaling.model import Victim
from dasktop.collectors.scaling.release import Release
from dasktop.collectors.scaling.slurm_actions import SlurmActions
from tests.fake_programs import FakePrograms


def release_of(programs: FakePrograms, clusters: str, name: str | None) -> Release:
    """The giving back of job 7, in which no worker is."""
    environment = programs.environment | {"SLURM_CLUSTERS": clusters}
    victim = Victim(job_id="7", name=name, state="PENDING", workers=(), executing=0, stored=0, why="pending")
    return Release((victim,), NoHold(), SlurmActions(environment, "ada", 5.0), None, lambda _: None, 1.0)


class NoHold:
    async def errand(self, *_: object, **__: object) -> dict[str, object]:
        return {}


@pytest.fixture
def programs(tmp_path) -> FakePrograms:
    programs = FakePrograms(tmp_path)
    programs.prints("squeue")
    programs.prints("scancel")
    return programs


@pytest.mark.parametrize("clusters", ["one,other", "all", " all"])
async def test_a_job_id_that_may_mean_jobs_of_several_clusters(programs, clusters):
    """22.05, with SLURM_CLUSTERS=one,other: ``scancel -v 2`` says "Terminating job 2" twice, and does so."""
    with pytest.raises(RefusedError, match=r"SLURM_CLUSTERS names several clusters .*; nothing was touched"):
        await release_of(programs, clusters, None).carry_out()
    assert programs.calls("scancel") == []


@pytest.mark.parametrize("clusters", ["", "one", "one,"])
async def test_a_job_id_of_one_cluster(programs, clusters):
    await release_of(programs, clusters, None).carry_out()
    assert programs.calls("scancel") == ["7"]


async def test_a_job_that_its_owner_gives_back_needs_no_scancel_of_ours(programs):
    await release_of(programs, "one,other", "SLURMCluster-0").carry_out()
    assert programs.calls("scancel") == []
