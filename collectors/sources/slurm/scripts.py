"""What a job's batch script says of dask: where its scheduler is, which workers it starts, and how many. Pure.

What isn't said plainly is unknown, never guessed: a script whose scheduler only running it tells is one of an unknown
scheduler.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dasktop.collectors.model.readings import JobScript, QueuedJob
from dasktop.collectors.sources.slurm.output_files import parse_work_dir
from dasktop.collectors.sources.slurm.script_text import directives, values
from dasktop.collectors.sources.slurm.script_workers import JobEnvironment, Scheduler, WorkerCommand, dask_commands
from dasktop.collectors.sources.slurm.shell_state import absolute_path
from dasktop.collectors.sources.slurm.values import whole_number
from dasktop.collectors.text.clean import clean, clean_or_none

MAX_FOUND = 64

_OF_EACH_JOB = re.compile(r"SLURM_(JOB_?ID|ARRAY_TASK_ID|JOB_NAME)", re.ASCII)
_TASKS = re.compile(r"^   NumNodes=([0-9]+)(?:-([0-9]+))? .*\bNumTasks=([0-9]+)\b", re.MULTILINE | re.ASCII)
_TASKS_PER_NODE = re.compile(r"\bNtasksPerN:B:S:C=([0-9]+):|\b(NtasksPerTRES)\b", re.ASCII)
_MENTIONS_WORKERS = re.compile(r"\bdask[\s-]+worker\b|\bdask_worker\b|\bdask[\s-]+cuda[\s-]+worker\b")


class JobDetails(NamedTuple):
    """What ``scontrol show job`` tells of a job beside the queue."""

    folder: str | None
    """In which it begins."""
    tasks: int | None
    """That ``srun`` starts, unless told otherwise: sbatch's command line goes before ``#SBATCH``."""


def script_command(job_id: str) -> tuple[str, ...]:
    """Return what to run to have a job's script printed. It ends with status 0 even if there is none (22.05)."""
    return ("scontrol", "write", "batch_script", job_id, "-")


def batch_script(text: str) -> str | None:
    """Return the script in scontrol's answer, without what a site prints before it; ``None`` if it is empty.

    sbatch takes no script whose first line doesn't begin with ``#!``.
    """
    found = re.search(r"^#!", text, re.MULTILINE)
    return text[found.start() :] if found else text if text.strip() else None


def parse_script(job_id: str, text: str, facts: JobEnvironment | None = None) -> JobScript | None:
    """Return what a script says of dask; ``None`` if it starts no worker and names no scheduler beside "dask"."""
    if "dask" not in text.lower():
        return None
    started = dask_commands(text, facts or JobEnvironment())
    if not started.is_understood:
        # Nothing in it is sure then. Where it speaks of workers, it is told as one of an unknown scheduler.
        if _MENTIONS_WORKERS.search(text) is None:
            return None
        return JobScript(job_id=job_id, starts_workers=True, has_unknown_scheduler=True)
    own = [worker.scheduler for worker in started.workers] + started.schedulers
    addresses, files = _named(own)
    other_addresses, other_files = _named(started.mentioned)
    script = JobScript(
        job_id=job_id,
        scheduler_addresses=addresses,
        scheduler_files=files,
        other_addresses=tuple(address for address in other_addresses if address not in addresses),
        other_files=tuple(file for file in other_files if file not in files),
        worker_names=_first_of_each(name for worker in started.workers for name in worker.known("--name")),
        workers_expected=started.count or None,
        starts_workers=bool(started.workers),
        has_unknown_scheduler=any(worker.scheduler == Scheduler() for worker in started.workers),
        tls_ca_file=_file_of_all(started.workers, "--tls-ca-file"),
        tls_cert=_file_of_all(started.workers, "--tls-cert"),
        tls_key=_file_of_all(started.workers, "--tls-key"),
    )
    return None if script == JobScript(job_id=job_id) else script


