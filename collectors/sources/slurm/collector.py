"""Read the SLURM part of a snapshot: run the SLURM commands that are due, and remember the results.

Decides what to query and how often, with little load on slurmctld. Never changes anything in SLURM.
"""

import asyncio
import os
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime

from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.options import SLURM_CALM_SECONDS
from dasktop.collectors.model.queries import FreeNode, OutputFiles, QueuePlace
from dasktop.collectors.model.readings import (
    FoundInLogs,
    JobScript,
    QueuedJob,
    RecentlyEnded,
    SlurmReading,
)
from dasktop.collectors.model.snapshot import Job, WorkerEvent
from dasktop.collectors.sources.health import SourceLog
from dasktop.collectors.sources.slurm.commands import Commands, command_environment
from dasktop.collectors.sources.slurm.failure_cause import FailureCauseReader
from dasktop.collectors.sources.slurm.lookups import OutputFilesReader, read_batch_script, sbatch_error
from dasktop.collectors.sources.slurm.outcome_reader import OutcomeReader, RecentlyEndedReader
from dasktop.collectors.sources.slurm.partition_lookups import PartitionReader
from dasktop.collectors.sources.slurm.queue import QueueReader, is_job_id
from dasktop.collectors.sources.slurm.script_reader import ScriptReader
from dasktop.collectors.sources.slurm.steps import StepReader
from dasktop.collectors.sources.slurm.worker_log import WorkerLogReader
from dasktop.collectors.system.backoff import Backoff
from dasktop.collectors.system.user import own_name

STALE_AFTER_INTERVALS = 3


