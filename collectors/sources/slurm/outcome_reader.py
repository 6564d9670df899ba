"""Read how the cluster's jobs ended: from ``sacct``, then from ``scontrol`` for jobs unknown to accounting.

Never guesses. Accounting lags: for seconds, a job that has just ended may be missing or still RUNNING. So it is queried
again, at growing intervals, a bounded number of times; after that, the outcome stays unknown.
"""

import asyncio
import contextlib
import re
import secrets
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from time import monotonic

import msgspec

from dasktop.collectors.model.errors import SourceError, SourceOffError
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.readings import EndedJob, QueuedJob
from dasktop.collectors.sources.health import SourceLog
from dasktop.collectors.sources.slurm.accounting import (
    OFF,
    accounting_command,
    completed_from_queue,
    is_incomplete,
    parse_accounting,
    parse_show_job,
    recently_ended_command,
    show_job_command,
)
from dasktop.collectors.sources.slurm.archived_scripts import archived_scripts_command, parse_archived_scripts
from dasktop.collectors.sources.slurm.commands import Commands, batches
from dasktop.collectors.sources.slurm.queue import mentions_any_job
from dasktop.collectors.system.backoff import Backoff, Clock

ATTEMPTS = 8
JOBS_PER_CALL = 200
LOOKUPS_PER_POLL = 16
LOOKUPS_AT_ONCE = 2
LAST_RUN_ATTEMPTS = 3

_FORGOTTEN = re.compile(r"Invalid job id", re.IGNORECASE)


class _Search:
    """How often a job has been queried, and when to query it next."""

    def __init__(self) -> None:
        self.attempts = 0
        self.due_at = float("-inf")
        self.was_forgotten = False
        """Whether slurmctld no longer knows it, or never did."""


