"""When steps are read: at once for new jobs, at intervals for all."""

import pytest

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.sources.slurm.commands import CommandOutput
from dasktop.collectors.sources.slurm.steps import (
    JOBS_PER_CALL,
    MOST_PRIORITY_JOBS,
    READS_WHILE_NEW,
    StepReader,
    interval_seconds,
)
from dasktop.collectors.system.backoff import Backoff
from tests.support.fake_commands import INTERVAL, Clock, Commands, complains, log


@pytest.fixture
def clock() -> Clock:
    return Clock()


def new_reader(clock, answer=None):
    def of_each(*command):
        return "".join(f"{job_id}.batch|1|00:00:05|5M|n1|42\n" for job_id in command[5].split(","))

    commands = Commands(answer or of_each)
    source = log()
    return StepReader(commands, source, Backoff(INTERVAL, clock=clock), clock), commands, source


def ids(asked):
    return [command[5] for command in asked]


async def test_new_jobs_at_once_and_all_at_intervals(clock):
    reader, commands, source = new_reader(clock)
    await reader.read({"7", "8"})
    assert ids(commands.new()) == ["7,8"]
    clock.now += interval_seconds(3) / 2
    await reader.read({"7", "8"})
    assert commands.new() == []
    await reader.read({"7", "8", "9"})
    assert ids(commands.new()) == ["9"]
    clock.now += interval_seconds(3) / 2
    await reader.read({"7", "8", "9"})
    assert ids(commands.new()) == ["7,8,9"]
    assert sorted(step.job_id for step in reader.steps) == ["7", "8", "9"]
    assert source.source().state == "ok"


@pytest.mark.parametrize(("running", "seconds"), [(1, 60), (10, 60), (20, 120), (50, 300), (1000, 300)])
def test_interval_grows_with_the_number_of_jobs(running, seconds):
    assert interval_seconds(running) == seconds


async def test_jobs_with_other_programs_are_read_more_often(clock):
    reader, commands, _ = new_reader(clock)
    running = {str(number) for number in range(1, 51)}
    await reader.read(running, {"7"})
    commands.new()
    for _ in range(4):
        clock.now += interval_seconds(1) - 1
        await reader.read(running, {"7", "99"})
        assert commands.new() == []
        clock.now += 1
        await reader.read(running, {"7", "99"})
        await reader.read(running, {"7", "99"})
        assert ids(commands.new()) == ["7"]
    clock.now += interval_seconds(1)
    await reader.read(running, running)
    assert ids(commands.new()) == [",".join(sorted(running, key=int))], "a full read includes all jobs"
    clock.now += interval_seconds(1)
    await reader.read(running, running)
    assert [len(asked.split(",")) for asked in ids(commands.new())] == [MOST_PRIORITY_JOBS]


async def test_steps_of_jobs_that_ended_are_forgotten(clock):
    reader, commands, _ = new_reader(clock)
    await reader.read({"7", "8"})
    await reader.read({"8"})
    assert [step.job_id for step in reader.steps] == ["8"]
    assert len(commands.calls) == 1


async def test_no_query_without_jobs(clock):
    reader, commands, source = new_reader(clock)
    await reader.read(set())
    assert commands.calls == []
    assert not source.has_answered


async def test_steps_without_processes_are_read_again_soon(clock):
    answers = {"now": ""}
    reader, commands, _ = new_reader(clock, lambda *_: answers["now"])
    await reader.read({"7"})
    answers["now"] = "7.batch|0|||n1|\n"
    await reader.read({"7"})
    answers["now"] = "7.batch|1|00:00:05|5M|n1|42\n"
    await reader.read({"7"})
    await reader.read({"7"})
    assert len(commands.calls) == 3
    assert [step.pids for step in reader.steps] == [(42,)]


async def test_job_without_processes_is_read_at_intervals(clock):
    reader, commands, _ = new_reader(clock, lambda *_: "7.batch|1||||\n")
    for _ in range(10):
        await reader.read({"7"})
    assert len(commands.new()) == READS_WHILE_NEW
    clock.now += interval_seconds(1)
    for _ in range(10):
        await reader.read({"7"})
    assert len(commands.new()) == 1


async def test_many_jobs_are_split_into_several_calls(clock):
    reader, commands, _ = new_reader(clock)
    await reader.read({str(number) for number in range(1, 251)})
    assert [len(asked.split(",")) for asked in ids(commands.calls)] == [JOBS_PER_CALL] * 2 + [50]


