"""Finds the user's jobs that ended shortly before dasktop was started: one call of ``sacct``.

Whose they are is not known yet: their batch scripts may tell, as long as slurmctld still knows them (MinJobAge).
"""

import contextlib
import secrets
from datetime import UTC, datetime

from dasktop.collectors.model.errors import SourceError, SourceOffError
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.readings import EndedJob
from dasktop.collectors.sources.health import SourceLog
from dasktop.collectors.sources.slurm.accounting import OFF, ended_lately_command, parse_accounting
from dasktop.collectors.sources.slurm.commands import Commands
from dasktop.collectors.sources.slurm.pacing import Backoff

MOST_JOBS = 48
"""That are kept: for each whose script isn't known, ``scontrol`` is run once."""
TRIES = 3


class EndedLatelyReader:
    """Knows the jobs that have ended within a window before the first answer of accounting.

    Parameters
    ----------
    commands
        To run ``sacct`` with.
    log
        Where accounting's answers and failures are noted.
    pause
        Kept after failures of accounting.
    user
        Whose jobs.
    window_seconds
        How long ago a job may have ended; 0: nothing is asked.
    """

    def __init__(self, commands: Commands, log: SourceLog, pause: Backoff, user: str, window_seconds: float) -> None:
        self._commands = commands
        self._log = log
        self._pause = pause
        self._user = user
        self._window_seconds = window_seconds
        self._tries_left = TRIES if window_seconds >= 1 else 0
        self.ended: tuple[EndedJob, ...] = ()
        """At most `MOST_JOBS`: first those that failed, then those with dask in their names, then the latest."""

    async def read(self) -> None:
        """Ask accounting, unless it has answered before. Its failing is noted, not raised."""
        if not self._tries_left or self._log.is_off or not self._pause.is_over:
            return
        self._tries_left -= 1
        # Unknown beforehand, so that no job's name can hold it.
        separator = f"\x1f{secrets.token_hex(4)}\x1f"
        with contextlib.suppress(SourceError), self._log.attempt():
            try:
                printed = await self._commands.run(*ended_lately_command(self._user, self._window_seconds, separator))
                if printed.status != 0:
                    raise (SourceOffError if printed.says(OFF) else SourceError)(printed.complaint)
            except SourceError:
                self._pause.after_failure()
                raise
            self._pause.after_success()
            self._tries_left = 0
            told = parse_accounting(printed.text, separator)
            have_ended = (end for end in told if read_state(end.job.state).has_ended and end.ended_at is not None)
            self.ended = tuple(sorted(have_ended, key=_rank)[:MOST_JOBS])


def _rank(end: EndedJob) -> tuple[bool, bool, float]:
    ended_at = end.ended_at or datetime.fromtimestamp(0, UTC)
    return read_state(end.job.state).name == "COMPLETED", "dask" not in (end.job.name or ""), -ended_at.timestamp()
