"""Causes of failure in the ends of logs: which are found, how logs are read, and when.

The lines are real: SLURM 22.05, distributed 2026.8, dash and bash.
"""

import asyncio
import os
import pwd
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasktop.collectors.analysis.job_record import explain
from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.readings import EndedJob, FailureCause, QueuedJob
from dasktop.collectors.sources.slurm import failure_cause as failure_cause_reader
from dasktop.collectors.sources.slurm.failure_cause import (
    GAVE_UP,
    JOBS_PER_POLL,
    LONGEST_CAUSE,
    LOST_SCHEDULER,
    FailureCauseReader,
    end_in_log,
    failure_cause,
    read_tail,
)
from dasktop.collectors.sources.slurm.lookups import OutputFilesReader
from tests.support.fake_commands import Commands, complains

THEN = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

DEATH_TIMEOUT = """\
2026-11-24 07:30:44,459 - distributed.nanny - INFO - Closing Nanny at 'tcp://127.0.0.1:43905'. Reason: \
failure-to-start-<class 'TimeoutError'>
2026-11-24 07:30:44,460 - distributed.nanny - INFO - Nanny at 'tcp://127.0.0.1:43905' closed.
2026-11-24 07:30:44,460 - distributed.dask_worker - INFO - Timed out starting worker
2026-11-24 07:30:44,460 - distributed.dask_worker - INFO - End worker
"""
SCHEDULER_GONE = """\
2026-11-24 07:31:47,887 - distributed.core - INFO - Connection to tcp://127.0.0.1:18799 has been closed.
2026-11-24 07:31:47,887 - distributed.worker - INFO - Stopping worker at tcp://127.0.0.1:38971. Reason: \
worker-handle-scheduler-connection-broken
2026-11-24 07:31:49,975 - distributed.dask_worker - INFO - End worker
"""
LIFETIME = """\
2026-11-24 07:31:40,071 - distributed.worker - INFO - Stopping worker at tcp://127.0.0.1:36311. Reason: \
worker-lifetime-reached
2026-11-24 07:31:40,074 - distributed.core - INFO - Connection to tcp://127.0.0.1:18799 has been closed.
2026-11-24 07:31:42,135 - distributed.dask_worker - INFO - End worker
"""
NO_MODULE = """\
Traceback (most recent call last):
  File "/env/lib/python3.11/site-packages/distributed/preloading.py", line 120, in _import_module
    import_module(name)
  File "<frozen importlib._bootstrap>", line 1140, in _find_and_load_unlocked
ModuleNotFoundError: No module named 'no_such_module_x'
"""
CHAINED = f"""\
{NO_MODULE}
The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "a.py", line 3, in <module>
    raise RuntimeError("no way") from error
                       ^^^^^^^^
RuntimeError: no way
"""


@pytest.mark.parametrize(
    ("tail", "failed", "cause"),
    [
        (DEATH_TIMEOUT, True, GAVE_UP),
        (SCHEDULER_GONE, False, LOST_SCHEDULER),
        (SCHEDULER_GONE, True, LOST_SCHEDULER),
        (LIFETIME, False, None),
        (NO_MODULE, True, "ModuleNotFoundError: No module named 'no_such_module_x'"),
        (NO_MODULE, False, None),  # the traceback of a dask task
        (CHAINED, True, "RuntimeError: no way"),
        (NO_MODULE.splitlines()[0], True, None),
        (
            NO_MODULE + 59 * f"{LIFETIME.splitlines()[0]}\n",
            True,
            "ModuleNotFoundError: No module named 'no_such_module_x'",
        ),
        (NO_MODULE + 60 * f"{LIFETIME.splitlines()[0]}\n", True, None),  # survived
        ("2026-11-24 07:31:40,071 - distributed.worker - INFO - the key was not found\n", True, None),
        (
            "/var/spool/slurmd/job00015/slurm_script: 2: /no/such/python: not found\n",
            True,
            "/no/such/python: not found",
        ),
        (
            "/var/spool/slurmd/job00015/slurm_script: line 2: /no/such/python: No such file or directory\n",
            True,
            "/no/such/python: No such file or directory",
        ),
        ("all is well\n", True, None),
        ("", True, None),
    ],
)
def test_causes_in_logs(tail, failed, cause):
    assert failure_cause(tail, failed) == FailureCause(cause=cause)


