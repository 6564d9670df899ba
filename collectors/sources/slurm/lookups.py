"""Look up a job's script and output files, a partition's free nodes, and why sbatch would reject a script.

On request, or once for each job; never at every poll. Submits nothing.
"""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.queries import FreeNode, OutputFiles
from dasktop.collectors.sources.slurm.commands import CommandOutput, Commands
from dasktop.collectors.sources.slurm.output_files import output_files_command, parse_output_files
from dasktop.collectors.sources.slurm.queue import is_job_id
from dasktop.collectors.sources.slurm.scripts import batch_script, script_command
from dasktop.collectors.sources.slurm.values import whole_number
from dasktop.collectors.text.clean import clean_lines, clean_or_none

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

    async def prefetch(self, job_ids: Iterable[str]) -> None:
        """Read the output files of a few of these jobs, each once; errors are raised at a later `read`."""
        due = sorted(set(job_ids) - self._tried, key=int)
        for job_id in due[:JOBS_PER_POLL]:
            with contextlib.suppress(SourceError):
                await self.read(job_id)


# ``-O`` truncates at a field's width. With ``-N`` NodeList is one name; NodeHost may be equal for several nodes.
_WIDTHS = {"NodeList": 80, "StateCompact": 20, "CPUsState": 40, "Memory": 20, "AllocMem": 20, "Features": 200}
_PARTITIONS = re.compile(r"[\w.+:][\w.+:,-]*")
# Jobs can start there; ``~``: powered down, SLURM resumes it. Other marks: not responding, planned, rebooting.
_USABLE = re.compile(r"(?:idle|mix)~?")
_CPUS = re.compile(r"[0-9]+/([0-9]+)/[0-9]+/[0-9]+", re.ASCII)
_MIB = 1 << 20


def free_nodes_command(partition: str) -> tuple[str, ...]:
    """Return the command."""
    form = ",".join(f"{name}:{width}" for name, width in _WIDTHS.items())
    return ("sinfo", "-h", "-N", f"--partition={partition}", "-O", form)


def parse_free_nodes(text: str) -> tuple[FreeNode, ...]:
    """Parse sinfo's output: nodes with free CPUs on which jobs can start, each once. Other lines are skipped."""
    found: dict[str, FreeNode] = {}
    for line in text.split("\n"):
        row, start = {}, 0
        for field, width in _WIDTHS.items():
            row[field] = line[start : start + width].strip()
            start += width
        name, cpus = clean_or_none(row["NodeList"]), _CPUS.fullmatch(row["CPUsState"])
        if name is None or cpus is None or not _USABLE.fullmatch(row["StateCompact"]) or not int(cpus[1]):
            continue
        whole, allocated = whole_number(row["Memory"]), whole_number(row["AllocMem"])
        memory_bytes = None if whole is None or allocated is None else max(0, whole - allocated) * _MIB
        features = clean_or_none(row["Features"].replace("(null)", ""))
        found[name] = FreeNode(name=name, cpus=int(cpus[1]), memory_bytes=memory_bytes, features=features)
    return tuple(found.values())


async def read_free_nodes(commands: Commands, partition: str) -> tuple[FreeNode, ...]:
    """Return the nodes of a partition, or of several, that have free CPUs.

    Raises
    ------
    SourceError
        sinfo failed, or this is not a partition name.
    """
    if not _PARTITIONS.fullmatch(partition):
        raise SourceError(f"'{partition}' is not a SLURM partition name")
    return parse_free_nodes((await commands.run(*free_nodes_command(partition))).checked())


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
