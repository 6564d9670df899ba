"""The SLURM half of the picture: asks SLURM's commands what is due, and remembers what they told.

It decides what is asked and how often, kindly; it never changes anything in SLURM.
"""

import asyncio
import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.options import SLURM_CALM_SECONDS
from dasktop.collectors.model.queries import FreeNode, OutputFiles
from dasktop.collectors.model.readings import EndedJob, JobScript, QueuedJob, RecentlyEnded, SlurmReading
from dasktop.collectors.sources.health import SourceLog
from dasktop.collectors.sources.slurm import commands as slurm_environment
from dasktop.collectors.sources.slurm.commands import Commands
from dasktop.collectors.sources.slurm.failure_cause import FailureCauseReader
from dasktop.collectors.sources.slurm.free_nodes import read_free_nodes
from dasktop.collectors.sources.slurm.job_lookups import OutputFilesReader, read_batch_script
from dasktop.collectors.sources.slurm.outcome_reader import OutcomeReader, RecentlyEndedReader
from dasktop.collectors.sources.slurm.queue import QueueReader, is_job_id
from dasktop.collectors.sources.slurm.sbatch_check import sbatch_error
from dasktop.collectors.sources.slurm.script_reader import ScriptReader
from dasktop.collectors.sources.slurm.steps import StepReader
from dasktop.collectors.system.backoff import Backoff
from dasktop.collectors.system.user import own_name

STALE_AFTER_INTERVALS = 3


