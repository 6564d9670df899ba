"""Where jobs' output goes, remembered when SLURM has forgotten it."""

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


async def test_remembered_when_forgotten(programs, reader):
    programs.prints("scontrol", SHOWN.format(7))
    told = await reader.read("7")
    assert (told.stdout, told.stderr) == ("/w/7.out", "/w/7.err")
    programs.prints("scontrol", complaint=FORGOTTEN, status=1)
    assert await reader.read("7") == told
    with pytest.raises(SourceError, match="SLURM no longer knows job 8"):
        await reader.read("8")


async def test_what_is_learnt_is_asked_once_and_a_few_at_a_time(programs, reader):
    programs.prints("scontrol", complaint=FORGOTTEN, status=1)
    jobs = [str(number) for number in range(1, JOBS_PER_POLL + 3)]
    await reader.prefetch(jobs)
    assert len(programs.calls("scontrol")) == JOBS_PER_POLL
    await reader.prefetch(jobs)
    await reader.prefetch(jobs)
    assert len(programs.calls("scontrol")) == len(jobs)


async def test_learnt_in_time(programs, reader):
    programs.prints("scontrol", SHOWN.format(7))
    await reader.prefetch({"7"})
    programs.prints("scontrol", complaint=FORGOTTEN, status=1)
    assert (await reader.read("7")).stdout == "/w/7.out"
