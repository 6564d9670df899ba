"""One watched cluster: poll its dask and SLURM halves once, keep the last readings, and reconcile them on request.

Never decides when to poll (the sampler does). Imports distributed only to attach.
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
from dasktop.collectors.analysis.findings import FindingHistory, find
from dasktop.collectors.analysis.reconcile import reconcile
from dasktop.collectors.model.errors import NoSchedulerError, SourceError
from dasktop.collectors.model.feed import Candidate
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import workers_of, workers_with_jobs
from dasktop.collectors.model.options import SLURM_INTERVAL_FLOOR_SECONDS, Options, TlsFiles, completed_tls
from dasktop.collectors.model.queries import Answer, Question
from dasktop.collectors.model.readings import DaskReading, JobScript, Released
from dasktop.collectors.model.snapshot import Evidence, Snapshot
from dasktop.collectors.runtime.queries import answer_question
from dasktop.collectors.scaling import action_log as past_actions
from dasktop.collectors.scaling.action_log import released_by_owner
from dasktop.collectors.sources.dask.scheduler_file import address_from_scheduler_file
from dasktop.collectors.sources.health import SourceLog
from dasktop.collectors.sources.script_certificates import certificates_of
from dasktop.collectors.sources.slurm.collector import SlurmCollector
from dasktop.collectors.system.event_loop import import_in_background
from dasktop.collectors.system.user import own_name

if TYPE_CHECKING:
    from dasktop.collectors.sources.dask.collector import DaskCollector

STALE_AFTER_INTERVALS = 3
SECONDS_BETWEEN_THREAD_READINGS = 0.5
MOST_SCRIPTS_TRIED = 5
"""Per scheduler, which may return another script at each poll; each costs one call of ``sbatch --test-only``."""
SECONDS_FOR_A_FILE = 1.0
"""Timeout for a file server; a later answer is used at the next poll."""


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
            recently_ended_seconds=options.thresholds.ended_recently_seconds if recently_ended else 0,
        )
        self.queue_log = self._slurm.sources[0]
        if not options.slurm:
            self.queue_log.switch_off("disabled by --no-slurm")
        self._address: str | None = None
        self._dask: DaskCollector | None = None
        self._dask_reading: DaskReading | None = None
        self._evidence: dict[str, tuple[Evidence, ...]] = {}
        # Job id → addresses of workers that were only inferred to be in it, by their host.
        self._guessed: dict[str, set[str]] = {}
        self._addresses_in_files: dict[str, str] = {}
        self._files_being_read: dict[str, asyncio.Future[str]] = {}
        self._history = FindingHistory()
        self._other_use = OtherUseTracker()
        # The script of a job that could not be submitted, and sbatch's message.
        self._refused: tuple[str, str | None] | None = None
        self._scripts_tried = 0
        self._environment = os.environ if environment is None else environment
        # Job id → its release: by the cluster object, which no longer wants it; and by dasktop, from its log.
        self._released_by_owner: dict[str, Released] = {}
        self._released_by_dasktop: dict[str, Released] = {}
        self._looked_up: frozenset[str] = frozenset()

    async def locate(self) -> tuple[Candidate, ...]:
        """Return the given scheduler or, if none was given, those that are found.

        Raises
        ------
        NoSchedulerError
            None was found, or the scheduler file is invalid.
        """
        named = self.options.address
        if named is None and self.options.scheduler_file is not None:
            named = self._address_in(Path(self.options.scheduler_file))
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
                scripts = await self._slurm.read_scripts()
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
        """Poll another scheduler from now on: hang up, and forget all that is known of the one before.

        No poll of dask may be under way.
        """
        collector, self._dask = self._dask, None
        self._dask_reading = None
        self._forget_jobs()
        self._history = FindingHistory()
        self._other_use = OtherUseTracker()
        self.dask_log = self._new_dask_log()
        self._slurm.reset_cluster()
        self._address = address
        if collector is not None:
            await collector.close()

    def expect_polls_every(self, interval_seconds: float) -> None:
        """Say how often dask is going to be polled, which tells when its last answer is called stale."""
        self._interval_seconds = interval_seconds
        self.dask_log.stale_after_seconds = self._stale_after_seconds

    def expect_snapshots_after_polls(self) -> None:
        """Say that snapshots are taken once dask's poll has ended: then its answer is never called stale for its age.

        It may have waited for a slower source; that dask itself hangs shows as a failure.
        """
        self.expect_polls_every(float("inf"))

    def _new_dask_log(self) -> SourceLog:
        return SourceLog("dask", self._stale_after_seconds)

    @property
    def _stale_after_seconds(self) -> float:
        return STALE_AFTER_INTERVALS * max(self._interval_seconds, 1.0)

    async def poll_dask(self, threads_of: Collection[str] = ()) -> None:
        """Poll the dask half once, with the threads of these workers (addresses).

        Raises
        ------
        SourceError
            It did not answer; the last reading stays.
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
            reading = await collector.read(threads_of)
        if self._dask_reading and self._dask_reading.cluster.scheduler_id != reading.cluster.scheduler_id:
            self._forget_jobs()  # a new scheduler at the old address has other jobs
        elif self._dask_reading:
            self._released_by_owner |= released_by_owner(self._dask_reading, reading)
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
                scripts = await self._slurm.read_scripts()
                await self._read_scheduler_files(scripts)
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
            ``squeue`` failed; the last reading stays.
        """
        if self.options.slurm:
            await self._slurm.read_queue()

    async def poll_slurm_details(self) -> None:
        """Poll scripts, steps and accounting as due. Errors are recorded, not raised."""
        if self.options.slurm:
            reading = await self._slurm.read_details(self.cluster_jobs, self._other_use.with_other_programs)
            recent = (found.script for found in reading.recently_ended)
            await self._read_scheduler_files((*reading.scripts, *recent))
            await self._ask_why_refused()
            await self._look_who_released()

    async def _look_who_released(self) -> None:
        """Read the action log if more jobs have been cancelled."""
        ended = (end.job for end in self._slurm.reading.ended)
        cancelled = frozenset(job.job_id for job in ended if read_state(job.state).is_cancelled)
        if cancelled <= self._looked_up or self.scheduler_id is None:
            return
        looking = asyncio.get_running_loop().run_in_executor(None, past_actions.read, self._environment)
        done, _ = await asyncio.wait([looking], timeout=SECONDS_FOR_A_FILE)
        if done:
            self._looked_up = cancelled
            by = past_actions.releases(looking.result(), self.scheduler_id)
            self._released_by_dasktop = {job_id: Released(by="dasktop", detail=who) for job_id, who in by.items()}

    async def _ask_why_refused(self) -> None:
        """Find out, once per script, why the owner could not submit jobs: nothing keeps sbatch's message."""
        script = self._dask_reading.refused_script if self._dask_reading else None
        if script is None or (self._refused is not None and self._refused[0] == script):
            return
        if self._scripts_tried == MOST_SCRIPTS_TRIED:
            return
        self._scripts_tried += 1
        self._refused = script, None
        with contextlib.suppress(SourceError):  # then it stays unknown
            self._refused = script, await self._slurm.sbatch_error(script)

    def _with_sbatch_message(self) -> DaskReading | None:
        """Return the last reading, with sbatch's message for jobs that the owner could not submit."""
        reading = self._dask_reading
        if reading is None or self._refused is None or reading.refused_script != self._refused[0]:
            return reading
        owner = reading.cluster.owner
        if owner is None:
            return reading
        return replace(reading, cluster=replace(reading.cluster, owner=replace(owner, submit_error=self._refused[1])))

    async def poll_slurm(self) -> None:
        """Poll the SLURM half once: the queue, then the rest as due.

        Raises
        ------
        SourceError
            ``squeue`` failed; the last reading stays.
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
                await self._slurm.read_scripts()
        slurm, dask = await asyncio.gather(self._poll_slurm_first(), self.poll_dask(), return_exceptions=True)
        for outcome in (slurm, dask):
            if outcome is not None and not isinstance(outcome, SourceError):
                raise outcome
        if self._dask_reading is None:
            raise NoSchedulerError(str(dask))
        self._recognize_jobs()
        await asyncio.gather(self.poll_slurm_details(), self._poll_threads() if with_threads else asyncio.sleep(0))

    async def _poll_slurm_first(self) -> None:
        """Read the part of the SLURM half that does not need dask: scripts show which cluster most jobs belong to."""
        await self.poll_queue()
        if self.options.slurm:
            await self._read_scheduler_files(await self._slurm.read_scripts())
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
        return frozenset(self._evidence)

    @property
    def queued(self) -> frozenset[tuple[str, str | None]]:
        """The user's jobs in squeue, each with its state."""
        return frozenset((job.job_id, job.state) for job in self._slurm.reading.jobs)

    @property
    def jobs_missing_from_queue(self) -> frozenset[str]:
        """The ids of jobs that the owner counts but SLURM has not shown yet."""
        owner = self._dask_reading.cluster.owner if self._dask_reading else None
        reading = self._slurm.reading
        told = {job.job_id for job in reading.jobs} | {end.job.job_id for end in reading.ended}
        return frozenset(owner.job_ids.values() if owner else ()) - told

    def snapshot(self) -> Snapshot:
        """Reconcile the last readings at the current time, and add findings."""
        snapshot = self._recognize_jobs()
        if self.options.slurm:
            self._other_use.note(snapshot, self._slurm.reading.steps)
            snapshot = self._reconciled()
        findings, self._history = find(snapshot, self.options.thresholds, self._history, zone=None)
        return replace(snapshot, findings=findings)

    def _recognize_jobs(self) -> Snapshot:
        """Reconcile the last readings, and remember which jobs belong to the cluster.

        While sources are still being polled, the result is not for the findings: a source that fails a moment later
        would seem to be fine.
        """
        snapshot = self._reconciled()
        if wrong := self._wrongly_guessed(snapshot) | self._wrongly_believed(snapshot):
            for job_id in wrong:
                del self._evidence[job_id]
                self._guessed.pop(job_id, None)
            snapshot = self._reconciled()
        self._evidence |= {job.job_id: job.evidence for job in snapshot.jobs if job.evidence}
        for job, worker in workers_with_jobs(snapshot):
            if job is not None and worker.evidence == "host":
                self._guessed.setdefault(job.job_id, set()).add(worker.address)
        return snapshot

    def _reconciled(self) -> Snapshot:
        slurm_answered = self.options.slurm and self.queue_log.has_answered
        return reconcile(
            self._with_sbatch_message(),
            self._slurm.reading if slurm_answered else None,
            tuple(log.source() for log in (self.dask_log, *self._slurm.sources)),
            datetime.now(UTC),
            also_known_as=self._names_of_scheduler(),
            remembered=self._evidence,
            beyond=self._other_use.beyond,
            released=self._released_by_owner | self._released_by_dasktop,
        )

    def _wrongly_guessed(self, snapshot: Snapshot) -> set[str]:
        """Return the jobs that are the cluster's by a guess alone, about a worker that is known to be elsewhere now."""
        if not self._guessed:
            return set()
        known = {
            worker.address: job.job_id if job is not None else None
            for job, worker in workers_with_jobs(snapshot)
            if worker.evidence not in (None, "host") or worker.outside_slurm
        }
        only_guessed = {job.job_id for job in snapshot.jobs if job.evidence == ("host",)}
        return {
            job_id
            for job_id, addresses in self._guessed.items()
            if job_id in only_guessed & self._evidence.keys()
            and any(known[address] != job_id for address in addresses & known.keys())
        }

    def _wrongly_believed(self, snapshot: Snapshot) -> set[str]:
        """Return the jobs that are the cluster's by what workers said of themselves, and SLURM contradicts them now."""
        named = {worker.inherited_job_id for worker in snapshot.unplaced_workers if worker.inherited_job_id}
        seated = {job.job_id for job in snapshot.jobs if any(workers_of(job))}
        return {job_id for job_id in named - seated if self._evidence.get(job_id) == ("environment",)}

    def _forget_jobs(self) -> None:
        self._refused = None
        self._scripts_tried = 0
        self._evidence.clear()
        self._guessed.clear()
        self._released_by_owner.clear()
        self._released_by_dasktop.clear()
        self._looked_up = frozenset()

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

    def _address_in(self, file: Path) -> str:
        """Read a scheduler file, and remember its address by its absolute path, as scripts name it."""
        address = self._addresses_in_files[str(file.absolute())] = address_from_scheduler_file(file)
        return address

    async def _read_scheduler_files(self, scripts: Collection[JobScript]) -> None:
        """Read the scheduler files that the scripts name; retry missing ones at the next poll.

        In threads, each file once at a time: a file server may hang, and must not block anything else.
        """
        loop = asyncio.get_running_loop()
        for file in {file for script in scripts for file in script.scheduler_files} - self._addresses_in_files.keys():
            if file not in self._files_being_read:
                self._files_being_read[file] = loop.run_in_executor(None, address_from_scheduler_file, file)
        if self._files_being_read:
            done, _ = await asyncio.wait(self._files_being_read.values(), timeout=SECONDS_FOR_A_FILE)
            for file, reading in tuple(self._files_being_read.items()):
                if reading in done:
                    del self._files_being_read[file]
                    with contextlib.suppress(NoSchedulerError):
                        self._addresses_in_files[file] = reading.result()

    def _names_of_scheduler(self) -> frozenset[str]:
        """Return the addresses and files by which job scripts may name the watched scheduler."""
        addresses = {self._address} if self._address else set()
        if self._dask_reading and self._dask_reading.cluster.scheduler_address:
            addresses.add(self._dask_reading.cluster.scheduler_address)
        files = {file for file, address in self._addresses_in_files.items() if address in addresses}
        return frozenset(addresses | files)