async def test_unknown_job_does_not_hide_others(clock):
    complaint = "sstat: error: couldn't get steps for job 8"
    answer = CommandOutput("sstat", "7.batch|1|00:00:05|5M|n1|42\n", (complaint,), 0)
    reader, _, source = new_reader(clock, lambda *_: answer)
    await reader.read({"7", "8"})
    assert [step.job_id for step in reader.steps] == ["7"]
    assert source.source().state == "ok"


async def test_jobs_without_steps_are_not_a_failure(clock):
    nothing = complains("sstat", "sstat: error: No steps running for job 7", status=0)
    reader, _, source = new_reader(clock, lambda *_: nothing)
    await reader.read({"7"})
    assert source.source().state == "ok"


@pytest.mark.parametrize(
    "lines",
    [
        ["sstat: error: No steps running for JobId=7"],  # 26.05
        ["sstat: error: couldn't get steps for JobId=7"],
        ["sstat: error: no steps running for StepId=7.0"],
        ["Welcome to Big Iron", "sstat: error: No steps running for job 7"],
        ["Welcome to Big Iron"],
    ],
)
async def test_missing_steps_in_messages_of_all_versions(clock, lines):
    reader, _, source = new_reader(clock, lambda *_: complains("sstat", *lines, status=0))
    await reader.read({"7"})
    assert (source.source().state, source.source().error) == ("ok", None)


async def test_steps_of_another_user_are_off(clock):
    refused = complains("sstat", "sstat: error: problem getting step_layout: Invalid user id", status=0)
    reader, commands, source = new_reader(clock, lambda *_: refused)
    for _ in range(3):
        await reader.read({"7"})
        clock.now += interval_seconds(1)
    assert len(commands.calls) == 1
    assert source.source().state == "off"


async def test_failure_pauses_and_keeps_known_steps(clock):
    answers = {"now": "7.batch|1|00:00:05|5M|n1|42\n"}
    reader, commands, source = new_reader(clock, lambda *_: answers["now"])
    await reader.read({"7"})
    answers["now"] = SourceError("sstat did not answer within 20 s")
    clock.now += interval_seconds(1)
    for _ in range(3):
        await reader.read({"7"})
    assert len(commands.calls) == 2
    assert source.source().state == "stale"
    assert source.error == "sstat did not answer within 20 s"
    assert [step.job_id for step in reader.steps] == ["7"]
    clock.now += INTERVAL
    answers["now"] = ""
    await reader.read({"7"})
    assert source.source().state == "ok"
    assert reader.steps == ()


@pytest.mark.parametrize("answer", ["7 is rubbish\n", complains("sstat", status=3)])
async def test_unparsable_output_is_a_failure(clock, answer):
    reader, _, source = new_reader(clock, lambda *_: answer)
    await reader.read({"7"})
    assert source.source().state == "error"


async def test_jobs_with_known_workers_are_read_in_turns(clock):
    reader, commands, _ = new_reader(clock)
    running = [str(number) for number in range(1, 5)]
    asked = []
    for _ in range(3):
        await reader.read(running, rarely=running)
        await reader.read(running, rarely=running)
        asked += ids(commands.new())
        clock.now += interval_seconds(1)
    assert asked == ["1,2", "3,4", "1,2"]


async def test_one_of_many_jobs_with_known_workers_is_read_in_a_minute(clock):
    reader, commands, _ = new_reader(clock)
    running = [str(number) for number in range(1, 51)]
    for _ in range(3):
        await reader.read(running, rarely=running)
        clock.now += interval_seconds(1)
    await reader.read([*running, "99"], rarely=running)
    assert ids(commands.new()) == ["1", "2", "3", "4,99"], "a job whose workers are unknown is read at once"


async def test_rare_job_is_read_again_after_failure(clock):
    answers = {"now": complains("sstat", "sstat: error: Unable to contact slurm controller")}
    reader, commands, _ = new_reader(clock, lambda *_: answers["now"])
    await reader.read(["7"], rarely=["7"])
    answers["now"] = "7.batch|1|00:00:05|5M|n1|42\n"
    clock.now += 10 * INTERVAL
    await reader.read(["7"], rarely=["7"])
    assert ids(commands.new()) == ["7", "7"]
    assert [step.job_id for step in reader.steps] == ["7"]


async def test_rare_job_with_other_programs_is_read_every_minute(clock):
    reader, commands, _ = new_reader(clock)
    running = [str(number) for number in range(1, 51)]
    for _ in range(2):
        await reader.read(running, {"40"}, rarely=running)
        clock.now += interval_seconds(1)
    assert ids(commands.new()) == ["1,40", "2,40"]
