"""What the last lines of a job's log say was the matter. Pure; bounded by what it is given.

Only what people would say themselves after a look at it; a log that says nothing plain says ``None``.
"""

import re
from collections.abc import Sequence

from dasktop.collectors.model.readings import FailureCause
from dasktop.collectors.text.clean import clean

LAST_LINES = 60
LONGEST_CAUSE = 200

GAVE_UP = "its workers gave up: no scheduler answered them within their death timeout"
LOST_SCHEDULER = "its workers lost the scheduler"

# slurmstepd: with cgroups "Detected 1 oom_kill event in StepId=…" (older: "oom-kill event(s)"), else
# "Job 89 exceeded memory limit (407072 > 102400), being killed".
_OUT_OF_MEMORY = re.compile(
    r"^slurmstepd\S*: error: .*(?:oom.kill|exceeded (?:job |step )?memory limit)", re.IGNORECASE
)
# distributed.cli.dask_worker and nanny.py, of 2023.5 and 2026.8; older workers only raise.
_GAVE_UP = re.compile(
    r"Timed out starting worker|failure-to-start-<class '(?:[\w.]+\.)?TimeoutError'>|Timed out trying to connect to"
)
# distributed.worker: how it closes when the scheduler's end of the connection is gone, rather than when it is told to.
_LOST_SCHEDULER = re.compile(r"worker-handle-scheduler-connection-broken|Connection to scheduler broken")
_CLOSED_WELL = re.compile(r"worker-lifetime-reached|Reason: scheduler-(?:close|shutdown)")
_TRACEBACK = "Traceback (most recent call last):"
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:: .*)?")
_SHELL = re.compile(
    r"(?:not found|No such file or directory|Permission denied|cannot execute.*|Exec format error|bad interpreter.*)$"
)
# What distributed logs while it runs: "2026-11-24 07:31:47,887 - distributed.worker - INFO - …".
_LOGGED = re.compile(r"\d{4}-\d\d-\d\d \S+ - \S+ - [A-Z]+ - ")
# "/var/spool/slurmd/job00015/slurm_script: line 2: ", and dash's form without the word.
_SCRIPT = re.compile(r"^\S*slurm_script: (?:line )?\d+: (?:exec: )?(?:\d+: )?")


def last_words(tail: str, failed: bool) -> FailureCause:
    """Read the end of a log.

    Parameters
    ----------
    tail
        Its last lines.
    failed
        Whether the job has: in the log of one that hasn't, tracebacks are of dask tasks.
    """
    lines = tail.replace("\r", "\n").split("\n")[-LAST_LINES * 20 :]
    end = [line for line in lines if line.strip()][-LAST_LINES:]
    if any(_OUT_OF_MEMORY.search(line) for line in end):
        return FailureCause(out_of_memory=True)
    if any(_GAVE_UP.search(line) for line in end) and failed:
        return FailureCause(cause=GAVE_UP)
    if any(_LOST_SCHEDULER.search(line) for line in end) and not any(_CLOSED_WELL.search(line) for line in end):
        return FailureCause(cause=LOST_SCHEDULER)
    found = (_exception(lines, end) or _shells_words(end)) if failed else None
    return FailureCause(cause=_shortened(found) if found else None)


def _exception(lines: Sequence[str], end: Sequence[str]) -> str | None:
    """Return the line behind the last traceback, the first one that isn't indented, if it is near the log's end.

    What was logged long before was survived.
    """
    starts = [number for number, line in enumerate(lines) if line.strip() == _TRACEBACK]
    if not starts:
        return None
    behind = (line for line in lines[starts[-1] + 1 :] if line[:1].strip() and _EXCEPTION.fullmatch(line.rstrip()))
    found = next(behind, None)
    return found if found in end else None


def _shells_words(lines: Sequence[str]) -> str | None:
    """Return the last thing that a shell could not start, without where in the script that was."""
    found = next(
        (line.strip() for line in reversed(lines) if _SHELL.search(line.strip()) and not _LOGGED.match(line)), None
    )
    return _SCRIPT.sub("", found) if found is not None else None


def _shortened(text: str) -> str:
    text = clean(text)
    return text if len(text) <= LONGEST_CAUSE else text[: LONGEST_CAUSE - 1] + "…"
