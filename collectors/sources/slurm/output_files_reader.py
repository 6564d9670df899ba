"""Remembers where jobs' output goes: SLURM forgets it minutes after their end, when their logs matter most."""

import contextlib
from collections.abc import Iterable

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.queries import OutputFiles
from dasktop.collectors.sources.slurm.commands import Commands
from dasktop.collectors.sources.slurm.job_lookups import read_output_files

JOBS_A_ROUND = 4


class OutputFilesReader:
    """Knows the files of the jobs that it was asked for, or told to learn of in time.

    Parameters
    ----------
    commands
        To run ``scontrol`` with.
    """

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._known: dict[str, OutputFiles] = {}
        self._tried: set[str] = set()

    async def read(self, job_id: str) -> OutputFiles:
        """Return where a job's output goes or, if SLURM doesn't tell now, where it went when it did.

        Raises
        ------
        SourceError
            It was never told.
        """
        self._tried.add(job_id)
        try:
            self._known[job_id] = await read_output_files(self._commands, job_id)
        except SourceError:
            if job_id not in self._known:
                raise
        return self._known[job_id]

    def known(self, job_id: str) -> OutputFiles | None:
        """Return what was learnt of this job, without asking."""
        return self._known.get(job_id)

    async def learn(self, job_ids: Iterable[str]) -> None:
        """Ask for a few of these, each once; what can't be told is told to whoever asks for it later."""
        due = sorted(set(job_ids) - self._tried, key=int)
        for job_id in due[:JOBS_A_ROUND]:
            with contextlib.suppress(SourceError):
                await self.read(job_id)