class SlurmCollector:
    """Reads one user's half of SLURM, in the caller's event loop.

    Parameters
    ----------
    user
        Whose jobs; ``None``: this process's user.
    environment
        What SLURM's commands are run with, cleaned of what changes their output; ``None``: this process's own.
    timeout_seconds
        For each command.
    interval_seconds
        How often the queue is going to be read: what is old, and how soon to ask again, follow from it.
    recently_ended_seconds
        Jobs that ended so long before they could be seen in the queue are looked for in accounting; 0: none.
    """

    def __init__(
        self,
        user: str | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        timeout_seconds: float = 20.0,
        interval_seconds: float = 10.0,
        recently_ended_seconds: float = 0.0,
    ) -> None:
        # Only the queue is asked regularly: what the others told once stays true.
        queue_log = SourceLog("slurm.queue", STALE_AFTER_INTERVALS * max(interval_seconds, SLURM_CALM_SECONDS))
        self._accounting_log, self._steps_log, scripts_log = (
            SourceLog(f"slurm.{name}", float("inf")) for name in ("accounting", "steps", "scripts")
        )
        self.sources: tuple[SourceLog, ...] = (queue_log, self._accounting_log, self._steps_log, scripts_log)
        self._interval_seconds = interval_seconds
        self._recently_ended_seconds = recently_ended_seconds
        self._user = user or own_name()
        self._commands = Commands(
            slurm_environment.command_environment(os.environ if environment is None else environment), timeout_seconds
        )
        self._queue = QueueReader(self._commands, queue_log, self._user)
        self._scripts = ScriptReader(self._commands, scripts_log, Backoff(interval_seconds))
        self._files = OutputFilesReader(self._commands)
        self._causes = FailureCauseReader(self._files)
        self._queue_read_at: datetime | None = None
        self._jobs: tuple[QueuedJob, ...] = ()
        # Jobs that are in the queue and ran, whosever they are: which are the cluster's may turn out later.
        self._ran: set[str] = set()
        self.reset_cluster()

    def reset_cluster(self) -> None:
        """Forget what is known of a cluster's jobs beside the queue and the scripts: it is about another one now."""
        pause_seconds = self._interval_seconds
        of_accounting = Backoff(pause_seconds)
        self._outcomes = OutcomeReader(self._commands, self._accounting_log, of_accounting, pause_seconds)
        self._recently_ended = RecentlyEndedReader(
            self._commands, self._accounting_log, of_accounting, self._user, self._recently_ended_seconds
        )
        self._steps = StepReader(self._commands, self._steps_log, Backoff(pause_seconds))
        # The cluster's jobs as they were when they were last in the queue or, if they never were, in accounting.
        self._seen: dict[str, QueuedJob] = {}

    @property
    def reading(self) -> SlurmReading:
        """What is known, without asking. It is as old as the last answer of ``squeue``."""
        return SlurmReading(
            taken_at=self._queue_read_at or datetime.now(UTC),
            jobs=self._jobs,
            ended=self._causes.completed(self._outcomes.ended),
            requeued=self._causes.completed(self._outcomes.requeued),
            steps=self._steps.steps,
            scripts=self._scripts.known(self._jobs_with_scripts()),
            recently_ended=self._recently_ended_with_scripts(),
        )

    async def read_queue(self) -> SlurmReading:
        """Ask ``squeue`` for the user's jobs.

        Raises
        ------
        SourceError
            It failed (`SourceOffError`: there is none); what was known before stays known.
        """
        self._jobs = await self._queue.read()
        self._queue_read_at = datetime.now(UTC)
        return self.reading

    async def read_details(
        self, cluster_jobs: Collection[str], with_other_programs: Collection[str] = ()
    ) -> SlurmReading:
        """Ask for what is due of scripts, steps and fates.

        That one of these sources fails is noted in its log, and never raised.

        Parameters
        ----------
        cluster_jobs
            Ids of jobs that are known to be the watched cluster's. They come from outside: what is no id is ignored.
        with_other_programs
            Those of them in which more than dask workers runs.
        """
        ours = {job_id for job_id in cluster_jobs if is_job_id(job_id)}
        queued = {job.job_id: job for job in self._jobs}
        waiting = {job_id for job_id, job in queued.items() if read_state(job.state).is_waiting}
        self._ran = (self._ran | queued.keys() - waiting) & queued.keys()
        for job_id in ours & waiting & self._ran:
            self._ran.discard(job_id)
            self._outcomes.record_requeue(job_id)
        self._seen |= {job_id: job for job_id, job in queued.items() if job_id in ours}
        lately = {end.job.job_id: end.job for end in self._recently_ended.ended}
        self._seen |= {job_id: lately[job_id] for job_id in (ours & lately.keys()) - self._seen.keys()}
        self._scripts.forget_all_but([*self._jobs_with_scripts(), *lately.values()])
        await asyncio.gather(
            self._scripts.read(self._jobs, first=ours),
            self._steps.read(
                {job_id for job_id in ours if job_id in queued and read_state(queued[job_id].state).is_running},
                with_other_programs,
            ),
            self._read_accounting(ours, queued),
            self._files.prefetch(self._seen.keys() - queued.keys()),  # in time: SLURM forgets
        )
        await self._scripts.read(end.job for end in self._recently_ended.ended)
        await self._causes.read((*self._outcomes.ended, *self._outcomes.requeued))
        return self.reading

    async def sbatch_error(self, script: str) -> str | None:
        """Return what sbatch says to a script that it doesn't take, without submitting it; see `trial.sbatch_error`."""
        return await sbatch_error(self._commands, script)

    async def read_scripts(self) -> tuple[JobScript, ...]:
        """Read scripts of queued jobs that were not read yet, some at a time; return all that say something of dask."""
        await self._scripts.read(self._jobs)
        return self.reading.scripts

    async def batch_script(self, job_id: str) -> tuple[str, ...]:
        """Return a job's script; see `read_batch_script`."""
        return await read_batch_script(self._commands, job_id)

    async def output_files(self, job_id: str) -> OutputFiles:
        """Return where a job's output goes, or went; see `OutputFilesReader.read`."""
        return await self._files.read(job_id)

    async def free_nodes(self, partition: str) -> tuple[FreeNode, ...]:
        """Return the nodes of a partition that have free CPUs; see `read_free_nodes`."""
        return await read_free_nodes(self._commands, partition)

    def close(self) -> None:
        """Kill what still runs, and ask nothing any more."""
        self._commands.close()

    async def _read_accounting(self, ours: Collection[str], queued: Collection[str]) -> None:
        """Ask one after the other: the first answer tells whether there is accounting."""
        fates = self._outcomes
        if self._queue_read_at is not None:  # else there may be no SLURM here
            await self._recently_ended.read()
        await fates.read(ours, queued, self._seen)

    def _recently_ended_with_scripts(self) -> tuple[RecentlyEnded, ...]:
        """Return the jobs that ended lately whose scripts say anything of dask."""
        ended = self._recently_ended.ended
        scripts = {script.job_id: script for script in self._scripts.known(end.job for end in ended)}
        found: tuple[EndedJob, ...] = self._causes.completed(end for end in ended if end.job.job_id in scripts)
        return tuple(RecentlyEnded(end=end, script=scripts[end.job.job_id]) for end in found)

    def _jobs_with_scripts(self) -> list[QueuedJob]:
        """Return the queued jobs, and those of the cluster that have left the queue."""
        queued = {job.job_id for job in self._jobs}
        return [*self._jobs, *(job for job_id, job in self._seen.items() if job_id not in queued)]