@pytest.mark.parametrize(
    "line",
    [
        "slurmstepd-n2: error: Job 89 exceeded memory limit (407072 > 102400), being killed",
        "slurmstepd: error: Detected 1 oom_kill event in StepId=7.batch. Some of the step tasks have been OOM Killed.",
        "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=7.batch cgroup.",
    ],
)
def test_memory_kills_in_logs(line):
    assert failure_cause(f"{NO_MODULE}{line}\nKilled\n", failed=True) == FailureCause(out_of_memory=True)
    assert failure_cause(f"a user's {line}\n", failed=True) == FailureCause()


CANCELLED = "slurmstepd-n1: error: *** JOB 7 ON n1 CANCELLED AT 2026-11-29T08:14:33{} ***\n"


@pytest.mark.parametrize(
    ("due", "words"),
    [
        ("", "cancelled"),
        (" DUE TO TIME LIMIT", "killed: reached its time limit"),
        (" DUE TO NODE FAILURE, SEE SLURMCTLD LOG FOR DETAILS", "terminated: a node failed"),
        (" DUE TO PREEMPTION", "stopped: preempted by another job"),
        (" DUE TO SIGNAL Killed", "cancelled due to signal killed"),
    ],
)
def test_message_of_slurm_at_the_end(due, words):
    line = CANCELLED.format(due)
    assert end_in_log(f"{NO_MODULE}{line}", "7") == words
    assert end_in_log(line.replace("JOB 7", "STEP 7.0"), "7") == words
    assert end_in_log(f"{NO_MODULE}{line}", "17") is None
    assert end_in_log(f"a user's {line}", "7") is None


@pytest.mark.parametrize(
    ("state", "log", "explanation"),
    [
        (
            None,
            CANCELLED.format(" DUE TO TIME LIMIT"),
            "ended; SLURM does not report how; its log: killed: reached its time limit",
        ),
        (None, "slurmstepd: error: Exceeded job memory limit\n", "killed: ran out of memory"),
        (None, "all is well\n", "ended; SLURM does not report how"),
        ("COMPLETED", CANCELLED.format(""), "completed"),
    ],
)
async def test_log_explains_an_end_that_slurm_has_forgotten(tmp_path, state, log, explanation):
    (tmp_path / "log").write_text(log)
    reader, _ = reader_of(lambda *_: shown(str(tmp_path / "log")))
    await reader.read([end(state=state)])
    [known] = reader.completed([end(state=state)])
    assert explain(known).explanation == explanation


def test_cause_is_cleaned_and_bounded():
    cause = failure_cause("Traceback (most recent call last):\n  x\nE: \x1b[31mred" + "x" * 999, failed=True).cause
    assert cause is not None
    assert cause.startswith("E:  [31mred")
    assert len(cause) == LONGEST_CAUSE


@given(st.text(), st.booleans())
def test_any_text_can_be_read(tail, failed):
    words = failure_cause(tail, failed)
    assert words.cause is None or words.cause.isprintable()


# -- how logs are read


def shown(err: str, job_id: str = "7") -> str:
    return f"JobId={job_id} JobName=x\n   UserId=ada(1)\n   BatchHost=n1\n   StdErr={err}\n   StdOut=/dev/null\n"


def reader_of(answer) -> tuple[FailureCauseReader, Commands]:
    commands = Commands(answer)
    return FailureCauseReader(OutputFilesReader(commands)), commands


def test_only_the_end_of_a_log_is_read(tmp_path):
    log = tmp_path / "log"
    with log.open("wb") as file:
        file.truncate(3 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"\nthe \xff end")
    tail = read_tail(str(log))
    assert tail is not None
    assert tail.strip() == "the ÿ end"


