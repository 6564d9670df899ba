"""Asking accounting once for the jobs that ended before dasktop was started: which are kept, and when it fails."""

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.sources.slurm.outcome_reader import MOST_JOBS, TRIES, RecentlyEndedReader
from dasktop.collectors.system.backoff import LONGEST_PAUSE_SECONDS, Backoff
from tests.support.fake_commands import INTERVAL, Clock, Commands, complains, log
from tests.support.fake_slurm import ACCOUNTED


def new_reader(answer, window_seconds=900.0):
    clock, source = Clock(), log()
    commands = Commands(lambda *command: answer(command[3].removeprefix("--delimiter=")))
    pause = Backoff(INTERVAL, clock=clock)
    return RecentlyEndedReader(commands, source, pause, "ada", window_seconds), commands, source, clock


def rows(*jobs):
    """Return sacct's answer; of each job its id, its state, its name and when it ended."""

    def answer(separator):
        lines = [
            ACCOUNTED.format(id=job_id, state=state, ended_at=ended_at).removesuffix("x") + name
            for job_id, state, name, ended_at in jobs
        ]
        return "".join(line.replace("|", separator) + "\n" for line in lines)

    return answer


async def test_only_jobs_that_have_ended_count():
    reader, *_ = new_reader(rows((1, "RUNNING", "x", "Unknown"), (2, "CANCELLED by 7", "x", 300)))
    await reader.read()
    assert [end.job.job_id for end in reader.ended] == ["2"]


async def test_of_very_many_jobs_those_are_kept_that_failed_then_those_named_after_dask_then_the_latest():
    plain = [(number, "COMPLETED", "x", number) for number in range(1, 1000)]
    reader, *_ = new_reader(rows(*plain, (2000, "COMPLETED", "dask-worker", 1), (2001, "TIMEOUT", "x", 1)))
    await reader.read()
    kept = [end.job.job_id for end in reader.ended]
    assert len(kept) == MOST_JOBS
    assert kept[:4] == ["2001", "2000", "999", "998"]


async def test_a_failure_is_shown_and_asked_after_again_a_few_times_after_pauses():
    reader, commands, source, clock = new_reader(lambda _: complains("sacct", "sacct: error: oops"))
    await reader.read()
    assert source.error == "sacct: error: oops"
    await reader.read()
    assert len(commands.asked) == 1, "too soon"
    for _ in range(TRIES + 3):
        clock.now += LONGEST_PAUSE_SECONDS
        await reader.read()
    assert len(commands.asked) == TRIES
    assert reader.ended == ()


async def test_a_command_that_does_not_answer_is_a_failure_too():
    reader, commands, source, clock = new_reader(lambda _: SourceError("sacct did not answer within 20 s"))
    await reader.read()
    assert source.error == "sacct did not answer within 20 s"
    commands.answer = lambda *command: rows((2, "FAILED", "x", 300))(command[3].removeprefix("--delimiter="))
    clock.now += LONGEST_PAUSE_SECONDS
    for _ in range(2):
        await reader.read()
    assert [end.job.job_id for end in reader.ended] == ["2"]
    assert (len(commands.asked), source.error) == (2, None)


async def test_a_window_of_nothing_asks_nothing():
    reader, commands, source, _ = new_reader(rows((2, "FAILED", "x", 300)), window_seconds=0.0)
    await reader.read()
    assert commands.asked == []
    assert source.source().state == "off"
