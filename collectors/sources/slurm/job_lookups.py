"""Asks ``scontrol`` for what a user wants to see of one job: its script, where its output goes. Remembers nothing."""

import re

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
