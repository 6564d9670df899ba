"""Calls of SLURM's commands when jobs are released or resubmitted."""

import pytest

from dasktop.collectors.model.plan import JobToRelease
from dasktop.collectors.scaling.lease import RefusedError
from dasktop.collectors.scaling.release import Release
from dasktop.collectors.scaling.slurm import SlurmActions
from tests.support import snapshots
from tests.support.fake_programs import CAT, FakePrograms


def release_of(programs: FakePrograms, clusters: str, name: str | None) -> Release:
    """Return the release of job 7, which has no workers."""
    environment = programs.environment | {"SLURM_CLUSTERS": clusters}
    job = JobToRelease(job_id="7", name=name, state="PENDING", workers=(), executing=0, stored=0, why="pending")
    return Release((job,), NoLease(), SlurmActions(environment, "ada", 5.0), None, lambda _: None, 1.0)


class NoLease:
    async def run_operation(self, *_: object, **__: object) -> dict[str, object]:
        return {}


@pytest.fixture
def programs(tmp_path) -> FakePrograms:
    programs = FakePrograms(tmp_path)
    programs.prints("squeue")
    programs.prints("scancel")
    return programs


@pytest.mark.parametrize("clusters", ["one,other", "all", " all"])
async def test_job_id_in_several_clusters_is_refused(programs, clusters):
    """22.05, with SLURM_CLUSTERS=one,other: ``scancel -v 2`` says "Terminating job 2" twice, and does so."""
    with pytest.raises(RefusedError, match=r"SLURM_CLUSTERS names several clusters .*; nothing was changed"):
        await release_of(programs, clusters, None).execute()
    assert programs.calls("scancel") == []


@pytest.mark.parametrize("clusters", ["", "one", "one,"])
async def test_job_id_in_one_cluster_is_cancelled(programs, clusters):
    await release_of(programs, clusters, None).execute()
    assert programs.calls("scancel") == ["7"]


async def test_owner_cancels_its_own_jobs(programs):
    await release_of(programs, "one,other", "SLURMCluster-0").execute()
    assert programs.calls("scancel") == []


SCRIPT = "#!/bin/sh\ndask worker tcp://h:1"
OTHER_OUTPUT = "Welcome to the cluster\nqueue: normal"


class TestResubmit:
    @pytest.fixture
    def actions(self, programs) -> SlurmActions:
        """A SLURM that returns the script, and whose squeue shows the submitted job."""
        # scontrol write batch_script ID FILE
        programs.program("scontrol", f"[ \"$1\" = write ] && printf '%s' '{SCRIPT}' > \"$4\"; echo 'written, or so'")
        return SlurmActions(programs.environment, "ada", 5.0)

    def queue(self, programs, path: str) -> None:
        """Let squeue show a job of another script, and 4711 of this one, between the given marks."""
        mark = 'mark=${5%%"%"*}; '
        rows = f'printf \'%s%s\\037%s%s\\n\' "$mark" 12 /home/ada/job.sh "$mark" "$mark" 4711 {path} "$mark"'
        programs.program("squeue", mark + rows)

    async def test_id_among_other_output(self, programs, actions):
        programs.prints("sbatch", f"{OTHER_OUTPUT}\n4711\n")
        assert await actions.resubmit(snapshots.job("7")) == "4711"

    async def test_missing_id_is_read_from_squeue(self, programs, actions):
        """By the path of the script, which is unique: sbatch ended with status 0, so there is a job."""
        programs.program(
            "sbatch", f"for file; do :; done; echo \"$file\" > {programs.folder}/path; echo '{OTHER_OUTPUT}'"
        )
        self.queue(programs, f'"$(read -r path < {programs.folder}/path; echo "$path")"')
        assert await actions.resubmit(snapshots.job("7")) == "4711"
        assert len(programs.calls("sbatch")) == 1

    async def test_id_missing_in_squeue_too(self, programs, actions):
        programs.prints("sbatch", OTHER_OUTPUT)
        self.queue(programs, "/home/ada/other.sh")
        with pytest.raises(RefusedError, match=r"submitted a job.*before you submit another.*Welcome"):
            await actions.resubmit(snapshots.job("7"))

    async def test_error_among_other_output(self, programs, actions):
        error = "sbatch: error: Batch job submission failed: Invalid partition name specified"
        programs.prints("sbatch", "4711", f"Welcome to the cluster\n{error}\n", status=1)
        with pytest.raises(RefusedError) as refused:
            await actions.resubmit(snapshots.job("7"))
        assert str(refused.value) == error

    async def test_other_output_is_not_in_the_script(self, programs, actions):
        programs.program("sbatch", f'for file; do :; done; {CAT} "$file" > {programs.folder}/script; echo 4711')
        await actions.resubmit(snapshots.job("7"))
        assert (programs.folder / "script").read_text() == SCRIPT
