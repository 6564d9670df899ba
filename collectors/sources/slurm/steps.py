"""Read the steps of running jobs, with their processes, with ``sstat``. Changes nothing in SLURM.

sstat is the most expensive query, since it contacts each node of each job, so it is run rarely; most rarely for jobs
of which dask reports all that is needed to show them.
"""

import contextlib
import re
from collections import Counter
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from time import monotonic

from msgspec.structs import replace

from dasktop.collectors.model.errors import SourceError, SourceOffError
from dasktop.collectors.model.readings import Step, step_name
from dasktop.collectors.sources.health import SourceLog
from dasktop.collectors.sources.slurm.commands import PERMISSION_ERROR, Commands, batches
from dasktop.collectors.sources.slurm.nodelist import expand
from dasktop.collectors.sources.slurm.queue import is_job_id, mentions_any_job
from dasktop.collectors.sources.slurm.values import duration_seconds, size_bytes, whole_number
from dasktop.collectors.system.backoff import Backoff, Clock
from dasktop.collectors.text.clean import clean

_FIELDS = ("JobID", "NTasks", "AveCPU", "MaxRSS", "Nodelist", "Pids", "AveRSS")

# What sstat prints, with status 0, for a job that has just ended, is pending, or has no running step at the moment.
# In 24.11 "job 4", in 26.05 "JobId=4".
_ABOUT_ONE_JOB = re.compile(r"no steps running for|couldn't get steps for|StepId=\S+ not found", re.IGNORECASE)


def steps_command(job_ids: Iterable[str]) -> tuple[str, ...]:
    """Return the command for all steps of these jobs (raw ids)."""
    return ("sstat", "-n", "-P", "-a", "-j", ",".join(job_ids), f"--format={','.join(_FIELDS)}")


def parse_steps(text: str) -> tuple[Step, ...]:
    """Parse sstat's output: one row per step. Other rows are skipped."""
    return tuple(step for line in text.split("\n") if (step := _step(line)) is not None)


def first_error(lines: Iterable[str]) -> str | None:
    """Return the first error line that does not merely concern one of the jobs."""
    return next((line for line in lines if not _ABOUT_ONE_JOB.search(line)), None)


def is_permission_error(message: str) -> bool:
    """Return whether sstat failed because the jobs belong to another user."""
    return PERMISSION_ERROR.search(message) is not None


def _step(line: str) -> Step | None:
    values = line.split("|")
    if len(values) == len(_FIELDS) - 1:
        values.append("")  # fixtures from before AveRSS was added
    if len(values) != len(_FIELDS):
        return None
    name, tasks, cpu, max_rss, nodes, pids, rss = values
    job_id, dot, step_id = name.partition(".")
    step_id = step_name(clean(step_id))
    if not is_job_id(job_id) or not dot or not step_id:
        return None
    known_pids = (whole_number(pid.strip()) for pid in pids.split(","))
    return Step(
        job_id=job_id,
        step_id=step_id,
        ntasks=whole_number(tasks.strip()) or None,  # 0: sstat has not reached any node yet
        nodes=expand(nodes),
        pids=tuple(pid for pid in known_pids if pid is not None),
        max_rss_bytes=size_bytes(max_rss),
        rss_bytes=size_bytes(rss) or None,
        cpu_seconds=duration_seconds(cpu) or None,  # also 0 if nothing is gathered
    )


SECONDS_PER_JOB = 6.0
"""Each job costs slurmctld three RPCs (22.05), and its nodes some more. So the interval grows with the number of jobs:
up to 50 jobs, at most ten are queried per minute."""
SHORTEST_INTERVAL_SECONDS = 60.0
LONGEST_INTERVAL_SECONDS = 300.0
MOST_PRIORITY_JOBS = 10
"""The number of jobs that are queried at the shortest interval, however many jobs run."""
JOBS_PER_CALL = 100
RARE_JOBS_PER_MINUTE = 10
"""Divided by the number of jobs that are read rarely: how many of them are read in a minute, at least one."""
# A job that has just started may have no step yet, or a step without processes.
READS_WHILE_NEW = 3


def interval_seconds(running: int) -> float:
    """Return the interval between two queries of all jobs, by the number of running jobs."""
    return min(max(SHORTEST_INTERVAL_SECONDS, SECONDS_PER_JOB * running), LONGEST_INTERVAL_SECONDS)


