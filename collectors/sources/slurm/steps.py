"""The steps of running jobs, with their processes: what to ask ``sstat``, and how to read its answer.

Pure; runs nothing. sstat is the dearest question of all: it reaches out to each node of each job.
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
from dasktop.collectors.sources.slurm.commands import Commands, batches
from dasktop.collectors.sources.slurm.nodelist import expand
from dasktop.collectors.sources.slurm.queue import is_job_id, mentions_any_job
from dasktop.collectors.sources.slurm.values import duration_seconds, size_bytes, whole_number
from dasktop.collectors.system.backoff import Backoff, Clock
from dasktop.collectors.text.clean import clean

_FIELDS = ("JobID", "NTasks", "AveCPU", "MaxRSS", "Nodelist", "Pids", "AveRSS")

# What sstat says, with status 0, of a job that ended in between, waits, or has nothing running at the moment.
# In 24.11 "job 4", in 26.05 "JobId=4".
_ABOUT_ONE_JOB = re.compile(r"no steps running for|couldn't get steps for|StepId=\S+ not found", re.IGNORECASE)
_PERMISSION_ERROR = re.compile(r"invalid user id|permission denied", re.IGNORECASE)


def steps_command(job_ids: Iterable[str]) -> tuple[str, ...]:
    """Return what to run for all steps of these jobs (raw ids)."""
    return ("sstat", "-n", "-P", "-a", "-j", ",".join(job_ids), f"--format={','.join(_FIELDS)}")


def parse_steps(text: str) -> tuple[Step, ...]:
    """Read sstat's answer: one row a step. Rows that don't fit tell nothing."""
    return tuple(step for line in text.split("\n") if (step := _step(line)) is not None)


def first_error(complaints: Iterable[str]) -> str | None:
    """Return the first complaint that isn't merely about one of the jobs asked for."""
    return next((line for line in complaints if not _ABOUT_ONE_JOB.search(line)), None)


def is_permission_error(complaint: str) -> bool:
    """Whether sstat refused because the jobs are another user's."""
    return _PERMISSION_ERROR.search(complaint) is not None


def _step(line: str) -> Step | None:
    values = line.split("|")
    if len(values) == len(_FIELDS) - 1:
        values.append("")  # recorded before AveRSS was asked for
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
        ntasks=whole_number(tasks.strip()) or None,  # 0: sstat has not reached any yet
        nodes=expand(nodes),
        pids=tuple(pid for pid in known_pids if pid is not None),
        max_rss_bytes=size_bytes(max_rss),
        rss_bytes=size_bytes(rss) or None,
        cpu_seconds=duration_seconds(cpu) or None,  # 0 is also what it says where nothing is gathered
    )


SECONDS_PER_JOB = 6.0
"""Each job costs slurmctld three calls (22.05), and its nodes some too. So the more jobs run, the longer a round waits:
up to 50 jobs, no more than ten are asked for in a minute."""
SHORTEST_ROUND_SECONDS = 60.0
LONGEST_ROUND_SECONDS = 300.0
MOST_PRIORITY_JOBS = 10
"""Jobs that are asked for after the shortest time, however many run: one look at what changes in them."""
JOBS_PER_CALL = 100
# A job that has just started may show no step yet, or one without processes.
READS_WHILE_NEW = 3


def round_seconds(running: int) -> float:
    """Return how long to wait between two rounds, with so many jobs running."""
    return min(max(SHORTEST_ROUND_SECONDS, SECONDS_PER_JOB * running), LONGEST_ROUND_SECONDS)


class StepReader:
    """Knows the steps of the cluster's running jobs.

    Parameters
    ----------
    commands
        To run ``sstat`` with.
    log
        Where its answers and failures are noted.
    pause
        Kept after failures.
    clock
        Seconds that only grow.
    """

    def __init__(self, commands: Commands, log: SourceLog, pause: Backoff, clock: Clock = monotonic) -> None:
        self._commands = commands
        self._log = log
        self._pause = pause
        self._clock = clock
        self._steps: dict[str, tuple[Step, ...]] = {}
        self._asked: Counter[str] = Counter()
        self._settled: set[str] = set()
        self._last_round_at = float("-inf")
        self._sooner_asked_at = float("-inf")

    @property
    def steps(self) -> tuple[Step, ...]:
        """All that are known."""
        return tuple(step for steps in self._steps.values() for step in steps)

    async def read(self, running: Collection[str], sooner: Collection[str] = ()) -> None:
        """Ask for the steps of these running jobs (raw ids), if it is time; forget those of all others.

        Parameters
        ----------
        sooner
            Jobs in which other programs run beside the dask workers: what SLURM says of them is shown.
        """
        self._steps = {job_id: steps for job_id, steps in self._steps.items() if job_id in running}
        self._settled.intersection_update(running)
        self._asked = Counter({job_id: times for job_id, times in self._asked.items() if job_id in running})
        if self._log.is_off or not self._pause.is_over:
            return
        now = self._clock()
        is_round = now - self._last_round_at >= round_seconds(len(running))
        is_sooner = is_round or now - self._sooner_asked_at >= SHORTEST_ROUND_SECONDS
        looked_at = sorted(set(running) & set(sooner), key=int)[:MOST_PRIORITY_JOBS] if is_sooner else []
        due = sorted(set(running) if is_round else set(running) - self._settled | set(looked_at), key=int)
        if not due:
            return
        with contextlib.suppress(SourceError), self._log.attempt():
            try:
                for job_ids in batches(due, JOBS_PER_CALL):
                    await self._ask(job_ids)
            except SourceError:
                self._pause.after_failure()
                raise
            self._pause.after_success()
            if is_round:
                self._last_round_at = self._clock()
            if is_round or looked_at:
                self._sooner_asked_at = self._clock()

    async def _ask(self, job_ids: tuple[str, ...]) -> None:
        printed = await self._commands.run(*steps_command(job_ids))
        found, read_at = parse_steps(printed.text), datetime.now(UTC)
        # A failure shows in what is said, not in the status: 22.05 ends with 0 in any case.
        complaint = first_error(printed.errors)
        if not found and complaint is not None:
            raise SourceOffError(complaint) if is_permission_error(complaint) else SourceError(complaint)
        if not found and mentions_any_job(job_ids, printed.text):
            raise SourceError("dasktop does not understand the output of sstat")
        if printed.status != 0 and not found and not printed.errors:
            raise SourceError(printed.error_message)
        for job_id in job_ids:
            self._steps[job_id] = tuple(replace(step, read_at=read_at) for step in found if step.job_id == job_id)
            self._asked[job_id] += 1
            is_whole = bool(self._steps[job_id]) and all(step.pids for step in self._steps[job_id])
            if is_whole or self._asked[job_id] >= READS_WHILE_NEW:
                self._settled.add(job_id)
