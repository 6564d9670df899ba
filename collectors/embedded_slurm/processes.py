"""Find the live processes of each task of one embedded SLURM, and end them.

Affects only descendants of this process, and processes with `MARK` in their environment.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psutil

# Every process that a job starts inherits it: TOKEN:JOB:STEP:RANK.
MARK = "DASKTOP_EMBEDDED_SLURM_TASK"
_GONE = (psutil.NoSuchProcess, psutil.AccessDenied)
_KILL_SECONDS = 3.0
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class TaskKey:
    """Identifies a task: job id, step id and rank."""

    job: int
    step: str
    rank: int

    def mark(self, token: str) -> str:
        """Return the value of the mark for a process of this task."""
        return f"{token}:{self.job}:{self.step}:{self.rank}"


@dataclass(frozen=True, slots=True)
class Usage:
    """What one task's processes use together."""

    pids: tuple[int, ...]
    rss_bytes: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class _Seen:
    process: psutil.Process
    key: TaskKey | None


class ProcessTable:
    """The processes of one embedded SLURM.

    A process belongs to a task if its environment has `MARK`, it is the task's own process, or its parent belongs to
    the task. A process that was found once stays known, even if it changes its environment and its parent.
    """

    def __init__(self, token: str) -> None:
        self._token = token
        self._seen: dict[int, _Seen] = {}

    def scan(self, roots: Mapping[int, TaskKey], *, thorough: bool = False) -> dict[TaskKey, list[psutil.Process]]:
        """Find the live processes of every task.

        Parameters
        ----------
        roots
            By pid, the processes that we started and have not reaped.
        thorough
            Check again the processes that did not belong last time. Otherwise they are skipped, which keeps the scan
            every second cheap on a busy machine.
        """
        pids = set(psutil.pids())
        for pid in [pid for pid, seen in self._seen.items() if pid not in pids or (thorough and seen.key is None)]:
            del self._seen[pid]
        for pid in sorted(pids - self._seen.keys()):
            self._identify(pid, roots)
        found: dict[TaskKey, list[psutil.Process]] = {}
        for pid, seen in list(self._seen.items()):
            if seen.key is None:
                continue
            if _alive(seen.process):
                found.setdefault(seen.key, []).append(seen.process)
            elif pid not in roots:
                del self._seen[pid]
        return found

    def _identify(self, pid: int, roots: Mapping[int, TaskKey]) -> None:
        try:
            process = psutil.Process(pid)
            key = roots.get(pid) or self._key_by_mark(process) or self._key_by_parent(process)
        except _GONE:
            return
        self._seen[pid] = _Seen(process, key)

    def _key_by_mark(self, process: psutil.Process) -> TaskKey | None:
        try:
            mark = process.environ().get(MARK, "")
        except (*_GONE, OSError):
            return None
        token, *rest = mark.split(":")
        if token != self._token or len(rest) != 3 or not (rest[0].isdigit() and rest[2].isdigit()):
            return None
        return TaskKey(int(rest[0]), rest[1], int(rest[2]))

    def _key_by_parent(self, process: psutil.Process) -> TaskKey | None:
        parent = self._seen.get(process.ppid())
        return parent.key if parent is not None else None


def usage(processes: Iterable[psutil.Process]) -> Usage:
    """Measure processes: the sum of resident sets (shared pages count repeatedly, as in SLURM) and the CPU time.

    A process's own figure includes its children that ended, so their time is not lost.
    """
    pids: list[int] = []
    rss_bytes, cpu_seconds = 0, 0.0
    for process in processes:
        try:
            with process.oneshot():
                rss_bytes += process.memory_info().rss
                cpu_seconds += sum(process.cpu_times()[:4])
        except _GONE:
            continue
        pids.append(process.pid)
    return Usage(tuple(pids), rss_bytes, cpu_seconds)


def send(processes: Iterable[psutil.Process], signal_number: int) -> None:
    """Send a signal; skip processes that have ended, or whose pid was reused (psutil checks that)."""
    for process in processes:
        try:
            process.send_signal(signal_number)
        except _GONE:
            continue


def end_processes(token: str, term_seconds: float, ancestors: Iterable[int] = ()) -> None:
    """End all processes of one embedded SLURM: SIGTERM first, SIGKILL after `term_seconds`.

    Processes that cannot be killed (another user's, through sudo) are ignored after some more seconds.

    Parameters
    ----------
    token
        Which embedded SLURM.
    ancestors
        Pids whose descendants are ended too.
    """
    deadline = time.monotonic() + term_seconds
    asked: set[int] = set()
    table = ProcessTable(token)
    # Processes that did not belong are checked again only at the end, since that reads all environments.
    while (
        left := _everything(table, ancestors) or _everything(table, ancestors, thorough=True)
    ) and time.monotonic() < deadline + _KILL_SECONDS:
        if time.monotonic() >= deadline:
            send(left, signal.SIGKILL)
        else:
            new = [process for process in left if process.pid not in asked]
            send(new, signal.SIGTERM)
            send(new, signal.SIGCONT)
            asked.update(process.pid for process in new)
        psutil.wait_procs(left, timeout=0.05)
        reap()


def _everything(table: ProcessTable, ancestors: Iterable[int], *, thorough: bool = False) -> list[psutil.Process]:
    found = {process.pid: process for group in table.scan({}, thorough=thorough).values() for process in group}
    for pid in ancestors:
        try:
            descendants = psutil.Process(pid).children(recursive=True)
        except _GONE:
            continue
        found.update({process.pid: process for process in descendants if _alive(process)})
    found.pop(os.getpid(), None)
    return list(found.values())


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except _GONE:
        return False


def reap() -> dict[int, tuple[int, float]]:
    """Collect children that ended.

    Returns
    -------
    dict
        By pid: the status of wait(2), and the CPU seconds of the process and of what it collected itself.
    """
    ended: dict[int, tuple[int, float]] = {}
    while True:
        try:
            pid, status, resources = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = status, resources.ru_utime + resources.ru_stime


def adopt_orphans() -> None:
    """Become a subreaper: orphaned descendants become children of this process (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
