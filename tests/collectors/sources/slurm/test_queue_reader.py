"""Asking squeue: the jobs at every poll, what they were granted once."""

import pytest

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.sources.slurm.commands import CommandOutput
from dasktop.collectors.sources.slurm.queue import MAX_FAILURES, QueueReader
from tests.support.fake_commands import MIB, Commands, complains, log


def new_reader(jobs, resources):
    def answer(*command):
        if command[4] == "-O":
            return resources()
        mark, _, _ = command[-1].partition("%A")
        entries = ("\x1f".join(fields) for fields in jobs())
        return "".join(f"{mark}{entry}{mark}\n" for entry in entries)

    commands = Commands(answer)
    source = log()
    return QueueReader(commands, source, "ada"), commands, source


def entry(job_id, state="RUNNING", nodes="2"):
    before = [job_id, job_id, job_id, "N/A", state, "4", nodes, "300M", "N/A", "1:00:00", "100", "200", "300"]
    return [*before, "n1", "ada", "lab", "debug", "normal", "None", "job"]


def granted(*job_ids):
    return "".join(f"{job_id:<30}cpu=4,mem=1200M,node=2\n" for job_id in job_ids)


async def test_resources_are_asked_for_once_a_job_and_when_it_starts():
    now = {"jobs": [entry("7", "PENDING")], "granted": granted("7")}
    reader, commands, _ = new_reader(lambda: now["jobs"], lambda: now["granted"])
    assert [job.memory_bytes for job in await reader.read()] == [1200 * MIB]
    assert len(commands.new()) == 2
    await reader.read()
    assert len(commands.new()) == 1
    now["jobs"] = [entry("7", "RUNNING")]
    await reader.read()
    assert len(commands.new()) == 2
    now |= {"jobs": [entry("7"), entry("8")], "granted": granted("7", "8")}
    assert [job.memory_bytes for job in await reader.read()] == [1200 * MIB] * 2
    assert len(commands.new()) == 2
    assert [job.memory_bytes for job in await reader.read()] == [1200 * MIB] * 2
    assert len(commands.new()) == 1


REFUSAL = "squeue: error: Invalid job format specification: tres-alloc"


@pytest.mark.parametrize(
    "refused",
    [complains("squeue", REFUSAL), CommandOutput("squeue", f"{'7':<30}\n", (REFUSAL,), 0)],
    ids=["fails", "omits"],
)
async def test_where_they_cannot_be_had_the_letters_have_to_do(refused):
    jobs: list[list[str]] = []
    reader, commands, source = new_reader(lambda: jobs, lambda: refused)
    for job_id in range(MAX_FAILURES + 1):
        jobs[:] = [entry(str(job_id))]
        assert [job.memory_bytes for job in await reader.read()] == [600 * MIB]
        assert len(commands.new()) == (2 if job_id < MAX_FAILURES else 1)
    assert source.source().state == "ok"


async def test_lines_that_are_not_understood_are_to_be_seen():
    reader, _, source = new_reader(lambda: [entry("7"), ["what?"], ["this?"]], str)
    assert [job.job_id for job in await reader.read()] == ["7"]
    assert source.error == "2 lines of squeue's output not understood"
    assert source.failures_in_a_row == 0


async def test_a_greeting_is_no_error_of_an_empty_queue():
    """A site's login message, on either stream."""

    def answer(*command):
        mark, _, _ = command[-1].partition("%A")
        return CommandOutput(
            "squeue", f"Welcome to Big Iron\n{mark}JOBID\x1fJOBID{mark}\n", ("Last failed login: Mon",), 0
        )

    source = log()
    assert await QueueReader(Commands(answer), source, "ada").read() == ()
    assert source.source().error is None


async def test_the_error_behind_a_greeting_is_told():
    refused = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
    answer = CommandOutput(
        "squeue", "Welcome to Big Iron\n", ("Welcome to Big Iron", "squeue: warning: old", refused), 1
    )
    source = log()
    with pytest.raises(SourceError, match="connect failure"):
        await QueueReader(Commands(lambda *_: answer), source, "ada").read()
    assert source.source().error == refused


async def test_a_complaint_with_status_0_and_no_jobs_is_a_failure():
    """Of an unknown user, 22.05 says so and ends with 0."""

    def answer(*command):
        mark, _, _ = command[-1].partition("%A")
        return CommandOutput("squeue", f"{mark}JOBID\x1fJOBID{mark}\n", ("squeue: error: Invalid user: nobody",), 0)

    source = log()
    with pytest.raises(SourceError, match="Invalid user: nobody"):
        await QueueReader(Commands(answer), source, "nobody").read()
    assert source.source().state == "error"


async def test_the_mark_is_not_to_be_guessed():
    marks = set()
    for _ in range(2):
        reader, commands, _ = new_reader(list, str)
        await reader.read()
        marks.add(commands.asked[0][-1])
    assert len(marks) == 2
