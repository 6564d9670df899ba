"""Read each job's batch script once with ``scontrol``, and remember the dask schedulers and workers in it.

Limits the load on slurmctld: a bounded number per poll, few at the same time, and a pause after an error. Parses
scripts in a thread, since a long one takes time. Keeps the text only of array scripts whose result may differ between
array tasks.
"""

import asyncio
import contextlib
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import NamedTuple

import msgspec

from dasktop.collectors.model.errors import SourceError, SourceOffError
from dasktop.collectors.model.options import TlsFiles
from dasktop.collectors.model.readings import JobScript, QueuedJob
from dasktop.collectors.sources.health import SourceLog
from dasktop.collectors.sources.slurm.commands import PERMISSION_ERROR, Commands
from dasktop.collectors.sources.slurm.output_files import output_files_command
from dasktop.collectors.sources.slurm.script_output import (
    JobDetails,
    batch_script,
    depends_on_array_task,
    parse_job_details,
    script_command,
)
from dasktop.collectors.system.backoff import Backoff
from dasktop.collectors.system.user import home_of

SCRIPTS_PER_POLL = 16
ARRAY_TASKS_PER_POLL = 64
AT_ONCE = 3
TRIES = 3

# scontrol's errors about one job, rather than about slurmctld. ("Job script not specified": started by srun.)
_ABOUT_ONE_JOB = re.compile(r"invalid job id|job script not|no such|not found", re.IGNORECASE)


class _ArrayScript(NamedTuple):
    """The script of an array, and what ``scontrol show job`` reports."""

    text: str
    details: JobDetails | None


