"""Find the cause of a job's failure in the last lines of its log.

Recognizes only unambiguous causes; otherwise the cause is ``None``. Never guesses.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from msgspec.structs import replace

from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.readings import EndedJob, FailureCause
from dasktop.collectors.sources.logs.lines import Block
from dasktop.collectors.sources.logs.log_file import LogFile, UnreadableError
from dasktop.collectors.sources.slurm.lookups import OutputFilesReader
from dasktop.collectors.system.user import name_of
from dasktop.collectors.text.clean import clean

LAST_LINES = 60
LONGEST_CAUSE = 200

GAVE_UP = "its workers could not reach the scheduler within their death timeout"
LOST_SCHEDULER = "its workers lost the connection to the scheduler"

# slurmstepd: with cgroups "Detected 1 oom_kill event in StepId=…" (older: "oom-kill event(s)"), else
# "Job 89 exceeded memory limit (407072 > 102400), being killed".
_OUT_OF_MEMORY = re.compile(
    r"^slurmstepd\S*: error: .*(?:oom.kill|exceeded (?:job |step )?memory limit)", re.IGNORECASE
)
# distributed.cli.dask_worker and nanny.py, of 2023.5 and 2026.8; older workers only raise.
_GAVE_UP = re.compile(
    r"Timed out starting worker|failure-to-start-<class '(?:[\w.]+\.)?TimeoutError'>|Timed out trying to connect to"
)
# distributed.worker: why it closes, if the connection to the scheduler is lost and it was not told to close.
_LOST_SCHEDULER = re.compile(r"worker-handle-scheduler-connection-broken|Connection to scheduler broken")
_CLOSED_WELL = re.compile(r"worker-lifetime-reached|Reason: scheduler-(?:close|shutdown)")
# slurmstepd: "*** JOB 1 ON n1 CANCELLED AT 2026-11-29T08:14:33 DUE TO TIME LIMIT ***"; without "DUE TO": by scancel.
_CANCELLED = re.compile(
    r"^slurmstepd\S*: error: \*\*\* (?:JOB|STEP) (\d+)(?:\.\S+)? ON \S+ CANCELLED AT \S+(?: DUE TO (.{1,60}?))? \*\*\*"
)
_DUE_TO = {
    "TIME LIMIT": "killed: reached its time limit",
    "NODE FAILURE": "terminated: a node failed",
    "NODE FAILURE, SEE SLURMCTLD LOG FOR DETAILS": "terminated: a node failed",
    "PREEMPTION": "stopped: preempted by another job",
    "JOB REQUEUE": "requeued",
}
_TRACEBACK = "Traceback (most recent call last):"
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:: .*)?")
_SHELL = re.compile(
    r"(?:not found|No such file or directory|Permission denied|cannot execute.*|Exec format error|bad interpreter.*)$"
)
# What distributed logs while it runs: "2026-11-24 07:31:47,887 - distributed.worker - INFO - …".
_LOGGED = re.compile(r"\d{4}-\d\d-\d\d \S+ - \S+ - [A-Z]+ - ")
# "/var/spool/slurmd/job00015/slurm_script: line 2: ", and dash's form without the word.
_SCRIPT = re.compile(r"^\S*slurm_script: (?:line )?\d+: (?:exec: )?(?:\d+: )?")


def failure_cause(tail: str, failed: bool) -> FailureCause:
    """Return the cause of failure in the end of a log.

    Parameters
    ----------
    tail
        Its last lines.
    failed
        Whether the job failed: in the log of one that did not, tracebacks come from dask tasks.
    """
    lines = tail.replace("\r", "\n").split("\n")[-LAST_LINES * 20 :]
    end = [line for line in lines if line.strip()][-LAST_LINES:]
    if any(map(is_memory_kill, end)):
        return FailureCause(out_of_memory=True)
    if any(_GAVE_UP.search(line) for line in end) and failed:
        return FailureCause(cause=GAVE_UP)
    if any(_LOST_SCHEDULER.search(line) for line in end) and not any(_CLOSED_WELL.search(line) for line in end):
        return FailureCause(cause=LOST_SCHEDULER)
    found = (_exception(lines, end) or _shell_error(end)) if failed else None
    return FailureCause(cause=_shortened(found) if found else None)


def end_in_log(tail: str, job_id: str) -> str | None:
    """Return how SLURM ended this job, or cancelled it, by its own message in the log; ``None``: there is none."""
    found = [match for line in tail.split("\n") if (match := _CANCELLED.match(line)) and match[1] == job_id]
    if not found:
        return None
    return (
        "cancelled" if found[-1][2] is None else _DUE_TO.get(found[-1][2], f"cancelled due to {found[-1][2].lower()}")
    )


def is_memory_kill(line: str) -> bool:
    """Return whether a line is SLURM's message that it killed a process, or a job, for its memory."""
    return _OUT_OF_MEMORY.search(line) is not None


def _exception(lines: Sequence[str], end: Sequence[str]) -> str | None:
    """Return the exception line of the last traceback, if it is near the end of the log.

    The job survived exceptions that were logged long before.
    """
    starts = [number for number, line in enumerate(lines) if line.strip() == _TRACEBACK]
    if not starts:
        return None
    after = (line for line in lines[starts[-1] + 1 :] if line[:1].strip() and _EXCEPTION.fullmatch(line.rstrip()))
    found = next(after, None)
    return found if found in end else None


