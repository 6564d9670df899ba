"""Output files of jobs, remembered after SLURM has forgotten them."""

import pytest

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.sources.slurm.commands import Commands
from dasktop.collectors.sources.slurm.job_lookups import JOBS_PER_POLL, OutputFilesReader
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