class OutcomeReader:
    """Reads and remembers how the cluster's jobs ended.

    Parameters
    ----------
    commands
        Runs ``sacct`` and ``scontrol``.
    log
        Records accounting's answers and failures.
    backoff
        The back-off after failures of accounting.
    interval_seconds
        The first pause before a job that accounting does not know yet is queried again.
    clock
        A monotonic clock, in seconds.
    """

    def __init__(
        self, commands: Commands, log: SourceLog, backoff: Backoff, interval_seconds: float, clock: Clock = monotonic
    ) -> None:
        self._commands = commands
        self._log = log
        self._backoff = backoff
        self._between_attempts = Backoff(interval_seconds)
        self._clock = clock
        self._ended: dict[str, EndedJob] = {}
        self._searches: dict[str, _Search] = {}
        self._found: set[str] = set()
        self._requeued: dict[str, EndedJob] = {}
        # Requeued jobs, and how often accounting was queried for their last run.
        self._last_run_attempts: dict[str, int] = {}
        self._has_answered = False
        # Random, so that no job name can contain it.
        self._separator = f"\x1f{secrets.token_hex(4)}\x1f"

    @property
    def ended(self) -> tuple[EndedJob, ...]:
        """The known outcomes."""
        return tuple(self._ended.values())

    @property
    def requeued(self) -> tuple[EndedJob, ...]:
        """The known outcomes of the last runs of requeued jobs."""
        return tuple(self._requeued.values())

    def record_requeue(self, job_id: str) -> None:
        """Record that a job was requeued after it ran: accounting knows how that run ended."""
        self._requeued.pop(job_id, None)
        self._last_run_attempts[job_id] = 0

    def forget(self, job_ids: Iterable[str]) -> None:
        """Forget how these jobs ended."""
        for job_id in job_ids:
            self._forget(job_id)
            self._requeued.pop(job_id, None)

    async def read(self, jobs: Collection[str], queued: Collection[str], seen: Mapping[str, QueuedJob]) -> None:
        """Read the outcomes of those of these jobs that are not in the queue.

        Parameters
        ----------
        jobs
            The cluster's (raw ids).
        queued
            All jobs in the queue. A requeued job no longer has an outcome.
        seen
            The last queue entries of jobs.
        """
        for job_id in queued:
            self._forget(job_id)
        due = self._due(set(jobs).difference(queued))
        # The first time, query all jobs: this shows at once whether there is accounting.
        first = [] if self._has_answered else sorted(jobs, key=int)[:JOBS_PER_CALL]
        wanted = sorted({*due, *first}, key=int)
        answered = False
        if wanted and not self._log.is_off and self._backoff.is_over:
            with contextlib.suppress(SourceError), self._log.attempt():
                await self._read_accounting(wanted, frozenset(due), seen)
                answered = True
        if answered or self._log.is_off:  # a failure of accounting is not an attempt
            for job_id in due:
                self._searches[job_id].attempts += 1
        await self._read_from_slurmctld(self._due_at_slurmctld(due), seen)
        self._give_up(due, seen)
        await self._read_last_runs()

    def _give_up(self, due: Iterable[str], seen: Mapping[str, QueuedJob]) -> None:
        """Record an end without details for jobs that were in the queue and that SLURM no longer knows."""
        for job_id in due:
            search = self._searches[job_id]
            is_final_attempt = search.attempts >= ATTEMPTS or (search.was_forgotten and self._log.is_off)
            if job_id not in self._ended and job_id in seen and is_final_attempt:
                job = msgspec.structs.replace(seen[job_id], state=None, reason=None, ends_at=None)
                self._ended[job_id] = EndedJob(job=job)

    def _forget(self, job_id: str) -> None:
        self._ended.pop(job_id, None)
        self._searches.pop(job_id, None)
        self._found.discard(job_id)

    def _due(self, gone: Iterable[str]) -> list[str]:
        """Return the jobs to query now, and set when to query them next."""
        now = self._clock()
        due = []
        for job_id in sorted(gone, key=int):
            search = self._searches.setdefault(job_id, _Search())
            if job_id not in self._found and search.attempts < ATTEMPTS and now >= search.due_at:
                search.due_at = now + self._between_attempts.pause_seconds(search.attempts + 1)
                due.append(job_id)
        return due

    async def _read_accounting(self, wanted: list[str], due: Collection[str], seen: Mapping[str, QueuedJob]) -> None:
        try:
            for job_ids in batches(wanted, JOBS_PER_CALL):
                for ended in await self._accounted(job_ids):
                    if ended.job.job_id in due:
                        self._record(ended, seen, is_final=not is_incomplete(ended))
        except SourceError:
            self._backoff.after_failure()
            raise
        self._has_answered = True
        self._backoff.after_success()

    async def _read_last_runs(self) -> None:
        due = [job_id for job_id, attempts in self._last_run_attempts.items() if attempts < LAST_RUN_ATTEMPTS]
        if not due or self._log.is_off or not self._backoff.is_over:
            return
        self._last_run_attempts |= {job_id: self._last_run_attempts[job_id] + 1 for job_id in due}
        with contextlib.suppress(SourceError), self._log.attempt():
            for job_ids in batches(due, JOBS_PER_CALL):
                for ended in await self._accounted(job_ids, last_run=True):
                    self._requeued[ended.job.job_id] = ended
                    self._last_run_attempts.pop(ended.job.job_id, None)

    async def _accounted(self, job_ids: tuple[str, ...], last_run: bool = False) -> tuple[EndedJob, ...]:
        """Return accounting's records of these jobs in any state, or of their last runs that have ended."""
        output = await self._commands.run(*accounting_command(job_ids, self._separator, all_runs=last_run))
        if output.status != 0:
            raise (SourceOffError if output.stderr_matches(OFF) else SourceError)(output.error_message)
        found = parse_accounting(output.stdout, self._separator, only_ended=last_run)
        if not found and not last_run and mentions_any_job(job_ids, output.stdout):
            raise SourceError("dasktop does not understand the output of sacct")
        return found

    def _due_at_slurmctld(self, due: Iterable[str]) -> list[str]:
        """Return the jobs to look up with scontrol: at once if accounting is off or fails, else if it is late."""
        late_after = 2 if self._log.error is None else 0
        unknown = (job_id for job_id in due if job_id not in self._ended)
        searches = ((job_id, self._searches[job_id]) for job_id in unknown)
        return [job_id for job_id, search in searches if not search.was_forgotten and search.attempts >= late_after][
            :LOOKUPS_PER_POLL
        ]

    async def _read_from_slurmctld(self, job_ids: list[str], seen: Mapping[str, QueuedJob]) -> None:
        remaining = iter(job_ids)

        async def read_some() -> None:
            for job_id in remaining:
                try:
                    output = await self._commands.run(*show_job_command(job_id))
                except SourceError:  # the outcome stays unknown; slurmctld's error is shown for the queue
                    return
                ended = parse_show_job(output.stdout, job_id)
                self._searches[job_id].was_forgotten = ended is None and output.stderr_matches(_FORGOTTEN)
                if ended is not None:
                    self._record(ended, seen, is_final=self._log.is_off)

        await asyncio.gather(*(read_some() for _ in range(LOOKUPS_AT_ONCE)))

    def _record(self, ended: EndedJob, seen: Mapping[str, QueuedJob], is_final: bool) -> None:
        """Record how a job ended, if it has ended."""
        job_id = ended.job.job_id
        if not read_state(ended.job.state).has_ended:
            return
        self._ended[job_id] = completed_from_queue(ended, seen.get(job_id))
        if is_final:
            self._found.add(job_id)