def test_only_regular_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "missing", "/dev/zero"):
        assert read_tail(str(path)) is None


# -- when logs are read


def end(job_id: str = "7", state: str = "FAILED", ended_at: datetime = THEN, **values) -> EndedJob:
    job = QueuedJob(job_id=job_id, state=state, started_at=THEN)
    return EndedJob(job=job, ended_at=ended_at, **values)


async def test_work_per_call_is_linear_in_jobs(monkeypatch):
    reader, _ = reader_of(lambda *_: shown("/dev/null"))
    ends = [end(str(number), "COMPLETED") for number in range(300)]
    for _ in range(len(ends) // JOBS_PER_POLL):
        await reader.read(ends)
    looks = 0

    def run(ended: EndedJob) -> tuple[str, datetime | None]:
        nonlocal looks
        looks += 1
        return ended.job.job_id, ended.ended_at

    monkeypatch.setattr(failure_cause_reader, "_run", run)
    await reader.read(ends)
    assert looks <= 3 * len(ends)


async def test_log_is_read_once_per_run(tmp_path):
    (tmp_path / "log").write_text(NO_MODULE)
    reader, commands = reader_of(lambda *command: shown(str(tmp_path / "log")))
    assert reader.completed([end()]) == (end(),)
    for _ in range(3):
        await reader.read([end()])
    (known,) = reader.completed([end()])
    assert known.failure_cause.cause == "ModuleNotFoundError: No module named 'no_such_module_x'"
    assert len(commands.new()) == 1
    (tmp_path / "log").write_text(CHAINED)
    again = end(ended_at=THEN.replace(hour=13))
    await reader.read([again])
    assert reader.completed([again])[0].failure_cause.cause == "RuntimeError: no way"
    assert commands.new() == []
    assert reader.completed([end()])[0].failure_cause == FailureCause()  # forgotten


async def test_traceback_does_not_explain_a_signal(tmp_path):
    (tmp_path / "log").write_text(NO_MODULE)
    reader, _ = reader_of(lambda *command: shown(str(tmp_path / "log")))
    await reader.read([end(signal=9)])
    assert reader.completed([end(signal=9)])[0].failure_cause == FailureCause()


async def test_only_unexplained_ends_are_looked_up():
    reader, commands = reader_of(lambda *command: complains("scontrol", "Invalid job id specified"))
    never_ran = EndedJob(job=QueuedJob(job_id="9", state="FAILED"), ended_at=THEN)
    others = [end(str(number), state) for number, state in enumerate(("TIMEOUT", "CANCELLED", "OUT_OF_MEMORY"))]
    await reader.read([*others, never_ran])
    assert commands.new() == []
    await reader.read([end(str(number)) for number in range(30)])
    assert len(commands.new()) == JOBS_PER_POLL


async def test_failed_lookup_is_not_repeated():
    reader, commands = reader_of(lambda *command: SourceError("scontrol did not answer within 20 s"))
    await reader.read([end()])
    await reader.read([end()])
    assert len(commands.calls) == 1
    assert reader.completed([end()]) == (end(),)


async def test_canceller_is_shown_by_name(monkeypatch):
    reader, _ = reader_of(lambda *command: "")
    known, unknown = end("7", "CANCELLED", cancelled_by_uid=0), end("8", "CANCELLED", cancelled_by_uid=4242424242)
    await reader.read([known, unknown])
    assert [end.cancelled_by for end in reader.completed([known, unknown])] == [
        pwd.getpwuid(0).pw_name,
        "4242424242",
    ]


async def test_hanging_calls_are_abandoned(monkeypatch, tmp_path):
    released = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(path):
        asyncio.run_coroutine_threadsafe(released.wait(), loop).result()

    monkeypatch.setattr(failure_cause_reader, "read_tail", hang)
    monkeypatch.setattr(failure_cause_reader, "FILE_SECONDS", 0.05)
    reader, _ = reader_of(lambda *command: shown("/a/err"))
    await reader.read([end()])
    assert [done.failure_cause for done in reader.completed([end()])] == [FailureCause()]
    released.set()
