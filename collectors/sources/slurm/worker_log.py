"""Find in the log of a job which workers it had, and in its end why one of them ended. Never guesses.

A nanny logs why it killed its worker, or how the worker's process ended; bash logs the latter for a worker without a
nanny. Read once or twice for each worker whose end nothing else explains, never at every poll.
"""

import re
import signal
from collections.abc import Iterable, Sequence
from pathlib import Path

from dasktop.collectors.model.readings import FoundInLogs
from dasktop.collectors.model.snapshot import Job, WorkerEvent
from dasktop.collectors.model.work import WorkerEndKey
from dasktop.collectors.sources.slurm.failure_cause import (
    MAX_BYTES,
    is_memory_kill,
    read_head_in_time,
    read_tail_in_time,
)
from dasktop.collectors.sources.slurm.lookups import OutputFilesReader

WHOLE_LOG = MAX_BYTES // 2
"""In characters. If the end of a log that was read is shorter, it is the whole log."""
JOBS_PER_POLL = 4
TRIES = 2
"""A log may arrive late from another host."""
MOST_KNOWN = 1000
MOST_JOBS_SEARCHED = 50

# distributed.worker_memory and nanny, of 2023.5 and 2026.8.
_MEMORY = re.compile(r"Worker '?(\S+?)'? \(pid=(\d+)\) exceeded (\d{1,3})% memory budget")
_BY_SIGNAL = re.compile(r"Worker process (\d+) was killed by (?:signal (\d{1,3})|unknown signal)")
_BY_EXIT = re.compile(r"Worker process (\d+) exited with status (\d{1,3})")
# bash: "/var/spool/slurmd/job00015/slurm_script: line 2: 12345 Killed                  dask worker …".
_BY_SHELL = re.compile(r"^\S+: line \d+: +(\d+) ([A-Z][a-z]+(?: [a-z]+)?)(?: \(core dumped\))?(?:  |$)")
_NANNY_START = re.compile(r" - distributed\.nanny - INFO - +Start Nanny at: ")
_WORKER_START = re.compile(r" - distributed\.worker - INFO - +Start worker at: +(\S+)")
_SHELL_WORDS = {
    "Aborted": signal.SIGABRT,
    "Bus error": signal.SIGBUS,
    "Hangup": signal.SIGHUP,
    "Illegal instruction": signal.SIGILL,
    "Killed": signal.SIGKILL,
    "Segmentation fault": signal.SIGSEGV,
    "Terminated": signal.SIGTERM,
}


def worker_end_in_log(tail: str, pid: int | None, address: str | None) -> str | None:
    """Return what ended a worker according to the last lines of its job's log; ``None``: they do not say.

    Parameters
    ----------
    pid, address
        Of the worker; a line counts only if it names one of them. If the pid is unknown, the whole log of a single
        nanny shows it.
    """
    lines = tail.replace("\r", "\n").split("\n")
    process = str(pid) if pid else _pid_of(address, lines) if len(tail) < WHOLE_LOG else None
    for line in lines:
        if (found := _MEMORY.search(line)) and (found[1] == address or found[2] == process):
            return f"killed by its nanny because of its memory use: over {found[3]} % of its limit"
    ends = (end for line in reversed(lines) if process is not None and (end := _process_end(line, process)))
    end = next(ends, None)
    if end is not None and _KILL in end and any(map(is_memory_kill, lines)):
        return f"{end}; SLURM reports in the log that a process of the job ran out of memory"
    return end


def _pid_of(address: str | None, lines: Sequence[str]) -> str | None:
    """Return the pid of the worker that had this address, if one nanny wrote all these lines and logged its end."""
    if sum(_NANNY_START.search(line) is not None for line in lines) != 1:
        return None
    current, found = None, []
    for line in lines:
        if started := _WORKER_START.search(line):
            current = started[1]
        elif current == address and (end := _BY_SIGNAL.search(line) or _BY_EXIT.search(line)):
            found.append(end[1])
            current = None
    return found[0] if len(found) == 1 else None