class SlurmCollector:
    """Reads the SLURM data of one user, in the caller's event loop.

    Parameters
    ----------
    user
        The owner of the jobs; ``None``: this process's user.
    environment
        The environment of SLURM's commands, without variables that change their output; ``None``: this process's own.
    timeout_seconds
        The timeout of each command.
    interval_seconds
        How often the queue is read; it determines when an answer is stale, and the back-off.
    recently_ended_seconds
        Jobs that ended up to this long before the queue was first read are looked up in accounting; 0: none.
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
        # Only the queue is queried regularly; the answers of the others stay valid.
        queue_log = SourceLog("slurm.queue", STALE_AFTER_INTERVALS * max(interval_seconds, SLURM_CALM_SECONDS))
        self._accounting_log, self._steps_log, scripts_log = (
            SourceLog(f"slurm.{name}", float("inf")) for name in ("accounting", "steps", "scripts")
        )
        self.sources: tuple[SourceLog, ...] = (queue_log, self._accounting_log, self._steps_log, scripts_log)
        self._interval_seconds = interval_seconds
        self._recently_ended_seconds = recently_ended_seconds
        self._user = user or own_name()
        self._commands = Commands(
            command_environment(os.environ if environment is None else environment), timeout_seconds
        )
        self._queue = QueueReader(self._commands, queue_log, self._user)
        self._scripts = ScriptReader(self._commands, scripts_log, Backoff(interval_seconds))
        self._files = OutputFilesReader(self._commands)
        self._causes = FailureCauseReader(self._files)
        self._partitions = PartitionReader(self._commands)
        self._queue_read_at: datetime | None = None
        self._jobs: tuple[QueuedJob, ...] = ()
        # All jobs in the queue that have run: which of them are the cluster's may only be known later.
        self._have_run: set[str] = set()
        self.reset_cluster()

    def reset_cluster(self) -> None:
        """Forget the data of the cluster's jobs, except queue and scripts, when another cluster is watched."""
        accounting_backoff = Backoff(self._interval_seconds)
        self._outcomes = OutcomeReader(self._commands, self._accounting_log, accounting_backoff, self._interval_seconds)
        self._recently_ended = RecentlyEndedReader(
            self._commands, self._accounting_log, accounting_backoff, self._user, self._recently_ended_seconds
        )
        self._steps = StepReader(self._commands, self._steps_log, Backoff(self._interval_seconds))
        self._worker_logs = WorkerLogReader(self._files)
        # The last queue entries of the cluster's jobs or, if they were never in the queue, those of accounting.
        self._seen: dict[str, QueuedJob] = {}

    @property
    def reading(self) -> SlurmReading:
        """The data so far, without a query. It is as old as the last answer of ``squeue``."""
        return SlurmReading(
            taken_at=self._queue_read_at or datetime.now(UTC),
            jobs=self._jobs,
            ended=self._causes.completed(self._outcomes.ended),
            requeued=self._causes.completed(self._outcomes.requeued),
            steps=self._steps.steps,
            scripts=self._scripts.known(self._jobs_with_scripts()),
            recently_ended=self._recently_ended_jobs(),
        )

    async def read_queue(self) -> SlurmReading:
        """Read the user's jobs with ``squeue``.

        Raises
        ------
        SourceError
            It failed (`SourceOffError`: there is no squeue). The previous data is kept.
        """
        self._jobs = await self._queue.read()
        self._queue_read_at = datetime.now(UTC)
        return self.reading

    async def read_details(
        self,
        cluster_jobs: Collection[str],
        with_other_programs: Collection[str] = (),
        of_owner: Collection[str] = (),
        with_known_workers: Collection[str] = (),
    ) -> SlurmReading:
        """Read the scripts, steps and outcomes that are due.

        A failure of one of these sources is recorded in its log, and never raised.

        Parameters
        ----------
        cluster_jobs
            The ids of the watched cluster's jobs. They come from outside: texts that are not job ids are ignored.
        with_other_programs
            Those of them in which other programs run beside the dask workers.
        of_owner
            The jobs that the owner names: one script is read for all.
        with_known_workers
            The jobs whose workers are known without SLURM: their steps are read rarely.
        """
        cluster_ids = {job_id for job_id in cluster_jobs if is_job_id(job_id)}
        queued = {job.job_id: job for job in self._jobs}
        waiting = {job_id for job_id, job in queued.items() if read_state(job.state).is_waiting}
        self._have_run = (self._have_run | queued.keys() - waiting) & queued.keys()
        for job_id in cluster_ids & waiting & self._have_run:
            self._have_run.discard(job_id)
            self._outcomes.record_requeue(job_id)
        self._seen |= {job_id: job for job_id, job in queued.items() if job_id in cluster_ids}
        recent = {end.job.job_id: end.job for end in self._recently_ended.ended}
        self._seen |= {job_id: recent[job_id] for job_id in (cluster_ids & recent.keys()) - self._seen.keys()}
        self._scripts.forget_all_but([*self._jobs_with_scripts(), *recent.values()])
        await asyncio.gather(
            self._scripts.read(self._jobs, first=cluster_ids, alike=of_owner),
            self._steps.read(
                {job_id for job_id in cluster_ids if job_id in queued and read_state(queued[job_id].state).is_running},
                with_other_programs,
                with_known_workers,
            ),
            self._read_accounting(cluster_ids, queued),
            # Soon enough: SLURM forgets ended jobs.
            self._files.prefetch(self._seen.keys() - queued.keys() - self._forgotten_by_slurm),
        )
        for end in self._recently_ended.ended:
            if (script := self._recently_ended.scripts.pop(end.job.job_id, None)) is not None:
                await self._scripts.take(end.job, script)
        await self._scripts.read(end.job for end in self._recently_ended.latest)
        with_log = [end for end in self._outcomes.ended if end.job.job_id not in self._forgotten_by_slurm]
        await self._causes.read((*with_log, *self._outcomes.requeued))
        await self._causes.read_names(self._recently_ended.ended)
        return self.reading

    async def read_worker_logs(self, removals: Iterable[WorkerEvent], jobs: Iterable[Job]) -> None:
        """Read in logs why workers ended, and which workers these jobs had; see `WorkerLogReader`."""
        await self._worker_logs.read_jobs(jobs)
        await self._worker_logs.read_ends(removals)

    @property
    def found_in_logs(self) -> FoundInLogs:
        """What the logs say about workers that have left."""
        return self._worker_logs.found

    async def sbatch_error(self, script: str) -> str | None:
        """Return why sbatch would reject a script, without submitting it; see `lookups.sbatch_error`."""
        return await sbatch_error(self._commands, script)

    async def read_scripts(self, of_owner: Collection[str] = ()) -> tuple[JobScript, ...]:
        """Read some scripts of queued jobs that have not been read, one of those that the owner names; return all."""
        await self._scripts.read(self._jobs, alike=of_owner)
        return self.reading.scripts

    async def batch_script(self, job_id: str) -> tuple[str, ...]:
        """Return a job's script; see `read_batch_script`."""
        return await read_batch_script(self._commands, job_id)

    async def output_files(self, job_id: str) -> OutputFiles:
        """Return a job's output files; see `OutputFilesReader.read`."""
        return await self._files.read(job_id)

    async def free_nodes(self, partition: str) -> tuple[FreeNode, ...]:
        """Return the nodes of a partition that have free CPUs; see `PartitionReader.free_nodes`."""
        return await self._partitions.free_nodes(partition)

    async def queue_place(self, job_id: str, partition: str) -> QueuePlace:
        """Return where a pending job comes in the queue; see `PartitionReader.queue_place`."""
        return await self._partitions.queue_place(job_id, partition)

    def close(self) -> None:
        """Kill running commands, and start no more."""
        self._commands.close()

    def forget_ended(self, job_ids: Collection[str]) -> None:
        """Forget these jobs, which ended long ago."""
        for job_id in job_ids:
            self._seen.pop(job_id, None)
        self._outcomes.forget(job_ids)
        self._recently_ended.forget(job_ids)
        self._files.forget(job_ids)

    @property
    def _forgotten_by_slurm(self) -> set[str]:
        """The jobs that ended so long before SLURM was first read that only accounting knows them."""
        latest = {end.job.job_id for end in self._recently_ended.latest}
        return {end.job.job_id for end in self._recently_ended.ended} - latest

    async def _read_accounting(self, cluster_ids: Collection[str], queued: Collection[str]) -> None:
        """Query accounting one after another: the first answer shows whether there is accounting."""
        if self._queue_read_at is not None:  # otherwise there may be no SLURM
            await self._recently_ended.read()
        await self._outcomes.read(cluster_ids, queued, self._seen)

    def _recently_ended_jobs(self) -> tuple[RecentlyEnded, ...]:
        """Return the recently ended jobs that may belong to a cluster, with what is known of their scripts.

        Those have a script with a dask scheduler or worker, or were cancelled: dasktop may have released them.
        """
        ended = self._recently_ended.ended
        scripts = {script.job_id: script for script in self._scripts.known(end.job for end in ended)}
        wanted = (end for end in ended if end.job.job_id in scripts or read_state(end.job.state).is_cancelled)
        return tuple(
            RecentlyEnded(end=end, script=scripts.get(end.job.job_id)) for end in self._causes.completed(wanted)
        )

    def _jobs_with_scripts(self) -> list[QueuedJob]:
        """Return the queued jobs, and those of the cluster that have left the queue."""
        queued = {job.job_id for job in self._jobs}
        return [*self._jobs, *(job for job_id, job in self._seen.items() if job_id not in queued)]
