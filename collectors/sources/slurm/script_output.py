"""Read what scontrol prints of a job's batch script: its text, and what SLURM knows of its environment. Pure."""

import re
from typing import NamedTuple

from dasktop.collectors.sources.slurm.output_files import parse_work_dir
from dasktop.collectors.sources.slurm.values import whole_number

_DIFFERS_BY_TASK = re.compile(r"SLURM_(JOB_?ID|ARRAY_TASK_ID|JOB_NAME)", re.ASCII)
_TASKS = re.compile(r"^   NumNodes=([0-9]+)(?:-([0-9]+))? .*\bNumTasks=([0-9]+)\b", re.MULTILINE | re.ASCII)
_TASKS_PER_NODE = re.compile(r"\bNtasksPerN:B:S:C=([0-9]+):|\b(NtasksPerTRES)\b", re.ASCII)


class JobDetails(NamedTuple):
    """What ``scontrol show job`` reports and squeue does not."""

    folder: str | None
    """The working directory."""
    tasks: int | None
    """The number of tasks that ``srun`` starts by default; sbatch's command line overrides ``#SBATCH`` lines."""


def script_command(job_id: str) -> tuple[str, ...]:
    """Return the command that prints a job's script. Its exit status is 0 even if there is none (22.05)."""
    return ("scontrol", "write", "batch_script", job_id, "-")


def batch_script(text: str) -> str | None:
    """Return the script in scontrol's output, without a login message before it; ``None`` if it is empty.

    sbatch accepts only scripts whose first line begins with ``#!``.
    """
    found = re.search(r"^#!", text, re.MULTILINE)
    return text[found.start() :] if found else text if text.strip() else None


def depends_on_array_task(text: str) -> bool:
    """Return whether the result may differ between the tasks of a job array."""
    return _DIFFERS_BY_TASK.search(text) is not None


def parse_job_details(text: str) -> JobDetails:
    """Parse a job's working directory and number of tasks from the output of ``scontrol show job``."""
    return JobDetails(parse_work_dir(text), _tasks(text))


def _tasks(text: str) -> int | None:
    """Return the job's number of tasks; ``None`` if it depends on the number of nodes that the job will get.

    A pending job has a range of nodes (``NumNodes=1-2``), in SLURM 26.05 also with ``sbatch -n 2``. NumTasks is then
    the requested number, or the number for the fewest nodes: one task per node, or ``--ntasks-per-node`` tasks.
    """
    # The last match: a job name with a newline could imitate these lines, and comes first.
    *_, found = [None, *_TASKS.finditer(text)]
    if found is None:
        return None
    fewest, most, tasks = (whole_number(number) if number else None for number in found.groups())
    if tasks is None or fewest is None:
        return None
    if most is not None and most != fewest:
        per_node = _TASKS_PER_NODE.search(text, found.end())
        if tasks <= fewest or per_node is None or per_node[1] != "0":
            return None
    return tasks or None
