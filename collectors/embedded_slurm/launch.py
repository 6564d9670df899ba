"""Start one task as a real process, with its files, folder and environment.

Never waits for a process, and never ends one.
"""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from dasktop.collectors.embedded_slurm.records import Job, Request

# The task's pid is known only once it runs: the shell exports its own pid and is replaced by the task.
_WITH_TASK_PID = ("/bin/sh", "-c", 'SLURM_TASK_PID=$$; export SLURM_TASK_PID; exec "$@"', "sh")

# File descriptors: stdin, stdout, stderr.
Streams = tuple[int, int, int]


def file_name(pattern: str, job: Job, step: str = "batch", node: str = "", rank: int = 0) -> str:
    """Fill in a file name pattern (``slurm-%A_%a.out``, ``%3j``), as sbatch and srun do."""
    task_id = job.array_task_id
    values = {
        "%": "%",
        "A": str(job.array_job_id or job.id),
        "a": str(0xFFFFFFFE if task_id is None else task_id),
        "j": str(job.id),
        "J": str(job.id) if step == "batch" else f"{job.id}.{step}",
        "N": node,
        "n": "0",
        "s": step,
        "t": str(rank),
        "u": job.request.user,
        "x": job.request.name,
    }
    return re.sub(
        r"%(\d*)([%AajJNnstux])",
        lambda match: values[match[2]].zfill(min(int(match[1] or 0), 10)),
        pattern,
    )


def output_paths(job: Job, node: str) -> tuple[str, str]:
    """Return where a batch job's stdout and stderr go."""
    request = job.request
    usual = "slurm-%A_%a.out" if job.array_job_id is not None else "slurm-%j.out"
    output = str(Path(request.work_dir, file_name(request.output or usual, job, node=node)))
    error = output if request.error is None else str(Path(request.work_dir, file_name(request.error, job, node=node)))
    return output, error


def start_batch(job: Job, node: str, environment: Mapping[str, str], script: Path) -> int:
    """Write and start a job's batch script; return the pid.

    Raises
    ------
    OSError
        A file cannot be written, or the script cannot be started.
    """
    request = job.request
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(request.script or "", encoding="utf-8", errors="surrogateescape")
    script.chmod(0o700)
    output, error = output_paths(job, node)
    with ExitStack() as opened:
        # If both names are the same file, it is opened once; two descriptors would overwrite each other's text.
        stdin = _open(opened, request, file_name(request.input or os.devnull, job, node=node), os.O_RDONLY)
        stdout = _open(opened, request, output)
        stderr = stdout if error == output else _open(opened, request, error)
        return start((str(script), *request.arguments), environment, request.work_dir, (stdin, stdout, stderr))


def _open(opened: ExitStack, request: Request, name: str, flags: int | None = None) -> int:
    if flags is None:
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if request.append_output else os.O_TRUNC)
    descriptor = os.open(Path(request.work_dir, name), flags, 0o644)
    opened.callback(os.close, descriptor)
    return descriptor


def start(arguments: Sequence[str], environment: Mapping[str, str], work_dir: str, streams: Streams) -> int:
    """Start a process in a session of its own; return its pid. It must be reaped by pid.

    Raises
    ------
    OSError
        The process cannot be started.
    """
    stdin, stdout, stderr = streams
    process = subprocess.Popen(
        (*_WITH_TASK_PID, *arguments),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        cwd=work_dir if Path(work_dir).is_dir() else "/tmp",  # noqa: S108 - as slurmd does
        env=dict(environment),
        start_new_session=True,
    )
    # The controller waits for all its children in one place; this object must not wait for its own.
    process.returncode = 0
    return process.pid


def append_message(path: str, text: str) -> None:
    """Append a line from SLURM itself to a job's stderr file.

    A removed file is not created again, and a pipe without a reader does not block.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
    except OSError:
        return
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"slurmstepd: error: {text}\n")