class ScriptReader:
    """Reads and remembers the scripts of jobs.

    Parameters
    ----------
    commands
        Runs ``scontrol``.
    log
        Records its answers and failures.
    backoff
        The back-off after failures.
    """

    def __init__(self, commands: Commands, log: SourceLog, backoff: Backoff) -> None:
        self._commands = commands
        self._log = log
        self._backoff = backoff
        # By job id; for array tasks, by the id of the array. None: nothing about dask, or cannot be read.
        self._read: dict[str, JobScript | None] = {}
        # Jobs for which the script of another one was read.
        self._covered: set[str] = set()
        # Array scripts whose result may differ between array tasks, and the results by job id.
        self._of_arrays: dict[str, _ArrayScript] = {}
        self._of_array_tasks: dict[str, JobScript | None] = {}
        self._lock = asyncio.Lock()
        self._failures: Counter[str] = Counter()
        self._homes: dict[str, str | None] = {}

    async def read(self, jobs: Iterable[QueuedJob], first: Collection[str] = (), alike: Collection[str] = ()) -> None:
        """Read the scripts of these jobs that have not been read.

        Parameters
        ----------
        first
            Ids of the jobs whose scripts are read before those of the others.
        alike
            Ids of the jobs of one cluster object: their scripts name the same scheduler, so one is read for all.
        """
        async with self._lock:  # a second caller waits for the first
            await self._read_due(tuple(jobs), first, alike)

    async def _read_due(self, jobs: tuple[QueuedJob, ...], first: Collection[str], alike: Collection[str]) -> None:
        if self._log.is_off or not self._backoff.is_over:
            return
        due = self._due(jobs, first, alike)
        if due:
            queued = {script: job for job in reversed(jobs) for script in (_script_of(job), job.job_id)}
            with contextlib.suppress(SourceError), self._log.attempt():
                await self._read_all(due, queued)
        await self._read_array_tasks(jobs)

    async def take(self, job: QueuedJob, text: str) -> None:
        """Parse the script of a job that something else has read, if it has not been read."""
        script = _script_of(job)
        is_of_array = job.array_job_id is not None and depends_on_array_task(text)
        async with self._lock:
            if script not in self._read and not is_of_array:
                self._read[script] = await asyncio.to_thread(self._parse, job, text, None)

    def known(self, jobs: Iterable[QueuedJob]) -> tuple[JobScript, ...]:
        """Return the results for these jobs, one for each job whose script has a dask scheduler or worker."""
        found = ((job, self._result_of(job)) for job in jobs)
        return tuple(
            msgspec.structs.replace(script, job_id=job.job_id, job_name=job.name, user=job.user)
            for job, script in found
            if script is not None
        )

    def forget_all_but(self, jobs: Iterable[QueuedJob]) -> None:
        """Forget the scripts of all other jobs."""
        jobs = tuple(jobs)
        kept, array_tasks = {_script_of(job) for job in jobs}, {job.job_id for job in jobs}
        self._of_arrays = {script: array for script, array in self._of_arrays.items() if script in kept}
        self._of_array_tasks = {
            job_id: result for job_id, result in self._of_array_tasks.items() if job_id in array_tasks
        }
        self._read = {script: result for script, result in self._read.items() if script in kept}
        self._covered &= kept
        self._failures = Counter({script: times for script, times in self._failures.items() if script in kept})

    def _due(self, jobs: tuple[QueuedJob, ...], first: Collection[str], alike: Collection[str]) -> list[str]:
        ranked = sorted(
            # Jobs whose scripts could not be read come last, so that they do not block the others.
            (
                self._failures[_script_of(job)],
                job.job_id not in first,
                "dask" not in (job.name or ""),
                -int(job.job_id),
                _script_of(job),
            )
            for job in jobs
            # Only the leader of a heterogeneous job has a script.
            if job.het_job_id in (None, job.job_id)
        )
        scripts_alike = {_script_of(job) for job in jobs if job.job_id in alike}
        if any(self._read.get(script) is not None for script in scripts_alike):
            self._covered |= scripts_alike
        unknown = (script for *_, script in ranked if script not in self._read and script not in self._covered)
        due = list(dict.fromkeys(unknown))
        later = set([script for script in due if script in scripts_alike][1:])
        return [script for script in due if script not in later][:SCRIPTS_PER_POLL]

    def _result_of(self, job: QueuedJob) -> JobScript | None:
        script = _script_of(job)
        return self._of_array_tasks.get(job.job_id) if script in self._of_arrays else self._read.get(script)

    async def _read_array_tasks(self, jobs: Iterable[QueuedJob]) -> None:
        """Parse the scripts of arrays for new array tasks, some per call."""
        if not self._of_arrays:
            return
        new = (job for job in jobs if _script_of(job) in self._of_arrays and job.job_id not in self._of_array_tasks)
        for job in islice(new, ARRAY_TASKS_PER_POLL):
            text, details = self._of_arrays[_script_of(job)]
            self._of_array_tasks[job.job_id] = await asyncio.to_thread(self._parse, job, text, details)

    def _parse(self, job: QueuedJob, text: str, details: JobDetails | None) -> JobScript | None:
        """Parse a script. Runs in a thread: a long script takes time, and so may the user database."""
        from dasktop.collectors.sources.slurm.scripts import job_environment, parse_script  # late: the start is faster

        return parse_script(job.job_id, text, job_environment(job, self._home(job.user), text, details))

    def _needs_details(self, job: QueuedJob, text: str) -> bool:
        from dasktop.collectors.sources.slurm.scripts import job_environment, needs_job_details

        return needs_job_details(text, job_environment(job, self._home(job.user), text))

    def _home(self, user: str | None) -> str | None:
        if user is not None and user not in self._homes:
            self._homes[user] = home_of(user)
        return self._homes[user] if user is not None else None

    async def _read_all(self, due: list[str], queued: Mapping[str, QueuedJob]) -> None:
        """Read these scripts; stop at the first error of slurmctld itself."""
        remaining = iter(due)
        errors: list[SourceError] = []

        async def read_some() -> None:
            for script in remaining:
                if errors:
                    return
                try:
                    self._read[script] = await self._script(script, queued[script])
                except SourceError as error:
                    errors.append(error)
                    self._failures[script] += 1
                    if self._failures[script] == TRIES:
                        self._read[script] = None

        await asyncio.gather(*(read_some() for _ in range(AT_ONCE)))
        if errors:
            self._backoff.after_failure()
            raise errors[0]
        self._backoff.after_success()

    async def _script(self, job_id: str, job: QueuedJob) -> JobScript | None:
        output = await self._commands.run(*script_command(job_id))
        text = batch_script(output.stdout)
        if text is not None:
            if "dask" not in text.lower():
                return None
            details = None
            if await asyncio.to_thread(self._needs_details, job, text):
                details = await self._details(job_id)
            if job.array_job_id is not None and depends_on_array_task(text):
                self._of_arrays[job_id] = _ArrayScript(text, details)
                return None
            return await asyncio.to_thread(self._parse, job, text, details)
        if not output.errors and output.status == 0:
            return None  # an empty script
        if output.stderr_matches(PERMISSION_ERROR) and not self._log.has_answered:
            raise SourceOffError(output.error_message)
        if output.stderr_matches(_ABOUT_ONE_JOB) or output.stderr_matches(PERMISSION_ERROR):
            return None
        raise SourceError(output.error_message)

    async def _details(self, job_id: str) -> JobDetails | None:
        output = await self._commands.run(*output_files_command(job_id))
        if output.stdout.strip() and not output.errors:
            return parse_job_details(output.stdout)
        if output.stderr_matches(_ABOUT_ONE_JOB):
            return None
        raise SourceError(output.error_message)


def _script_of(job: QueuedJob) -> str:
    """Return the id under which a job's script is remembered: all tasks of an array have the same script."""
    return job.array_job_id or job.job_id


def certificates_of(script: JobScript) -> TlsFiles:
    """Return the files that a script names, if it names all three and they are readable here; else none."""
    files = (script.tls_ca_file, script.tls_cert, script.tls_key)
    if not all(file is not None and os.access(file, os.R_OK) for file in files):
        return TlsFiles()
    return TlsFiles(ca_file=script.tls_ca_file, cert=script.tls_cert, key=script.tls_key)
