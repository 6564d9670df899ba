"""Has each job's batch script printed, once, a few at a time, and keeps what it says of dask.

Kind to slurmctld: a bounded number a round, few at once, and after trouble a pause. Scripts are parsed in a thread, so
that a long one holds up nothing. The text is kept only of an array's that may say something else in each element.
"""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import NamedTuple

import msgspec

from dasktop.collectors.model.errors import SourceError, SourceOffError
from dasktop.collectors.model.readings import JobScript, QueuedJob
from dasktop.collectors.sources.health import SourceLog
from dasktop.collectors.sources.slurm.commands import Commands
from dasktop.collectors.sources.slurm.output_files import output_files_command
from dasktop.collectors.sources.slurm.scripts import (
    JobDetails,
    batch_script,
    depends_on_array_task,
    job_environment,
    needs_job_details,
    parse_job_details,
    parse_script,
    script_command,
)
from dasktop.collectors.system.backoff import Backoff
from dasktop.collectors.system.user import home_of

SCRIPTS_PER_POLL = 16
ARRAY_TASKS_PER_POLL = 64
AT_ONCE = 3
TRIES = 3

# What scontrol says of one job, rather than of its way to slurmctld. ("Job script not specified": started by srun.)
_ABOUT_ONE_JOB = re.compile(r"invalid job id|job script not|no such|not found", re.IGNORECASE)
_PERMISSION_ERROR = re.compile(r"invalid user id|permission denied", re.IGNORECASE)


class _ArrayScript(NamedTuple):
    """The script of an array, and what SLURM tells of the array."""

    text: str
    shown: JobDetails | None


