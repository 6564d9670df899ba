"""Look up a job's script and output files, and why sbatch would reject a script.

On request, or once for each job; never at every poll. Submits nothing.
"""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.queries import OutputFiles
from dasktop.collectors.sources.slurm.commands import CommandOutput, Commands
from dasktop.collectors.sources.slurm.output_files import output_files_command, parse_output_files
from dasktop.collectors.sources.slurm.queue import is_job_id
from dasktop.collectors.sources.slurm.script_output import batch_script, script_command
from dasktop.collectors.text.clean import clean_lines

_UNKNOWN_JOB = re.compile(r"invalid job id", re.IGNORECASE)
_NO_SCRIPT = re.compile(r"job script not", re.IGNORECASE)  # 22.05: "Job script not specified"


async def read_batch_script(commands: Commands, job_id: str) -> tuple[str, ...]:
    """Return the cleaned lines of a job's script. Accepts the raw id of an array task, too.

    Raises
    ------
    SourceError
        There is none, SLURM no longer has it, it belongs to another user, or scontrol failed.
    """
    output = await commands.run(*script_command(_checked(job_id)))
    if (script := batch_script(output.stdout)) is not None:
        return clean_lines(script)
    if output.stderr_matches(_NO_SCRIPT) or (output.status == 0 and not output.errors):
        raise SourceError(f"job {job_id} has no script: it was started by srun or salloc")
    raise _failure(output, job_id)


async def read_output_files(commands: Commands, job_id: str) -> OutputFiles:
    """Return a job's output files.

    Raises
    ------
    SourceError
        SLURM no longer knows the job, or scontrol failed.
    """
    output = await commands.run(*output_files_command(_checked(job_id)))
    files = parse_output_files(output.stdout, job_id)
    if files is None:
        raise _failure(output, job_id)
    return files


def _checked(job_id: str) -> str:
    """Return the job id, checked: ids from outside must not put anything else into a command."""
    if not is_job_id(job_id):
        raise SourceError(f"'{job_id}' is not a SLURM job id")
    return job_id


def _failure(output: CommandOutput, job_id: str) -> SourceError:
    if output.stderr_matches(_UNKNOWN_JOB):
        return SourceError(
            f"SLURM no longer knows job {job_id}: it keeps ended jobs for a few minutes only (MinJobAge)"
        )
    return SourceError(output.error_message)


JOBS_PER_POLL = 4


class OutputFilesReader:
    """Reads and remembers the output files of jobs.

    Parameters
    ----------
    commands
        Runs ``scontrol``.
    """

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._known: dict[str, OutputFiles] = {}
        self._tried: set[str] = set()

    async def read(self, job_id: str) -> OutputFiles:
        """Return a job's output files; the remembered ones if SLURM no longer knows the job.

        Raises
        ------
        SourceError
            They were never known.
        """
        self._tried.add(job_id)
        try:
            self._known[job_id] = await read_output_files(self._commands, job_id)
        except SourceError:
            if job_id not in self._known:
                raise
        return self._known[job_id]

    def known(self, job_id: str) -> OutputFiles | None:
        """Return the remembered output files of this job, without a query."""
        return self._known.get(job_id)

    def forget(self, job_ids: Iterable[str]) -> None:
        """Forget the output files of these jobs."""
        for job_id in job_ids:
            self._known.pop(job_id, None)
            self._tried.discard(job_id)

    async def prefetch(self, job_ids: Iterable[str]) -> None:
        """Read the output files of a few of these jobs, each once; errors are raised at a later `read`."""
        due = sorted(set(job_ids) - self._tried, key=int)
        for job_id in due[:JOBS_PER_POLL]:
            with contextlib.suppress(SourceError):
                await self.read(job_id)


async def sbatch_error(commands: Commands, script: str) -> str | None:
    """Return sbatch's error message if it would reject a script; ``None`` if it would accept it.

    Raises
    ------
    SourceError
        sbatch cannot be run here, or does not answer.
    """
    with tempfile.TemporaryDirectory(prefix="dasktop-") as folder:
        file = Path(folder) / "job.sh"
        file.touch(mode=0o600)
        file.write_text(script, encoding="utf-8", errors="replace")
        output = await commands.run("sbatch", "--test-only", os.fspath(file))
    if output.status == 0:
        return None
    return " ".join(output.errors) or output.error_message
