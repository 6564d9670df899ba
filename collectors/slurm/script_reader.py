"""Has each job's batch script printed, once, a few at a time, and keeps what it says of dask. Keeps no script.

Kind to slurmctld: a bounded number a round, few at once, and after trouble a pause.
"""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import Collection, Iterable

import msgspec

from dasktop.collectors.errors import SourceError, SourceOffError
from dasktop.collectors.readings import JobScript, QueuedJob
from dasktop.collectors.slurm.commands import Commands
from dasktop.collectors.slurm.output_files import output_files_command, parse_work_dir
from dasktop.collectors.slurm.pacing import Pause
from dasktop.collectors.slurm.scripts import in_folder, names_files_by_folder, parse_script, script_command
from dasktop.collectors.sources import SourceLog

SCRIPTS_A_ROUND = 16
AT_ONCE = 3
TRIES = 3

# What scontrol says of one job, rather than of its way to slurmctld. ("Job script not specified": started by srun.)
_ABOUT_ONE_JOB = re.compile(r"Invalid job id|Job script not|No such|not found")
_NOT_YOURS = re.compile(r"Invalid user id|permission denied", re.IGNORECASE)


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

    def __init__(self, commands: Commands, log: SourceLog, pause: Pause) -> None:
        self._commands = commands
        self._log = log
        self._pause = pause
        # By job, and for the elements of an array by the array. None: says nothing of dask, or can't be read.
        self._read: dict[str, JobScript | None] = {}
        self._under_way: set[str] = set()
        self._failures: Counter[str] = Counter()

    async def read(self, jobs: Iterable[QueuedJob], first: Collection[str] = ()) -> None:
        """Read the scripts of these jobs that were not read yet; those whose ids are in `first` before the others."""
        if self._log.is_off or not self._pause.is_over:
            return
        due = self._due(jobs, first)
        if not due:
            return
        self._under_way.update(due)
        try:
            with contextlib.suppress(SourceError), self._log.attempt():
                await self._read_all(due)
        finally:
            self._under_way.difference_update(due)

    def known(self, jobs: Iterable[QueuedJob]) -> tuple[JobScript, ...]:
        """Return what the scripts of these jobs say of dask, one for each job whose script says anything."""
        found = ((job, self._read.get(_script_of(job))) for job in jobs)
        return tuple(
            msgspec.structs.replace(script, job_id=job.job_id, job_name=job.name)
            for job, script in found
            if script is not None
        )

    def forget_all_but(self, jobs: Iterable[QueuedJob]) -> None:
        """Forget the scripts of all other jobs."""
        kept = {_script_of(job) for job in jobs}
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
        due = [script for script in scripts if script not in self._read and script not in self._under_way]
        return due[:SCRIPTS_A_ROUND]

    async def _read_all(self, due: list[str]) -> None:
        """Read these; at the first sign that slurmctld itself has trouble, stop."""
        remaining = iter(due)
        trouble: list[SourceError] = []

        async def read_some() -> None:
            for script in remaining:
                if trouble:
                    return
                try:
                    self._read[script] = await self._script(script)
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

    async def _script(self, job_id: str) -> JobScript | None:
        printed = await self._commands.run(*script_command(job_id))
        if printed.text.strip():
            said = parse_script(job_id, printed.text)
            if said is None or not names_files_by_folder(said):
                return said
            return in_folder(said, await self._work_dir(job_id))
        if not printed.complaints and printed.status == 0:
            return None  # an empty script
        if _NOT_YOURS.search(printed.complaint) and not self._log.has_answered:
            raise SourceOffError(printed.complaint)
        if _ABOUT_ONE_JOB.search(printed.complaint) or _NOT_YOURS.search(printed.complaint):
            return None
        raise SourceError(printed.complaint)

    async def _work_dir(self, job_id: str) -> str | None:
        printed = await self._commands.run(*output_files_command(job_id))
        if not printed.text.strip() and not _ABOUT_ONE_JOB.search(printed.complaint):
            raise SourceError(printed.complaint)
        return parse_work_dir(printed.text)


def _script_of(job: QueuedJob) -> str:
    """Return the id under which a job's script is kept: all elements of an array have the same."""
    return job.array_job_id or job.job_id