class ScriptReader:
    """Knows the scripts of the jobs that were in the queue.

    Parameters
    ----------
    commands
        To run ``scontrol`` with.
    log
        Where its answers and failures are noted.
    pause
        Kept after failures.
    """

    def __init__(self, commands: Commands, log: SourceLog, pause: Backoff) -> None:
        self._commands = commands
        self._log = log
        self._pause = pause
        # By job, and for the elements of an array by the array. None: says nothing of dask, or can't be read.
        self._read: dict[str, JobScript | None] = {}
        # Scripts of arrays that may say something else in each element, and what they say there.
        self._of_arrays: dict[str, _ArrayScript] = {}
        self._of_elements: dict[str, JobScript | None] = {}
        self._reading = asyncio.Lock()
        self._failures: Counter[str] = Counter()
        self._homes: dict[str, str | None] = {}

    async def read(self, jobs: Iterable[QueuedJob], first: Collection[str] = ()) -> None:
        """Read the scripts of these jobs that were not read yet; those whose ids are in `first` before the others."""
        async with self._reading:  # who asks meanwhile waits for what is being read
            await self._read_due(tuple(jobs), first)

    async def _read_due(self, jobs: tuple[QueuedJob, ...], first: Collection[str]) -> None:
        if self._log.is_off or not self._pause.is_over:
            return
        due = self._due(jobs, first)
        if due:
            queued = {script: job for job in reversed(jobs) for script in (_script_of(job), job.job_id)}
            with contextlib.suppress(SourceError), self._log.attempt():
                await self._read_all(due, queued)
        await self._read_elements(jobs)

    def known(self, jobs: Iterable[QueuedJob]) -> tuple[JobScript, ...]:
        """Return what the scripts of these jobs say of dask, one for each job whose script says anything."""
        found = ((job, self._said_of(job)) for job in jobs)
        return tuple(
            msgspec.structs.replace(script, job_id=job.job_id, job_name=job.name, user=job.user)
            for job, script in found
            if script is not None
        )

    def forget_all_but(self, jobs: Iterable[QueuedJob]) -> None:
        """Forget the scripts of all other jobs."""
        jobs = tuple(jobs)
        kept, elements = {_script_of(job) for job in jobs}, {job.job_id for job in jobs}
        self._of_arrays = {script: array for script, array in self._of_arrays.items() if script in kept}
        self._of_elements = {job_id: said for job_id, said in self._of_elements.items() if job_id in elements}
        self._read = {script: said for script, said in self._read.items() if script in kept}
        self._failures = Counter({script: times for script, times in self._failures.items() if script in kept})

    def _due(self, jobs: Iterable[QueuedJob], first: Collection[str]) -> list[str]:
        ranked = sorted(
            # Those that failed go last, lest one job stand in the way of all others.
            (
                self._failures[_script_of(job)],
                job.job_id not in first,
                "dask" not in (job.name or ""),
                -int(job.job_id),
                _script_of(job),
            )
            for job in jobs
            # The other components of a heterogeneous job have an empty script: SLURM runs the leader's only.
            if job.het_job_id in (None, job.job_id)
        )
        scripts = dict.fromkeys(script for *_, script in ranked)
        due = [script for script in scripts if script not in self._read]
        return due[:SCRIPTS_PER_POLL]

    def _said_of(self, job: QueuedJob) -> JobScript | None:
        script = _script_of(job)
        return self._of_elements.get(job.job_id) if script in self._of_arrays else self._read.get(script)

    async def _read_elements(self, jobs: Iterable[QueuedJob]) -> None:
        """Find out what the scripts of arrays say in elements that are new, some at a time."""
        if not self._of_arrays:
            return
        new = (job for job in jobs if _script_of(job) in self._of_arrays and job.job_id not in self._of_elements)
        for job in islice(new, ARRAY_TASKS_PER_POLL):
            text, shown = self._of_arrays[_script_of(job)]
            self._of_elements[job.job_id] = await asyncio.to_thread(self._parse, job, text, shown)

    def _parse(self, job: QueuedJob, text: str, shown: JobDetails | None) -> JobScript | None:
        """Parse in a thread: a long script takes some time, and so may a database of users."""
        return parse_script(job.job_id, text, job_environment(job, self._home(job.user), text, shown))

    def _needs_shown_job(self, job: QueuedJob, text: str) -> bool:
        return needs_job_details(text, job_environment(job, self._home(job.user), text))

    def _home(self, user: str | None) -> str | None:
        if user is not None and user not in self._homes:
            self._homes[user] = home_of(user)
        return self._homes[user] if user is not None else None

    async def _read_all(self, due: list[str], queued: Mapping[str, QueuedJob]) -> None:
        """Read these; at the first sign that slurmctld itself has trouble, stop."""
        remaining = iter(due)
        trouble: list[SourceError] = []

        async def read_some() -> None:
            for script in remaining:
                if trouble:
                    return
                try:
                    self._read[script] = await self._script(script, queued[script])
                except SourceError as error:
                    trouble.append(error)
                    self._failures[script] += 1
                    if self._failures[script] == TRIES:
                        self._read[script] = None

        await asyncio.gather(*(read_some() for _ in range(AT_ONCE)))
        if trouble:
            self._pause.after_failure()
            raise trouble[0]
        self._pause.after_success()

    async def _script(self, job_id: str, job: QueuedJob) -> JobScript | None:
        printed = await self._commands.run(*script_command(job_id))
        text = batch_script(printed.text)
        if text is not None:
            if "dask" not in text.lower():
                return None
            shown = None
            if await asyncio.to_thread(self._needs_shown_job, job, text):
                shown = await self._shown_job(job_id)
            if job.array_job_id is not None and depends_on_array_task(text):
                self._of_arrays[job_id] = _ArrayScript(text, shown)
                return None
            return await asyncio.to_thread(self._parse, job, text, shown)
        if not printed.errors and printed.status == 0:
            return None  # an empty script
        if printed.stderr_matches(_PERMISSION_ERROR) and not self._log.has_answered:
            raise SourceOffError(printed.error_message)
        if printed.stderr_matches(_ABOUT_ONE_JOB) or printed.stderr_matches(_PERMISSION_ERROR):
            return None
        raise SourceError(printed.error_message)

    async def _shown_job(self, job_id: str) -> JobDetails | None:
        printed = await self._commands.run(*output_files_command(job_id))
        if printed.text.strip() and not printed.errors:
            return parse_job_details(printed.text)
        if printed.stderr_matches(_ABOUT_ONE_JOB):
            return None
        raise SourceError(printed.error_message)


def _script_of(job: QueuedJob) -> str:
    """Return the id under which a job's script is kept: all elements of an array have the same."""
    return job.array_job_id or job.job_id