class StepReader:
    """Reads and remembers the steps of the cluster's running jobs.

    Parameters
    ----------
    commands
        Runs ``sstat``.
    log
        Records its answers and failures.
    backoff
        The back-off after failures.
    clock
        A monotonic clock, in seconds.
    """

    def __init__(self, commands: Commands, log: SourceLog, backoff: Backoff, clock: Clock = monotonic) -> None:
        self._commands = commands
        self._log = log
        self._backoff = backoff
        self._clock = clock
        self._steps: dict[str, tuple[Step, ...]] = {}
        self._reads: Counter[str] = Counter()
        self._complete: set[str] = set()
        self._last_full_read_at = float("-inf")
        self._last_priority_read_at = float("-inf")
        self._last_rare_read_at = float("-inf")
        # Of jobs that are read rarely, those that have been read, the one that was read longest ago first.
        self._read_rarely: dict[str, None] = {}

    @property
    def steps(self) -> tuple[Step, ...]:
        """The known steps."""
        return tuple(step for steps in self._steps.values() for step in steps)

    async def read(
        self, running: Collection[str], priority: Collection[str] = (), rarely: Collection[str] = ()
    ) -> None:
        """Read the steps of these running jobs (raw ids), if they are due; forget those of all other jobs.

        Parameters
        ----------
        priority
            Jobs in which other programs run beside the dask workers: SLURM's numbers are shown for them.
        rarely
            Jobs whose workers are known without SLURM: their steps show only what other programs use. They are read
            one after another, a few in a minute.
        """
        self._steps = {job_id: steps for job_id, steps in self._steps.items() if job_id in running}
        self._complete.intersection_update(running)
        self._reads = Counter({job_id: times for job_id, times in self._reads.items() if job_id in running})
        if self._log.is_off or not self._backoff.is_over:
            return
        now = self._clock()
        usual = set(running) - set(rarely)
        is_full_read = now - self._last_full_read_at >= interval_seconds(len(usual))
        is_priority_due = is_full_read or now - self._last_priority_read_at >= SHORTEST_INTERVAL_SECONDS
        priority_due = sorted(set(running) & set(priority), key=int)[:MOST_PRIORITY_JOBS] if is_priority_due else []
        rare_due = self._rare_due(set(running) - usual, now)
        due = sorted({*(usual if is_full_read else usual - self._complete), *priority_due, *rare_due}, key=int)
        if not due:
            return
        with contextlib.suppress(SourceError), self._log.attempt():
            try:
                for job_ids in batches(due, JOBS_PER_CALL):
                    await self._query(job_ids)
            except SourceError:
                self._backoff.after_failure()
                raise
            self._backoff.after_success()
            if is_full_read:
                self._last_full_read_at = self._clock()
            if is_full_read or priority_due:
                self._last_priority_read_at = self._clock()
            if rare_due:
                self._last_rare_read_at = self._clock()
                for job_id in rare_due:
                    self._read_rarely.pop(job_id, None)  # so that it becomes the last
                    self._read_rarely[job_id] = None

    def _rare_due(self, jobs: set[str], now: float) -> list[str]:
        """Return those of these jobs that are due: first those not read so far, then those read longest ago."""
        self._read_rarely = {job_id: None for job_id in self._read_rarely if job_id in jobs}
        if not jobs or now - self._last_rare_read_at < SHORTEST_INTERVAL_SECONDS:
            return []
        order = [*sorted(jobs - self._read_rarely.keys(), key=int), *self._read_rarely]
        return order[: max(1, RARE_JOBS_PER_MINUTE // len(jobs))]

    async def _query(self, job_ids: tuple[str, ...]) -> None:
        output = await self._commands.run(*steps_command(job_ids))
        found, read_at = parse_steps(output.stdout), datetime.now(UTC)
        # Only the error lines show a failure: 22.05 always exits with status 0.
        error = first_error(output.errors)
        if not found and error is not None:
            raise SourceOffError(error) if is_permission_error(error) else SourceError(error)
        if not found and mentions_any_job(job_ids, output.stdout):
            raise SourceError("dasktop does not understand the output of sstat")
        if output.status != 0 and not found and not output.errors:
            raise SourceError(output.error_message)
        for job_id in job_ids:
            self._steps[job_id] = tuple(replace(step, read_at=read_at) for step in found if step.job_id == job_id)
            self._reads[job_id] += 1
            is_complete = bool(self._steps[job_id]) and all(step.pids for step in self._steps[job_id])
            if is_complete or self._reads[job_id] >= READS_WHILE_NEW:
                self._complete.add(job_id)
