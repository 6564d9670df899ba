"""One watched cluster: poll dask and SLURM once, keep the last readings, and reconcile them on request.

Never decides when to poll (the sampler does). Imports dask only to attach.
"""

import asyncio
import contextlib
import os
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from dasktop.collectors.analysis.beyond_dask import OtherUseTracker
from dasktop.collectors.analysis.estimates import estimated
from dasktop.collectors.analysis.findings import FindingHistory, find
from dasktop.collectors.analysis.reconcile import reconcile
from dasktop.collectors.analysis.reconcile_memo import ReconcileMemo
from dasktop.collectors.analysis.work_history import WorkHistory
from dasktop.collectors.model.errors import NoSchedulerError, SourceError
from dasktop.collectors.model.feed import Candidate
from dasktop.collectors.model.jobs import LEFT_HOURS
from dasktop.collectors.model.options import SLURM_INTERVAL_FLOOR_SECONDS, Options, TlsFiles, completed_tls
from dasktop.collectors.model.queries import Answer, Question
from dasktop.collectors.model.readings import DaskReading, JobScript
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.runtime.queries import answer_question
from dasktop.collectors.runtime.remembered import ClusterJobs, Releases, SubmitError, WorkerEnds
from dasktop.collectors.sources.dask.scheduler_file import SchedulerFiles
from dasktop.collectors.sources.health import SourceLog
from dasktop.collectors.sources.slurm.collector import SlurmCollector
from dasktop.collectors.sources.slurm.script_reader import certificates_of
from dasktop.collectors.system.event_loop import import_in_background
from dasktop.collectors.system.user import own_name

if TYPE_CHECKING:
    from dasktop.collectors.sources.dask.collector import DaskCollector

STALE_AFTER_INTERVALS = 3
SECONDS_BETWEEN_THREAD_READINGS = 0.5


