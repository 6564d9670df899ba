"""Reading from accounting the jobs that ended before dasktop started."""

import time

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.sources.slurm.outcome_reader import KNOWN_SECONDS, MOST_JOBS, TRIES, RecentlyEndedReader
from dasktop.collectors.system.backoff import LONGEST_PAUSE_SECONDS, Backoff
from tests.support.fake_commands import INTERVAL, Clock, Commands, complains, log
from tests.support.fake_slurm import ACCOUNTED


def new_reader(answer, window_seconds=900.0):
    clock, source = Clock(), log()
    commands = Commands(lambda *command: answer(command[3].removeprefix("--delimiter=")))
    pause = Backoff(INTERVAL, clock=clock)
    return RecentlyEndedReader(commands, source, pause, "ada", window_seconds), commands, source, clock


def rows(*jobs):
    """Return sacct's output; each job has id, state, name and end time."""

    def answer(separator):
        lines = [
            ACCOUNTED.format(id=job_id, state=state, ended_at=ended_at).removesuffix("x") + name
            for job_id, state, name, ended_at in jobs
        ]
        return "".join(line.replace("|", separator) + "\n" for line in lines)

    return answer


async def test_only_ended_jobs_are_returned():
    reader, *_ = new_reader(rows((1, "RUNNING", "x", "Unknown"), (2, "CANCELLED by 7", "x", 300)))
    await reader.read()
    assert [end.job.job_id for end in reader.ended] == ["2"]


async def test_failed_and_dask_jobs_are_preferred():
    plain = [(number, "COMPLETED", "x", number) for number in range(1, 1000)]
    reader, *_ = new_reader(rows(*plain, (2000, "COMPLETED", "dask-worker", 1), (2001, "TIMEOUT", "x", 1)))
    await reader.read()
    kept = [end.job.job_id for end in reader.ended]
    assert len(kept) == MOST_JOBS
    assert kept[:4] == ["2001", "2000", "999", "998"]


async def test_failure_is_shown_and_retried_after_pauses():
    reader, commands, source, clock = new_reader(lambda _: complains("sacct", "sacct: error: oops"))
    await reader.read()
    assert source.error == "sacct: error: oops"
    await reader.read()
    assert len(commands.calls) == 1, "not before the interval"
    for _ in range(TRIES + 3):
        clock.now += LONGEST_PAUSE_SECONDS
        await reader.read()
    assert len(commands.calls) == TRIES
    assert reader.ended == ()


async def test_timeout_is_a_failure():
    reader, commands, source, clock = new_reader(lambda _: SourceError("sacct did not answer within 20 s"))
    await reader.read()
    assert source.error == "sacct did not answer within 20 s"
    commands.answer = lambda *command: rows((2, "FAILED", "x", 300))(command[3].removeprefix("--delimiter="))
    clock.now += LONGEST_PAUSE_SECONDS
    for _ in range(2):
        await reader.read()
    assert [end.job.job_id for end in reader.ended] == ["2"]
    assert ([call[:2] for call in commands.calls], source.error) == ([("sacct", "-n")] * 2 + [("sacct", "-B")], None)


async def test_empty_window_makes_no_query():
    reader, commands, source, _ = new_reader(rows((2, "FAILED", "x", 300)), window_seconds=0.0)
    await reader.read()
    assert commands.calls == []
    assert source.source().state == "off"


async def test_slurmctld_may_still_know_the_latest():
    now = int(time.time())
    ends = [(number, "FAILED", "x", now - 60 * number) for number in range(1, 1000)]
    reader, *_ = new_reader(rows(*ends), window_seconds=43200.0)
    await reader.read()
    assert len(reader.ended) == MOST_JOBS
    assert 13 <= len(reader.latest) <= KNOWN_SECONDS // 60
    assert [end.job.job_id for end in reader.latest[:3]] == ["1", "2", "3"]
    reader.forget({"1", "5"})
    assert {end.job.job_id for end in (*reader.ended, *reader.latest)}.isdisjoint({"1", "5"})


async def test_scripts_of_other_jobs_are_ignored():
    def answer(*command):
        if command[1] == "-B":
            return "".join(f"Batch Script for {job_id}\n{'-' * 80}\n#!/bin/sh\n" for job_id in (2, 3))
        return rows((2, "FAILED", "x", 300))(command[3].removeprefix("--delimiter="))

    reader, commands, *_ = new_reader(None)
    commands.answer = answer
    await reader.read()
    assert reader.scripts == {"2": "#!/bin/sh\n"}


async def test_old_sacct_without_scripts_is_no_failure():
    def answer(*command):
        if command[1] == "-B":
            return complains("sacct", "sacct: invalid option -- 'B'")
        return rows((2, "FAILED", "x", 300))(command[3].removeprefix("--delimiter="))

    reader, commands, source, _ = new_reader(None)
    commands.answer = answer
    await reader.read()
    assert (reader.scripts, source.error, source.source().state) == ({}, None, "ok")
