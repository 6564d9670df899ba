"""Reading how jobs ended, with accounting, without it, and while it lags."""

import pytest

from dasktop.collectors.analysis.job_record import explain
from dasktop.collectors.model.errors import SourceError, SourceOffError
from dasktop.collectors.sources.slurm.outcome_reader import (
    ATTEMPTS,
    LAST_RUN_ATTEMPTS,
    LOOKUPS_AT_ONCE,
    LOOKUPS_PER_POLL,
    OutcomeReader,
)
from dasktop.collectors.system.backoff import LONGEST_PAUSE_SECONDS, Backoff
from tests.support.fake_commands import INTERVAL, MIB, Clock, Commands, complains, job, log


@pytest.fixture
def clock() -> Clock:
    return Clock()


def new_reader(clock, accounted, shown=None):
    """Return a reader; `accounted` gives (state, name) by job id, `shown` scontrol's output for a job."""

    def answer(*command):
        if command[0] == "scontrol":
            return (shown or no_such_job)(command[4])
        separator = command[3].removeprefix("--delimiter=")
        states = accounted()
        if not isinstance(states, dict):
            return states
        asked = command[5].split(",")
        return "".join(separator.join(row(job_id, *states[job_id])) + "\n" for job_id in asked if job_id in states)

    commands = Commands(answer)
    source = log()
    return OutcomeReader(commands, source, Backoff(INTERVAL, clock=clock), INTERVAL, clock), commands, source


def programs(asked):
    return [command[0] for command in asked]


async def test_job_is_queried_until_it_has_ended(clock):
    states = {"7": ("RUNNING", "job")}
    reader, commands, source = new_reader(clock, lambda: states)
    await reader.read({"7"}, {"7": job(7)}, {})  # the first time for all: is there accounting?
    assert programs(commands.new()) == ["sacct"]
    await reader.read({"7"}, {"7": job(7)}, {})
    assert commands.new() == []
    await reader.read({"7"}, {}, {"7": job(7, name="seen")})
    assert programs(commands.new()) == ["sacct"]
    assert reader.ended == ()
    states["7"] = ("CANCELLED by 1001", "job")
    await reader.read({"7"}, {}, {"7": job(7, name="seen")})  # too soon
    assert commands.new() == []
    clock.now += INTERVAL
    await reader.read({"7"}, {}, {"7": job(7, name="seen")})
    (ended,) = reader.ended
    assert (ended.job.state, ended.cancelled_by_uid, ended.job.name) == ("CANCELLED", 1001, "seen")
    clock.now += 10_000
    commands.new()
    await reader.read({"7"}, {}, {})
    assert commands.new() == []
    assert source.source().state == "ok"


async def test_attempts_for_an_unknown_job_are_bounded(clock):
    reader, commands, source = new_reader(clock, dict)
    for _ in range(100):
        await reader.read({"7"}, {}, {})
        clock.now += LONGEST_PAUSE_SECONDS
    assert programs(commands.calls).count("sacct") == ATTEMPTS
    assert programs(commands.calls).count("scontrol") == 1  # it has forgotten, and won't remember
    assert reader.ended == ()
    assert source.source().state == "ok"


async def test_forgotten_job_has_ended_without_details(clock):
    off = complains("sacct", "Slurm accounting storage is disabled")
    reader, _, _ = new_reader(clock, lambda: off)
    seen = {"7": job(7, name="seen", reason="None")}
    await reader.read({"7", "8"}, {"7": job(7)}, seen)
    await reader.read({"7", "8"}, {}, seen)
    (ended,) = reader.ended  # job 8 was never in the queue: perhaps there never was one
    assert (ended.job.job_id, ended.job.name, ended.job.state, ended.job.reason) == ("7", "seen", None, None)
    assert explain(ended).explanation == "ended; SLURM does not report how"
    assert explain(ended).state == "UNKNOWN"