class Poller:
    """Polls dask and SLURM for one cluster, in one asyncio loop.

    Parameters
    ----------
    options
        The run's options.
    environment
        The environment of SLURM's commands; ``None``: this process's own.
    recently_ended
        Whether to read jobs that ended before, too: one call of ``scontrol`` for each.
    """

    def __init__(
        self, options: Options, environment: Mapping[str, str] | None = None, *, recently_ended: bool = True
    ) -> None:
        self.options = options
        self._interval_seconds = options.interval_seconds
        self.dask_log = self._new_dask_log()
        self._slurm = SlurmCollector(
            options.user,
            environment=environment,
            timeout_seconds=options.slurm_timeout_seconds,
            interval_seconds=options.slurm_interval_seconds,
            recently_ended_seconds=LEFT_HOURS * 3600 if recently_ended else 0,
        )
        self.queue_log = self._slurm.sources[0]
        if not options.slurm:
            self.queue_log.switch_off("disabled by --no-slurm")
        self._address: str | None = None
        self._dask: DaskCollector | None = None
        self._dask_reading: DaskReading | None = None
        self._memo = ReconcileMemo()
        self._cluster_jobs = ClusterJobs()
        self._worker_ends = WorkerEnds()
        self._scheduler_files = SchedulerFiles()
        self._history = FindingHistory()
        self._work_history = WorkHistory()
        self._other_use = OtherUseTracker()
        self._submit_error = SubmitError()
        self._releases = Releases(os.environ if environment is None else environment)

    async def locate(self) -> tuple[Candidate, ...]:
        """Return the given scheduler or, if none was given, those that are found.

        Raises
        ------
        NoSchedulerError
            None was found, or the scheduler file is invalid.
        """
        named = self.options.address
        if named is None and self.options.scheduler_file is not None:
            named = self._scheduler_files.read_now(Path(self.options.scheduler_file))
        if named is not None:
            return (Candidate(address=named, origin="named", scheduler_id=""),)
        return await self.look_for_schedulers()

    async def look_for_schedulers(self) -> tuple[Candidate, ...]:
        """Return the schedulers that are found now, and the one that is watched, if it answers.

        Raises
        ------
        NoSchedulerError
            There is none.
        """
        scripts: tuple[JobScript, ...] = ()
        with contextlib.suppress(SourceError):  # recorded in the source's log; there are other places to search
            age_seconds = self.queue_log.source().age_seconds
            if age_seconds is None or age_seconds > SLURM_INTERVAL_FLOOR_SECONDS:
                await self.poll_queue()
            if self.options.slurm:
                scripts = await self._slurm.read_scripts(self._jobs_of_owner)
        discovery = await import_in_background("dasktop.collectors.sources.discover")
        found: tuple[Candidate, ...] = await discovery.discover(
            scripts,
            self.options.tls,
            self.queue_log.error,
            self._address,
            jobs=self._slurm.reading.jobs,
            user=self.options.user,
        )
        return found

    @property
    def address(self) -> str | None:
        """The address of the scheduler that is polled."""
        return self._address

    @property
    def scheduler_id(self) -> str | None:
        """The id of the scheduler that is polled, once it has answered."""
        return self._dask_reading.cluster.scheduler_id if self._dask_reading else None

    def attach_to(self, address: str) -> None:
        """Set the scheduler to poll; the first poll attaches."""
        self._address = address

    async def switch_to(self, address: str) -> None:
        """Poll another scheduler from now on: close the connection, and forget everything about the previous one.

        No poll of dask may be running.
        """
        collector, self._dask = self._dask, None
        self._dask_reading = None
        self._forget_jobs()
        self._history = FindingHistory()
        self._work_history = WorkHistory()
        self._other_use = OtherUseTracker()
        self.dask_log = self._new_dask_log()
        self._slurm.reset_cluster()
        self._address = address
        if collector is not None:
            await collector.close()

    def expect_polls_every(self, interval_seconds: float) -> None:
        """Set the interval at which dask is polled: its last answer is stale after several intervals."""
        self._interval_seconds = interval_seconds
        self.dask_log.stale_after_seconds = self._stale_after_seconds

    def expect_snapshots_after_polls(self) -> None:
        """Never report dask's last answer as stale: snapshots are taken when a poll has ended.

        The snapshot may have waited for a slower source; if dask hangs, that is an error anyway.
        """
        self.expect_polls_every(float("inf"))

    def _new_dask_log(self) -> SourceLog:
        return SourceLog("dask", self._stale_after_seconds)

    @property
    def _stale_after_seconds(self) -> float:
        return STALE_AFTER_INTERVALS * max(self._interval_seconds, 1.0)

    async def poll_dask(self, threads_of: Collection[str] = (), hidden: Collection[str] = ()) -> None:
        """Poll dask once, with the threads of these workers (addresses); rarely of those that are ``hidden``.

        Raises
        ------
        SourceError
            It did not answer; the last reading is kept.
        """
        if self._dask is None:
            if self._address is None:
                raise NoSchedulerError("no scheduler was chosen")
            module = await import_in_background("dasktop.collectors.sources.dask.collector")
            self._dask = module.DaskCollector(
                self._address,
                tls=await self.certificates(),
                probe=self.options.probe,
                timeout_seconds=self.options.dask_timeout_seconds,
            )
        collector = self._dask
        with self.dask_log.attempt():
            reading = await collector.read(threads_of, hidden)
        if self._dask_reading and self._dask_reading.cluster.scheduler_id != reading.cluster.scheduler_id:
            self._forget_jobs()  # a new scheduler at the old address has other jobs
        elif self._dask_reading:
            self._releases.compare(self._dask_reading, reading)
        self._dask_reading = reading

    async def certificates(self) -> TlsFiles:
        """Return the certificates for the scheduler: the given ones, or those in the scripts of its jobs.

        Ignores scripts of another user's jobs (``--user``), whose author decides what they name.
        """
        given = self.options.tls
        if not self._looks_for_certificates:
            return given
        scripts = self._slurm.reading.scripts
        if not any(map(self._is_scheduler_of, scripts)):
            with contextlib.suppress(SourceError):  # recorded in the source's log; the given certificates may suffice
                if not self.queue_log.has_answered:
                    await self.poll_queue()
                scripts = await self._slurm.read_scripts(self._jobs_of_owner)
                await self._scheduler_files.read(scripts)
        for script in filter(self._is_scheduler_of, scripts):
            found = await asyncio.to_thread(certificates_of, script)
            if found != TlsFiles():
                return completed_tls(given, found)
        return given

    @property
    def _looks_for_certificates(self) -> bool:
        """Whether the scheduler uses TLS, and not all certificates were given."""
        given = self.options.tls
        is_given = bool(given.ca_file and given.cert and given.key)
        is_own = self.options.user is None or self.options.user == own_name()
        return self.options.slurm and is_own and not is_given and (self._address or "").startswith("tls://")

    def _is_scheduler_of(self, script: JobScript) -> bool:
        """Return whether a script names this scheduler. A host may have several names: compare the port."""
        names = self._names_of_scheduler()
        port = (self._address or "").rpartition(":")[2]
        means = {address.rpartition(":")[2] for address in script.scheduler_addresses if address.startswith("tls://")}
        return port in means or not names.isdisjoint(script.scheduler_files)

    async def poll_queue(self) -> None:
        """Read the user's SLURM jobs once.

        Raises
        ------
        SourceError
            ``squeue`` failed; the last reading is kept.
        """
        if self.options.slurm:
            await self._slurm.read_queue()

    async def poll_slurm_details(self) -> None:
        """Poll scripts, steps and accounting as due. Errors are recorded, not raised."""
        if self.options.slurm:
            reading = await self._slurm.read_details(
                self.cluster_jobs,
                self._other_use.with_other_programs,
                self._jobs_of_owner,
                self._jobs_with_known_workers,
            )
            recent = (found.script for found in reading.recently_ended if found.script is not None)
            await self._scheduler_files.read((*reading.scripts, *recent))
            await self._submit_error.find(self._dask_reading, self._slurm)
            await self._slurm.read_worker_logs(self._worker_ends.unexplained, self._worker_ends.possible_jobs)
            reading = self._slurm.reading
            ended = (*reading.ended, *(found.end for found in reading.recently_ended))
            await self._releases.read_log(ended, self.scheduler_id)

    async def poll_slurm(self) -> None:
        """Poll SLURM once: the queue, then the other sources that are due.

        Raises
        ------
        SourceError
            ``squeue`` failed; the last reading is kept.
        """
        await self.poll_queue()
        await self.poll_slurm_details()

    async def poll_everything(self, with_threads: bool = False) -> None:
        """Poll all sources once, concurrently where possible.

        Raises
        ------
        NoSchedulerError
            The scheduler has never answered.
        """
        if self._looks_for_certificates:  # scripts name them
            with contextlib.suppress(SourceError):  # recorded in the source's log
                await self.poll_queue()
                await self._slurm.read_scripts(self._jobs_of_owner)
        slurm, dask = await asyncio.gather(self._poll_slurm_first(), self.poll_dask(), return_exceptions=True)
        for outcome in (slurm, dask):
            if outcome is not None and not isinstance(outcome, SourceError):
                raise outcome
        if self._dask_reading is None:
            raise NoSchedulerError(str(dask))
        self._recognize_jobs()
        await asyncio.gather(self.poll_slurm_details(), self._poll_threads() if with_threads else asyncio.sleep(0))

    async def _poll_slurm_first(self) -> None:
        """Read the SLURM data that do not depend on dask: scripts show which cluster most jobs belong to."""
        await self.poll_queue()
        if self.options.slurm:
            await self._scheduler_files.read(await self._slurm.read_scripts(self._jobs_of_owner))
            self._recognize_jobs()
            await self.poll_slurm_details()

    async def _poll_threads(self) -> None:
        """Read all threads twice, since CPU per cent needs two readings."""
        with contextlib.suppress(SourceError):  # recorded in the source's log
            await self.poll_dask(self.workers)
            await asyncio.sleep(SECONDS_BETWEEN_THREAD_READINGS)
            await self.poll_dask(self.workers)

    @property
    def workers(self) -> frozenset[str]:
        """The addresses of all workers of the last reading."""
        readings = self._dask_reading.workers if self._dask_reading else ()
        return frozenset(reading.worker.address for reading in readings)

    @property
    def cluster_jobs(self) -> frozenset[str]:
        """The ids of the jobs that belong to this cluster, by any snapshot so far."""
        return frozenset(self._cluster_jobs.evidence)

    @property
    def queued(self) -> frozenset[tuple[str, str | None]]:
        """The user's jobs in squeue, each with its state."""
        return frozenset((job.job_id, job.state) for job in self._slurm.reading.jobs)

    @property
    def jobs_missing_from_queue(self) -> frozenset[str]:
        """The ids of jobs that the owner counts but SLURM has not shown yet."""
        reading = self._slurm.reading
        shown = {job.job_id for job in reading.jobs} | {end.job.job_id for end in reading.ended}
        return self._jobs_of_owner - shown

    @property
    def _jobs_of_owner(self) -> frozenset[str]:
        """The ids of the jobs that the owner names."""
        owner = self._dask_reading.cluster.owner if self._dask_reading else None
        return frozenset(owner.job_ids.values() if owner else ())

    @property
    def _jobs_with_known_workers(self) -> frozenset[str]:
        """The ids of jobs whose workers are known without SLURM: by the owner, or by the kernel of their node."""
        places = (reading.place for reading in self._dask_reading.workers) if self._dask_reading else ()
        by_kernel = (place.job_id for place in places if place is not None and place.proof == "kernel")
        return self._jobs_of_owner.union(by_kernel)

    def snapshot(self) -> Snapshot:
        """Reconcile the last readings at the current time, and add findings."""
        snapshot = self._recognize_jobs()
        if self.options.slurm:
            before = self._other_use.beyond, self._other_use.figures
            self._other_use.note(snapshot, self._slurm.reading.steps)
            if (self._other_use.beyond, self._other_use.figures) != before:
                snapshot = self._reconciled()
        work, self._work_history = estimated(
            snapshot.work,
            snapshot.taken_at,
            snapshot.totals.threads,
            snapshot.cluster.scheduler_id,
            self._work_history,
        )
        snapshot = replace(snapshot, work=work)
        findings, self._history = find(snapshot, self.options.thresholds, self._history, zone=None)
        return replace(snapshot, findings=findings)

    def _recognize_jobs(self) -> Snapshot:
        """Reconcile the last readings, and remember which jobs belong to the cluster.

        While sources are still being polled, the result is not for the findings: a source that fails a moment later
        would seem to be fine.
        """
        snapshot = self._reconciled()
        if self._cluster_jobs.forget_wrong(snapshot):
            snapshot = self._reconciled()
        self._cluster_jobs.remember(snapshot)
        if long_gone := self._cluster_jobs.forget_long_gone(snapshot):
            self._slurm.forget_ended(long_gone)
            snapshot = self._reconciled()
        self._worker_ends.remember(snapshot)
        return snapshot

    def _reconciled(self) -> Snapshot:
        slurm_answered = self.options.slurm and self.queue_log.has_answered
        return reconcile(
            self._submit_error.added_to(self._dask_reading),
            self._slurm.reading if slurm_answered else None,
            tuple(log.source() for log in (self.dask_log, *self._slurm.sources)),
            datetime.now(UTC),
            also_known_as=self._names_of_scheduler(),
            remembered=self._cluster_jobs.evidence,
            jobs_of_workers=self._cluster_jobs.of_workers,
            worker_ends=self._worker_ends.known,
            worker_nodes=self._worker_ends.nodes,
            in_logs=self._slurm.found_in_logs,
            beyond=self._other_use.beyond,
            slurm_figures=self._other_use.figures,
            released=self._releases.by_job,
            memo=self._memo,
        )

    def _forget_jobs(self) -> None:
        self._submit_error = SubmitError()
        self._cluster_jobs.clear()
        self._worker_ends = WorkerEnds()
        self._releases.clear()

    async def answer(self, question: Question) -> Answer:
        """Answer one query.

        Raises
        ------
        SourceError
            It is unavailable; the text says why.
        """
        return await answer_question(question, self._slurm if self.options.slurm else None, self._dask)

    async def close(self) -> None:
        """Kill running commands, and close the connection."""
        self._slurm.close()
        if self._dask is not None:
            await self._dask.close()

    def _names_of_scheduler(self) -> frozenset[str]:
        """Return the addresses and files by which job scripts may name the watched scheduler."""
        addresses = frozenset({self._address} if self._address else ())
        if self._dask_reading and self._dask_reading.cluster.scheduler_address:
            addresses |= {self._dask_reading.cluster.scheduler_address}
        return addresses | self._scheduler_files.with_address(addresses)
