"""Running squeue: jobs at every poll, their resources once."""

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


async def test_resources_are_queried_once_and_at_start():
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
async def test_format_letters_are_used_if_resources_fail(refused):
    jobs: list[list[str]] = []
    reader, commands, source = new_reader(lambda: jobs, lambda: refused)
    for job_id in range(MAX_FAILURES + 1):
        jobs[:] = [entry(str(job_id))]
        assert [job.memory_bytes for job in await reader.read()] == [600 * MIB]
        assert len(commands.new()) == (2 if job_id < MAX_FAILURES else 1)
    assert source.source().state == "ok"


async def test_unparsable_lines_are_reported():
    reader, _, source = new_reader(lambda: [entry("7"), ["what?"], ["this?"]], str)
    assert [job.job_id for job in await reader.read()] == ["7"]
    assert source.error == "2 lines of squeue's output not understood"
    assert source.failures_in_a_row == 0


async def test_banner_with_empty_queue_is_not_an_error():
    """A site's login message, on either stream."""

    def answer(*command):
        mark, _, _ = command[-1].partition("%A")
        return CommandOutput(
            "squeue", f"Welcome to Big Iron\n{mark}JOBID\x1fJOBID{mark}\n", ("Last failed login: Mon",), 0
        )

    source = log()
    assert await QueueReader(Commands(answer), source, "ada").read() == ()
    assert source.source().error is None


async def test_error_after_a_banner_is_reported():
    refused = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
    answer = CommandOutput(
        "squeue", "Welcome to Big Iron\n", ("Welcome to Big Iron", "squeue: warning: old", refused), 1
    )
    source = log()
    with pytest.raises(SourceError, match="connect failure"):
        await QueueReader(Commands(lambda *_: answer), source, "ada").read()
    assert source.source().error == refused


async def test_error_with_status_0_is_a_failure():
    """For an unknown user, 22.05 prints an error and exits with status 0."""

    def answer(*command):
        mark, _, _ = command[-1].partition("%A")
        return CommandOutput("squeue", f"{mark}JOBID\x1fJOBID{mark}\n", ("squeue: error: Invalid user: nobody",), 0)

    source = log()
    with pytest.raises(SourceError, match="Invalid user: nobody"):
        await QueueReader(Commands(answer), source, "nobody").read()
    assert source.source().state == "error"


async def test_delimiter_is_random():
    marks = set()
    for _ in range(2):
        reader, commands, _ = new_reader(list, str)
        await reader.read()
        marks.add(commands.calls[0][-1])
    assert len(marks) == 2