async def test_slow_accounting_is_queried_with_growing_pauses(clock):
    reader, _, _ = new_reader(clock, dict)
    for _ in range(ATTEMPTS):
        assert reader.ended == ()
        await reader.read({"7"}, {}, {"7": job(7)})
        clock.now += LONGEST_PAUSE_SECONDS
    assert [ended.job.state for ended in reader.ended] == [None]


async def test_slurmctld_is_queried_if_accounting_lags(clock):
    states: dict[str, tuple[str, str]] = {}
    reader, commands, _ = new_reader(clock, lambda: states, lambda job_id: shown_job(job_id, "FAILED", "3:0"))
    await reader.read({"7"}, {}, {})
    assert reader.ended == ()
    clock.now += INTERVAL
    await reader.read({"7"}, {}, {})
    assert [(ended.job.state, ended.exit_code, ended.max_rss_bytes) for ended in reader.ended] == [("FAILED", 3, None)]
    states["7"] = ("FAILED", "job")
    commands.new()
    clock.now += 2 * INTERVAL
    await reader.read({"7"}, {}, {})
    assert programs(commands.new()) == ["sacct"]
    assert [ended.max_rss_bytes for ended in reader.ended] == [9 * MIB]


async def test_slurmctld_is_queried_at_once_without_accounting(clock):
    off = complains("sacct", "Slurm accounting storage is disabled")
    reader, commands, source = new_reader(clock, lambda: off, lambda job_id: shown_job(job_id, "TIMEOUT", "0:0"))
    await reader.read({"7"}, {"7": job(7)}, {})
    for _ in range(3):
        await reader.read({"7"}, {}, {})
        clock.now += INTERVAL
    assert programs(commands.calls) == ["sacct", "scontrol"]
    assert [ended.job.state for ended in reader.ended] == ["TIMEOUT"]
    assert (source.source().state, source.error) == ("off", "Slurm accounting storage is disabled")


async def test_completing_job_is_queried_again_without_accounting(clock):
    off = SourceOffError("sacct is not on PATH")
    states = iter(["COMPLETING", "COMPLETED"])
    reader, _, _ = new_reader(clock, lambda: off, lambda job_id: shown_job(job_id, next(states), "0:0"))
    await reader.read({"7"}, {}, {})
    assert reader.ended == ()
    clock.now += INTERVAL
    await reader.read({"7"}, {}, {})
    assert [ended.job.state for ended in reader.ended] == ["COMPLETED"]


async def test_failure_of_accounting_is_not_an_attempt(clock):
    answers = {"now": complains("sacct", "sacct: error: Problem talking to the database: Connection refused")}
    reader, commands, source = new_reader(clock, lambda: answers["now"])
    for _ in range(50):
        await reader.read({"7"}, {}, {})
        clock.now += LONGEST_PAUSE_SECONDS
    assert source.source().state == "error"
    assert programs(commands.calls).count("sacct") == 50
    answers["now"] = {"7": ("COMPLETED", "job")}
    await reader.read({"7"}, {}, {})
    assert [ended.job.state for ended in reader.ended] == ["COMPLETED"]
    assert source.source().state == "ok"


async def test_accounting_is_paused_after_a_failure(clock):
    reader, commands, _ = new_reader(clock, lambda: SourceError("sacct did not answer within 20 s"))
    for _ in range(10):
        await reader.read({"7"}, {}, {})
        clock.now += 1
    assert programs(commands.calls).count("sacct") == 1


async def test_incomplete_row_is_used_and_queried_again(clock):
    states = {"7": ("FAILED", "allocation")}
    reader, commands, _ = new_reader(clock, lambda: states)
    await reader.read({"7"}, {}, {})
    assert [ended.job.state for ended in reader.ended] == ["FAILED"]
    states["7"] = ("FAILED", "job")
    clock.now += INTERVAL
    await reader.read({"7"}, {}, {})
    assert [ended.job.name for ended in reader.ended] == ["job"]
    commands.new()
    clock.now += 10_000
    await reader.read({"7"}, {}, {})
    assert commands.new() == []


