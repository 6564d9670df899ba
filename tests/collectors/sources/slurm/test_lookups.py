"""Output files of jobs, and why sbatch rejects a script."""

import os

import pytest

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.sources.slurm.commands import Commands, command_environment
from dasktop.collectors.sources.slurm.lookups import (
    JOBS_PER_POLL,
    OutputFilesReader,
    sbatch_error,
)
from tests.slurm.commands import SlurmCommands
from tests.support.fake_programs import FakePrograms

SHOWN = "JobId={0} JobName=x\n   BatchHost=n1\n   WorkDir=/w\n   StdErr=/w/{0}.err\n   StdOut=/w/{0}.out\n\n"
FORGOTTEN = "slurm_load_jobs error: Invalid job id specified"


@pytest.fixture
def programs(tmp_path):
    return FakePrograms(tmp_path)


@pytest.fixture
def reader(programs):
    return OutputFilesReader(Commands(programs.environment, 5))


async def test_known_files_outlive_the_job_record(programs, reader):
    programs.prints("scontrol", SHOWN.format(7))
    files = await reader.read("7")
    assert (files.stdout, files.stderr) == ("/w/7.out", "/w/7.err")
    programs.prints("scontrol", complaint=FORGOTTEN, status=1)
    assert await reader.read("7") == files
    with pytest.raises(SourceError, match="SLURM no longer knows job 8"):
        await reader.read("8")


async def test_prefetch_reads_each_job_once(programs, reader):
    programs.prints("scontrol", complaint=FORGOTTEN, status=1)
    jobs = [str(number) for number in range(1, JOBS_PER_POLL + 3)]
    await reader.prefetch(jobs)
    assert len(programs.calls("scontrol")) == JOBS_PER_POLL
    await reader.prefetch(jobs)
    await reader.prefetch(jobs)
    assert len(programs.calls("scontrol")) == len(jobs)


async def test_prefetched_files_are_known_later(programs, reader):
    programs.prints("scontrol", SHOWN.format(7))
    await reader.prefetch({"7"})
    programs.prints("scontrol", complaint=FORGOTTEN, status=1)
    assert (await reader.read("7")).stdout == "/w/7.out"


SCRIPT = "#!/bin/sh\n#SBATCH -J {name}\n#SBATCH -t 1\ndask worker tcp://h:1\n"
ERROR = "sbatch: error: Invalid directive found in batch script: words"


def commands(programs: FakePrograms) -> Commands:
    return Commands(programs.environment, 5.0)


async def test_reason_of_a_rejection_is_returned(programs: FakePrograms) -> None:
    programs.prints("sbatch", "Welcome", f"Welcome to the cluster\n{ERROR}\n", status=255)
    assert await sbatch_error(commands(programs), SCRIPT.format(name="two words")) == ERROR
    (call,) = programs.calls("sbatch")
    assert call.startswith("--test-only ")


async def test_accepted_script_has_no_error(programs: FakePrograms) -> None:
    programs.prints("sbatch", "", "sbatch: Job 5 to start at 2025-11-22T12:00:00 using 1 processors on nodes n1\n")
    assert await sbatch_error(commands(programs), SCRIPT) is None


async def test_missing_sbatch_is_an_error(programs: FakePrograms) -> None:
    with pytest.raises(SourceError, match="sbatch is not on PATH"):
        await sbatch_error(commands(programs), SCRIPT)


async def test_real_sbatch_answers_alike(real_slurm: SlurmCommands) -> None:
    real = Commands(command_environment(os.environ), 20.0)
    assert await sbatch_error(real, SCRIPT.format(name="two words")) == ERROR
    assert await sbatch_error(real, SCRIPT.format(name="word")) is None
    assert real_slurm.queued() == []