MOST_JOBS = 200
"""The number of jobs to keep."""
MOST_LATE_JOBS = 48
"""The number of those to keep as recent: for each whose script is not known, ``scontrol`` is run once."""
KNOWN_SECONDS = 900
"""How long ago a job may have ended that slurmctld may still know (MinJobAge, 300 s by default)."""
TRIES = 3


class RecentlyEndedReader:
    """Reads once the jobs that ended within a window before the first answer of accounting.

    Parameters
    ----------
    commands
        Runs ``sacct``.
    log
        Records accounting's answers and failures.
    backoff
        The back-off after failures of accounting.
    user
        The owner of the jobs.
    window_seconds
        How long ago a job may have ended; 0: accounting is not queried.
    """

    def __init__(self, commands: Commands, log: SourceLog, backoff: Backoff, user: str, window_seconds: float) -> None:
        self._commands = commands
        self._log = log
        self._backoff = backoff
        self._user = user
        self._window_seconds = window_seconds
        self._tries_left = TRIES if window_seconds >= 1 else 0
        self.ended: tuple[EndedJob, ...] = ()
        """At most `MOST_JOBS`: first jobs that are not ``COMPLETED``, then jobs named after dask, then the latest."""
        self.latest: tuple[EndedJob, ...] = ()
        """The first of them that ended in the last `KNOWN_SECONDS`, at most `MOST_LATE_JOBS`."""
        self.scripts: dict[str, str] = {}
        """The batch scripts of some of them by job id, at sites whose accounting stores scripts."""

    async def read(self) -> None:
        """Query accounting, unless it has answered before. A failure is recorded, not raised."""
        if not self._tries_left or self._log.is_off or not self._backoff.is_over:
            return
        self._tries_left -= 1
        # Random, so that no job name can contain it.
        separator = f"\x1f{secrets.token_hex(4)}\x1f"
        with contextlib.suppress(SourceError), self._log.attempt():
            try:
                output = await self._commands.run(*recently_ended_command(self._user, self._window_seconds, separator))
                if output.status != 0:
                    raise (SourceOffError if output.stderr_matches(OFF) else SourceError)(output.error_message)
            except SourceError:
                self._backoff.after_failure()
                raise
            self._backoff.after_success()
            self._tries_left = 0
            found = parse_accounting(output.stdout, separator)
            have_ended = (end for end in found if read_state(end.job.state).has_ended and end.ended_at is not None)
            self.ended = tuple(sorted(have_ended, key=_rank)[:MOST_JOBS])
            since = datetime.now(UTC) - timedelta(seconds=KNOWN_SECONDS)
            lately = (end for end in self.ended if end.ended_at is not None and end.ended_at >= since)
            self.latest = tuple(islice(lately, MOST_LATE_JOBS))
        if self.ended:
            await self._read_scripts()

    def forget(self, job_ids: Collection[str]) -> None:
        """Forget these jobs."""
        self.ended = tuple(end for end in self.ended if end.job.job_id not in job_ids)
        self.latest = tuple(end for end in self.latest if end.job.job_id not in job_ids)

    async def _read_scripts(self) -> None:
        """Read the scripts that accounting has; none if this version or the site does not store them."""
        with contextlib.suppress(SourceError):
            output = await self._commands.run(*archived_scripts_command(end.job.job_id for end in self.ended))
            if output.status == 0:
                wanted = {end.job.job_id for end in self.ended}
                found = parse_archived_scripts(output.stdout)
                self.scripts = {job_id: script for job_id, script in found.items() if job_id in wanted}


def _rank(end: EndedJob) -> tuple[bool, bool, float]:
    ended_at = end.ended_at or datetime.fromtimestamp(0, UTC)
    return read_state(end.job.state).is_completed, "dask" not in (end.job.name or ""), -ended_at.timestamp()
