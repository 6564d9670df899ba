"""Asks ``sstat`` for the steps of running jobs: new jobs at once, all of them now and then. Keeps the last answer."""

import contextlib
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime
from time import monotonic

from msgspec.structs import replace

from dasktop.collectors.model.errors import SourceError, SourceOffError
from dasktop.collectors.model.readings import Step
from dasktop.collectors.sources.health import SourceLog
from dasktop.collectors.sources.slurm.commands import Commands
from dasktop.collectors.sources.slurm.pacing import Backoff, Clock, batches
from dasktop.collectors.sources.slurm.queue import names_any
from dasktop.collectors.sources.slurm.steps import is_not_yours, parse_steps, real_complaint, steps_command

SECONDS_A_JOB = 6.0
"""Each job costs slurmctld three calls (22.05), and its nodes some too. So the more jobs run, the longer a round waits:
up to 50 jobs, no more than ten are asked for in a minute."""
SHORTEST_ROUND_SECONDS = 60.0
LONGEST_ROUND_SECONDS = 300.0
MOST_SOONER = 10
"""Jobs that are asked for after the shortest time, however many run: one look at what changes in them."""
JOBS_A_CALL = 100
# A job that has just started may show no step yet, or one without processes.
ASKED_WHILE_NEW = 3


def round_seconds(running: int) -> float:
    """Return how long to wait between two rounds, with so many jobs running."""
    return min(max(SHORTEST_ROUND_SECONDS, SECONDS_A_JOB * running), LONGEST_ROUND_SECONDS)


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
        looked_at = sorted(set(running) & set(sooner), key=int)[:MOST_SOONER] if is_sooner else []
        due = sorted(set(running) if is_round else set(running) - self._settled | set(looked_at), key=int)
        if not due:
            return
        with contextlib.suppress(SourceError), self._log.attempt():
            try:
                for job_ids in batches(due, JOBS_A_CALL):
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
        complaint = real_complaint(printed.errors)
        if not found and complaint is not None:
            raise SourceOffError(complaint) if is_not_yours(complaint) else SourceError(complaint)
        if not found and names_any(job_ids, printed.text):
            raise SourceError("sstat printed what dasktop does not understand")
        if printed.status != 0 and not found and not printed.errors:
            raise SourceError(printed.complaint)
        for job_id in job_ids:
            self._steps[job_id] = tuple(replace(step, read_at=read_at) for step in found if step.job_id == job_id)
            self._asked[job_id] += 1
            is_whole = bool(self._steps[job_id]) and all(step.pids for step in self._steps[job_id])
            if is_whole or self._asked[job_id] >= ASKED_WHILE_NEW:
                self._settled.add(job_id)
