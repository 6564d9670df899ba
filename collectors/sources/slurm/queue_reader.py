"""Asks ``squeue`` for the user's jobs and, once for each new job and for each that starts, what it was granted."""

import secrets

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.readings import QueuedJob
from dasktop.collectors.sources.health import SourceLog
from dasktop.collectors.sources.slurm.commands import Commands, Printed
from dasktop.collectors.sources.slurm.queue import Queue, parse_queue, parse_resources, queue_command, resources_command
from dasktop.collectors.sources.slurm.values import Resources

# After so many refusals in a row, of which an old squeue's "Invalid job format" is one, the letters have to do.
MAX_REFUSALS = 3


class QueueReader:
    """Knows the user's jobs in the queue.

    Parameters
    ----------
    commands
        To run ``squeue`` with.
    log
        Where its answers and failures are noted.
    user
        Whose jobs.
    """

    def __init__(self, commands: Commands, log: SourceLog, user: str) -> None:
        self._commands = commands
        self._log = log
        self._user = user
        # Unknown beforehand, so that no job's name can hold it.
        self._mark = f"\x1e{secrets.token_hex(4)}"
        self._granted: dict[str, Resources] = {}
        # By job, whether it had started when its resources were read.
        self._had_started: dict[str, bool] = {}
        self._refusals = 0

    async def read(self) -> tuple[QueuedJob, ...]:
        """Ask, and return the jobs.

        Raises
        ------
        SourceError
            squeue failed, or printed nothing but rubbish.
        """
        with self._log.attempt():
            printed = await self._commands.run(*queue_command(self._user, self._mark))
            queue = _parse(printed, self._mark, self._granted)
        if await self._learn_resources(queue.jobs):
            queue = _parse(printed, self._mark, self._granted)
        if queue.not_understood:
            # The others were, so this is no failure; yet it is to be seen.
            lines = "1 line" if queue.not_understood == 1 else f"{queue.not_understood} lines"
            self._log.remark(f"{lines} of squeue not understood")
        return queue.jobs

    async def _learn_resources(self, jobs: tuple[QueuedJob, ...]) -> bool:
        """Read the resources of new jobs; return whether any were learnt. Failing that, squeue's letters have to do."""
        started = {
            job.job_id: not (read_state(job.state).is_waiting or read_state(job.state).is_starting) for job in jobs
        }
        self._granted = {job_id: granted for job_id, granted in self._granted.items() if job_id in started}
        self._had_started = {job_id: had for job_id, had in self._had_started.items() if job_id in started}
        new = {job_id for job_id, has in started.items() if self._had_started.get(job_id) != has}
        if not new or self._refusals >= MAX_REFUSALS:
            return False
        try:
            found = parse_resources((await self._commands.run(*resources_command(self._user))).checked())
        except SourceError:
            self._refusals += 1
            return False
        # Of a field that it doesn't know, squeue only complains, and prints the others.
        self._refusals = 0 if found else self._refusals + 1
        self._granted |= {job_id: found[job_id] for job_id in new if job_id in found}
        self._had_started |= {job_id: started[job_id] for job_id in new}
        return bool(found)


def _parse(printed: Printed, mark: str, granted: dict[str, Resources]) -> Queue:
    text = printed.checked()
    queue = parse_queue(text, mark, granted) if mark in text or not printed.errors else Queue(jobs=())
    if not queue.jobs and printed.errors:
        # Of an unknown user, 22.05 to 26.05 print the header line, complain, and end with status 0.
        raise SourceError(printed.complaint)
    return queue