async def test_requeued_job_has_no_outcome(clock):
    states = {"7": ("PREEMPTED", "job")}
    reader, commands, _ = new_reader(clock, lambda: states)
    await reader.read({"7"}, {}, {})
    assert len(reader.ended) == 1
    await reader.read({"7"}, {"7": job(7, "PENDING")}, {})
    assert reader.ended == ()
    commands.new()
    states["7"] = ("COMPLETED", "job")
    await reader.read({"7"}, {}, {})
    assert [ended.job.state for ended in reader.ended] == ["COMPLETED"]


async def test_last_run_of_a_requeued_job_is_read(clock):
    states = {"7": ("RUNNING", "job")}
    reader, commands, _ = new_reader(clock, lambda: states)
    await reader.read({"7"}, {"7": job(7)}, {})
    commands.new()
    states["7"] = ("NODE_FAIL", "job")
    reader.record_requeue("7")
    await reader.read({"7"}, {"7": job(7, "PENDING")}, {})
    ((*_, last),) = commands.new()
    assert last == "-D"
    assert [ended.job.state for ended in reader.requeued] == ["NODE_FAIL"]
    await reader.read({"7"}, {"7": job(7, "PENDING")}, {})
    assert commands.new() == []
    assert reader.ended == ()


async def test_attempts_for_an_unknown_run_are_bounded(clock):
    reader, commands, _ = new_reader(clock, dict)
    reader.record_requeue("7")
    for _ in range(10):
        await reader.read({"7"}, {"7": job(7, "PENDING")}, {})
    assert sum("-D" in command for command in commands.calls) == LAST_RUN_ATTEMPTS


async def test_many_jobs_are_split_into_several_calls(clock):
    jobs = {str(number) for number in range(1, 501)}
    reader, commands, _ = new_reader(clock, lambda: dict.fromkeys(jobs, ("COMPLETED", "job")))
    await reader.read(jobs, {}, {})
    assert len(reader.ended) == 500
    assert programs(commands.calls) == ["sacct"] * 3


async def test_lookups_at_slurmctld_are_bounded_per_poll(clock):
    off = complains("sacct", "Slurm accounting storage is disabled")
    jobs = {str(number) for number in range(1, 101)}
    reader, commands, _ = new_reader(clock, lambda: off)
    await reader.read(jobs, {}, {})
    assert programs(commands.calls).count("scontrol") == LOOKUPS_PER_POLL
    assert commands.most_at_once <= LOOKUPS_AT_ONCE


async def test_unparsable_output_is_a_failure(clock):
    reader, _, source = new_reader(clock, lambda: "job 7 is rubbish\n")
    await reader.read({"7"}, {}, {})
    assert source.source().state == "error"
    assert reader.ended == ()


async def test_banner_without_rows_is_not_a_failure(clock):
    reader, _, source = new_reader(clock, lambda: "Welcome to Big Iron\n")
    await reader.read({"7"}, {}, {})
    assert source.source().state == "ok"


async def test_missing_accounting_is_recognized_after_a_banner(clock):
    off = complains("sacct", "Welcome to Big Iron", "Slurm accounting storage is disabled")
    reader, _, source = new_reader(clock, lambda: off)
    await reader.read({"7"}, {}, {})
    assert (source.source().state, source.source().error) == ("off", "Slurm accounting storage is disabled")


def row(job_id, state, name):
    before = [job_id, job_id, "ada", "lab", "debug", "normal", state, "3:0", "100", "200", "300", "01:00:00"]
    return [*before, "4", "2", "1200M", "cpu=4,mem=1200M", "9M", "n[1-2]", "01:40.250", name]


def shown_job(job_id, state, exit_code):
    return (
        f"JobId={job_id} JobName=job UserId=ada(1001) JobState={state} ExitCode={exit_code} "
        "StartTime=200 EndTime=300 NodeList=n1 TRES=cpu=4,mem=1200M\n"
    )


def no_such_job(job_id):
    return complains("scontrol", "slurm_load_jobs error: Invalid job id specified")