def job_environment(job: QueuedJob, home: str | None, text: str, shown: JobDetails | None = None) -> JobEnvironment:
    """Return what is known of the environment that SLURM gives a job.

    Parameters
    ----------
    job
        As the queue tells of it.
    home
        The home folder of its user, if it is known.
    text
        Its script: ``#SBATCH --chdir`` lets a job begin elsewhere than where it was submitted.
    shown
        What ``scontrol show job`` adds.
    """
    folder = shown.folder if shown else None
    tasks = str(shown.tasks) if shown and shown.tasks else None
    begins_elsewhere = bool(values(directives(text), "--chdir", "-D", "--workdir"))
    known = {
        "USER": job.user,
        "LOGNAME": job.user,
        "HOME": home,
        "SLURM_JOB_ID": job.job_id,
        "SLURM_JOBID": job.job_id,
        "SLURM_JOB_NAME": job.name,
        "SLURM_JOB_USER": job.user,
        "SLURM_JOB_PARTITION": job.partition,
        "SLURM_JOB_ACCOUNT": job.account,
        "SLURM_JOB_QOS": job.qos,
        # The rest of an array that waits has no number yet.
        "SLURM_ARRAY_JOB_ID": job.array_job_id,
        "SLURM_ARRAY_TASK_ID": job.array_task_id if (job.array_task_id or "").isdecimal() else None,
        "SLURM_SUBMIT_DIR": None if begins_elsewhere else folder,
        # SLURM sets them only where somebody asked for a number of tasks; then they are that number.
        "SLURM_NTASKS": tasks,
        "SLURM_NPROCS": tasks,
    }
    return JobEnvironment(
        {name: value for name, value in known.items() if value}, folder, shown.tasks if shown else None
    )


def needs_job_details(text: str, facts: JobEnvironment) -> bool:
    """Whether the script has to be read with what only ``scontrol show job`` tells: the folder, the number of tasks."""
    variables = {**facts.variables, "SLURM_SUBMIT_DIR": "/folder", "SLURM_NTASKS": "89", "SLURM_NPROCS": "89"}
    made_up = JobEnvironment(variables, "/folder", 89)
    return parse_script("0", text, facts) != parse_script("0", text, made_up)


def depends_on_array_task(text: str) -> bool:
    """Whether the script may say something else in each element of an array."""
    return _OF_EACH_JOB.search(text) is not None


def parse_job_details(text: str) -> JobDetails:
    """Read from the answer to ``scontrol show job`` in which folder a job begins, and how many tasks it has."""
    return JobDetails(parse_work_dir(text), _tasks(text))


def _tasks(text: str) -> int | None:
    """Return the job's number of tasks, unless it depends on how many nodes the job will get.

    A pending job has a range of nodes (``NumNodes=1-2``): SLURM 26.05 shows one also for ``sbatch -n 2``. NumTasks is
    then the number asked for, or what the lowest number of nodes gives: as many tasks as nodes, or so many on each.
    """
    # The last: a job's name may contain line ends and look like these lines, but it is printed before them.
    *_, found = [None, *_TASKS.finditer(text)]
    if found is None:
        return None
    fewest, most, tasks = (whole_number(number) if number else None for number in found.groups())
    if tasks is None or fewest is None:
        return None
    if most is not None and most != fewest:
        on_each = _TASKS_PER_NODE.search(text, found.end())
        if tasks <= fewest or on_each is None or on_each[1] != "0":
            return None
    return tasks or None


def _named(schedulers: Iterable[Scheduler]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the addresses and the files, each once."""
    named = list(schedulers)
    return _first_of_each(one.address for one in named), _first_of_each(one.file for one in named)


def _file_of_all(workers: Sequence[WorkerCommand], option: str) -> str | None:
    """Return the whole path of a file that all workers are given."""
    told = {absolute_path(worker.folder, files[-1]) if (files := worker.known(option)) else None for worker in workers}
    file = told.pop() if len(told) == 1 else None
    return file if file and clean(file) == file else None


def _first_of_each(texts: Iterable[str | None]) -> tuple[str, ...]:
    cleaned = dict.fromkeys(text for text in map(clean_or_none, texts) if text)
    return tuple(cleaned)[:MAX_FOUND]