def _process_end(line: str, process: str) -> str | None:
    """Return how this process ended, if the line says it."""
    if (found := _BY_SIGNAL.search(line)) and found[1] == process:
        return f"killed by signal {_signal_name(int(found[2]))}" if found[2] else "killed by an unknown signal"
    if (found := _BY_EXIT.search(line)) and found[1] == process:
        return f"its process exited with status {found[2]}"
    if (found := _BY_SHELL.match(line)) and found[1] == process and found[2] in _SHELL_WORDS:
        return f"killed by signal {_signal_name(_SHELL_WORDS[found[2]])}"
    return None


def _signal_name(number: int) -> str:
    try:
        return f"{number} ({signal.Signals(number).name})"
    except ValueError:
        return str(number)


_KILL = _signal_name(signal.SIGKILL)


class WorkerLogReader:
    """Reads and remembers what the logs of jobs say about workers.

    Parameters
    ----------
    files
        Has the output files of jobs.
    """

    def __init__(self, files: OutputFilesReader) -> None:
        self._files = files
        self._tries: dict[WorkerEndKey, int] = {}
        self._ends: dict[WorkerEndKey, str] = {}
        self._jobs_of: dict[str, set[str]] = {}
        self._searched: set[str] = set()

    @property
    def found(self) -> FoundInLogs:
        """What has been found so far."""
        jobs = {address: min(of) for address, of in self._jobs_of.items() if len(of) == 1}
        return FoundInLogs(ends=self._ends, jobs=jobs)

    async def read_ends(self, removals: Iterable[WorkerEvent]) -> None:
        """Read the logs of the jobs of these workers: each worker's at most twice, a few jobs per call."""
        due: dict[str, list[WorkerEvent]] = {}
        for event in removals:
            tries = self._tries.get((event.address, event.at), 0)
            if event.job_id is not None and tries < TRIES and (event.address, event.at) not in self._ends:
                due.setdefault(event.job_id, []).append(event)
        for job_id, events in list(due.items())[:JOBS_PER_POLL]:
            for event in events:
                self._tries[event.address, event.at] = self._tries.get((event.address, event.at), 0) + 1
            path = await self._log_of(job_id)
            tail = await read_tail_in_time(path) if path else None
            for event in events if tail else ():
                end = worker_end_in_log(tail or "", event.pid, event.address)
                if end is not None:
                    self._ends[event.address, event.at] = end
        for remembered in (self._tries, self._ends):
            while len(remembered) > MOST_KNOWN:
                del remembered[next(iter(remembered))]

    async def read_jobs(self, jobs: Iterable[Job]) -> None:
        """Read in the logs of these jobs which workers they had: each job's once, a few per call."""
        due = [job for job in jobs if job.job_id not in self._searched]
        for job in due[: min(JOBS_PER_POLL, MOST_JOBS_SEARCHED - len(self._searched))]:
            self._searched.add(job.job_id)
            path = await self._log_of(job.job_id)
            if path is None or not _is_log_of_one_job(path, job):
                continue
            for text in (await read_head_in_time(path), await read_tail_in_time(path)):
                for found in map(_WORKER_START.search, (text or "").split("\n")):
                    if found is not None:
                        self._jobs_of.setdefault(found[1], set()).add(job.job_id)

    async def _log_of(self, job_id: str) -> str | None:
        await self._files.prefetch([job_id])
        files = self._files.known(job_id)
        return (files.stderr or files.stdout) if files else None


def _is_log_of_one_job(path: str, job: Job) -> bool:
    """Return whether the job's id is in the name of its log, so that no other job writes to it."""
    numbers = re.findall(r"\d+(?:_\d+)?", Path(path).name)
    array_task = f"{job.array_job_id}_{job.array_task_id}" if job.array_job_id else job.job_id
    return not {job.job_id, array_task}.isdisjoint(numbers)
