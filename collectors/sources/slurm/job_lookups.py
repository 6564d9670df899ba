"""Asks ``scontrol`` for what a user wants to see of one job: its script, where its output goes. Remembers nothing."""

import contextlib
import re
from collections.abc import Iterable

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.queries import OutputFiles
from dasktop.collectors.sources.slurm.commands import Commands, Printed
from dasktop.collectors.sources.slurm.output_files import output_files_command, parse_output_files
from dasktop.collectors.sources.slurm.queue import is_job_id
from dasktop.collectors.sources.slurm.scripts import batch_script, script_command
from dasktop.collectors.text.clean import clean_lines

_UNKNOWN_JOB = re.compile(r"invalid job id", re.IGNORECASE)
_NO_SCRIPT = re.compile(r"job script not", re.IGNORECASE)  # 22.05: "Job script not specified"


async def read_batch_script(commands: Commands, job_id: str) -> tuple[str, ...]:
    """Return a job's script, clean, line by line. The raw id of an array's element will do.

    Raises
    ------
    SourceError
        There is none, SLURM doesn't keep it any more, it is another user's, or scontrol failed.
    """
    printed = await commands.run(*script_command(_checked(job_id)))
    if (script := batch_script(printed.text)) is not None:
        return clean_lines(script)
    if printed.says(_NO_SCRIPT) or (printed.status == 0 and not printed.errors):
        raise SourceError(f"job {job_id} has no script: it was started by srun or salloc")
    raise _failure(printed, job_id)


async def read_output_files(commands: Commands, job_id: str) -> OutputFiles:
    """Return where a job's output goes.

    Raises
    ------
    SourceError
        SLURM doesn't know the job any more, or scontrol failed.
    """
    printed = await commands.run(*output_files_command(_checked(job_id)))
    files = parse_output_files(printed.text, job_id)
    if files is None:
        raise _failure(printed, job_id)
    return files


def _checked(job_id: str) -> str:
    """Return the id; some come from outside, and what is none must not stand in a command."""
    if not is_job_id(job_id):
        raise SourceError(f"'{job_id}' is no id of a SLURM job")
    return job_id


def _failure(printed: Printed, job_id: str) -> SourceError:
    if printed.says(_UNKNOWN_JOB):
        return SourceError(f"SLURM has forgotten job {job_id}: it keeps an ended job for some minutes only")
    return SourceError(printed.complaint)


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