def _shell_error(lines: Sequence[str]) -> str | None:
    """Return the last error of a shell that could not start a program, without its position in the script."""
    found = next(
        (line.strip() for line in reversed(lines) if _SHELL.search(line.strip()) and not _LOGGED.match(line)), None
    )
    return _SCRIPT.sub("", found) if found is not None else None


def _shortened(text: str) -> str:
    text = clean(text)
    return text if len(text) <= LONGEST_CAUSE else text[: LONGEST_CAUSE - 1] + "…"


JOBS_PER_POLL = 4
MAX_BYTES = 64 << 10
FILE_SECONDS = 2.0
"""Timeout for a file server, or a user database."""

T = TypeVar("T")

_Run = tuple[str, datetime | None]
"""A job's id and end time: it may run and end again."""


class FailureCauseReader:
    """Reads and remembers the causes in the logs of ended jobs.

    Parameters
    ----------
    files
        Has the output files of jobs.
    """

    def __init__(self, files: OutputFilesReader) -> None:
        self._files = files
        self._causes: dict[_Run, FailureCause] = {}
        self._names: dict[int, str] = {}

    async def read(self, ended: Iterable[EndedJob]) -> None:
        """Read the logs of these jobs, each once and a few per call."""
        ends = tuple(ended)
        runs = set(map(_run, ends))
        self._causes = {run: cause for run, cause in self._causes.items() if run in runs}
        due = [end for end in ends if _log_may_explain(end) and _run(end) not in self._causes]
        for end in due[:JOBS_PER_POLL]:
            self._causes[_run(end)] = FailureCause()  # once, even if it fails
            self._causes[_run(end)] = await self._cause_of(end)
        await self.read_names(ends)

    async def read_names(self, ended: Iterable[EndedJob]) -> None:
        """Look up the names of the users who cancelled these jobs, each once."""
        uids = {end.cancelled_by_uid for end in ended if end.cancelled_by_uid is not None}
        for uid in uids - self._names.keys():
            self._names[uid] = await _with_timeout(name_of, uid) or str(uid)

    def completed(self, ended: Iterable[EndedJob]) -> tuple[EndedJob, ...]:
        """Return these jobs with what was found out about them."""
        return tuple(
            replace(
                end,
                failure_cause=self._causes.get(_run(end), end.failure_cause),
                output_files=self._output_files(end.job.job_id),
                cancelled_by=self._names.get(end.cancelled_by_uid) if end.cancelled_by_uid is not None else None,
            )
            for end in ended
        )

    def _output_files(self, job_id: str) -> tuple[str, ...]:
        files = self._files.known(job_id)
        return tuple(dict.fromkeys(path for path in (files.stdout, files.stderr) if path)) if files else ()

    async def _cause_of(self, end: EndedJob) -> FailureCause:
        job_id = end.job.job_id
        await self._files.prefetch([job_id])
        files = self._files.known(job_id)
        path = files and (files.stderr or files.stdout)
        tail = await read_tail_in_time(path) if path else None
        # A log does not explain a job that was killed by a signal.
        state = read_state(end.job.state)
        failed = state.is_failed and end.signal is None
        found = failure_cause(tail, failed) if tail is not None else FailureCause()
        if state.name is None and not found.out_of_memory and tail is not None:
            return replace(found, cause=end_in_log(tail, job_id) or found.cause)
        return found


def read_tail(path: str) -> str | None:
    """Return the last lines of a file, cleaned; ``None`` if it cannot be read. May hang with its file server."""
    return _read(path, lambda log: log.block_before(log.size_bytes, MAX_BYTES))


def read_head(path: str) -> str | None:
    """Return the first lines of a file, as `read_tail`."""
    return _read(path, lambda log: log.block_after(0, MAX_BYTES))


def _read(path: str, part: Callable[[LogFile], Block]) -> str | None:
    log = LogFile(path)
    try:
        log.look()
        return "\n".join(raw.line().text for raw in part(log).lines())
    except UnreadableError:
        return None
    finally:
        log.close()


async def read_tail_in_time(path: str) -> str | None:
    """Return the last lines of a file, as `read_tail`; ``None`` also if its file server takes too long."""
    return await _with_timeout(read_tail, path)


async def read_head_in_time(path: str) -> str | None:
    """Return the first lines of a file, as `read_tail_in_time`."""
    return await _with_timeout(read_head, path)


def _run(end: EndedJob) -> _Run:
    return end.job.job_id, end.ended_at


def _log_may_explain(end: EndedJob) -> bool:
    state = read_state(end.job.state)
    # Other states are the cause themselves. A job whose workers lost the scheduler is COMPLETED.
    return (state.is_failed or state.is_completed or state.name is None) and end.job.started_at is not None


async def _with_timeout(call: Callable[..., T], *arguments: object) -> T | None:
    """Make a call that may hang, in a thread; return ``None`` if it takes too long. The thread is then abandoned."""
    try:
        return await asyncio.wait_for(
            asyncio.get_running_loop().run_in_executor(None, call, *arguments), timeout=FILE_SECONDS
        )
    except TimeoutError:
        return None
