"""Find in a job's batch script the address of its dask scheduler, and the workers that it starts. Pure.

Never guesses: if the address is known only at run time, the scheduler is unknown.
"""

import re
from collections.abc import Iterable, Sequence

from dasktop.collectors.model.readings import JobScript, QueuedJob
from dasktop.collectors.sources.slurm.script_output import JobDetails
from dasktop.collectors.sources.slurm.script_text import directives, values
from dasktop.collectors.sources.slurm.script_workers import JobEnvironment, Scheduler, WorkerCommand, dask_commands
from dasktop.collectors.sources.slurm.shell_state import absolute_path
from dasktop.collectors.text.clean import clean, clean_or_none

MAX_FOUND = 64

_MENTIONS_WORKERS = re.compile(r"\bdask[\s-]+worker\b|\bdask_worker\b|\bdask[\s-]+cuda[\s-]+worker\b")


def parse_script(job_id: str, text: str, environment: JobEnvironment | None = None) -> JobScript | None:
    """Return the schedulers and workers in a script; ``None`` if there are none, or if "dask" is not in it."""
    if "dask" not in text.lower():
        return None
    commands = dask_commands(text, environment or JobEnvironment())
    if not commands.is_understood:
        # The script could not be interpreted. If it mentions workers, return it as a script with an unknown scheduler.
        if _MENTIONS_WORKERS.search(text) is None:
            return None
        return JobScript(job_id=job_id, starts_workers=True, has_unknown_scheduler=True)
    own = [worker.scheduler for worker in commands.workers] + commands.schedulers
    addresses, files = _named(own)
    other_addresses, other_files = _named(commands.mentioned)
    script = JobScript(
        job_id=job_id,
        scheduler_addresses=addresses,
        scheduler_files=files,
        other_addresses=tuple(address for address in other_addresses if address not in addresses),
        other_files=tuple(file for file in other_files if file not in files),
        worker_names=_unique(name for worker in commands.workers for name in worker.known("--name")),
        workers_expected=commands.count or None,
        starts_workers=bool(commands.workers),
        has_unknown_scheduler=any(worker.scheduler == Scheduler() for worker in commands.workers),
        tls_ca_file=_file_of_all(commands.workers, "--tls-ca-file"),
        tls_cert=_file_of_all(commands.workers, "--tls-cert"),
        tls_key=_file_of_all(commands.workers, "--tls-key"),
    )
    return None if script == JobScript(job_id=job_id) else script


def job_environment(job: QueuedJob, home: str | None, text: str, details: JobDetails | None = None) -> JobEnvironment:
    """Return the known part of the environment that SLURM gives a job.

    Parameters
    ----------
    job
        The job, from squeue.
    home
        The home directory of its user; ``None``: unknown.
    text
        Its script: with ``#SBATCH --chdir``, the working directory is not the one that it was submitted from.
    details
        What ``scontrol show job`` reports.
    """
    folder = details.folder if details else None
    tasks = str(details.tasks) if details and details.tasks else None
    has_chdir = bool(values(directives(text), "--chdir", "-D", "--workdir"))
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
        # The pending rest of an array has no task id yet.
        "SLURM_ARRAY_JOB_ID": job.array_job_id,
        "SLURM_ARRAY_TASK_ID": job.array_task_id if (job.array_task_id or "").isdecimal() else None,
        "SLURM_SUBMIT_DIR": None if has_chdir else folder,
        # SLURM sets them only if a number of tasks was requested.
        "SLURM_NTASKS": tasks,
        "SLURM_NPROCS": tasks,
    }
    return JobEnvironment(
        {name: value for name, value in known.items() if value}, folder, details.tasks if details else None
    )


def needs_job_details(text: str, environment: JobEnvironment) -> bool:
    """Return whether the working directory or the number of tasks, from ``scontrol show job``, changes the result."""
    variables = {**environment.variables, "SLURM_SUBMIT_DIR": "/folder", "SLURM_NTASKS": "89", "SLURM_NPROCS": "89"}
    other = JobEnvironment(variables, "/folder", 89)
    return parse_script("0", text, environment) != parse_script("0", text, other)


def _named(schedulers: Iterable[Scheduler]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the addresses and the scheduler files, each once."""
    named = list(schedulers)
    return _unique(one.address for one in named), _unique(one.file for one in named)


def _file_of_all(workers: Sequence[WorkerCommand], option: str) -> str | None:
    """Return the absolute path of an option's file, if it is the same for all workers."""
    paths = {absolute_path(worker.folder, files[-1]) if (files := worker.known(option)) else None for worker in workers}
    file = paths.pop() if len(paths) == 1 else None
    return file if file and clean(file) == file else None


def _unique(texts: Iterable[str | None]) -> tuple[str, ...]:
    cleaned = dict.fromkeys(text for text in map(clean_or_none, texts) if text)
    return tuple(cleaned)[:MAX_FOUND]
