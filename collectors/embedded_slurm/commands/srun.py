"""srun: start tasks in a job, or in a new job for them.

Unlike the other commands it runs as long as its tasks, which use its three streams.
"""

import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol

from dasktop.collectors.embedded_slurm import scheduler
from dasktop.collectors.embedded_slurm.commands.call import VERSION_REPLY, Call, Reply
from dasktop.collectors.embedded_slurm.hostlist import write_indexes
from dasktop.collectors.embedded_slurm.launch import Streams, file_name
from dasktop.collectors.embedded_slurm.options import ParsedOptions, Refused, table
from dasktop.collectors.embedded_slurm.records import Job, Needs, Request, Resources, State, Step, Task
from dasktop.collectors.embedded_slurm.submission import COMMON_OPTIONS, build, count, inherited, nodes_and_tasks

_OPTIONS = (
    *COMMON_OPTIONS,
    *table("""
       --exact
       --jobid=ID
       --kill-on-bad-exit[=FLAG]
       --mpi=TYPE
       --overlap
    -u --unbuffered
"""),
)
_NOT_FOUND = ("/bin/sh", "-c", 'echo "slurmstepd: error: execve(): $1: No such file or directory" >&2; exit 2', "sh")


class Terminal(Protocol):
    """What srun needs from its caller while it runs."""

    @property
    def streams(self) -> Streams:
        """The caller's stdin, stdout and stderr."""

    async def write_line(self, text: str) -> None:
        """Write a line to the caller's stderr."""

    async def changed(self) -> float:
        """Wait until something happened, and return the time (epoch seconds).

        Raises
        ------
        ConnectionError
            The caller has ended.
        """


async def srun(call: Call, terminal: Terminal) -> Reply:
    """Answer one srun: its status is the highest exit status of its tasks."""
    given = call.read(_OPTIONS, permute=False)
    if "version" in given:
        return VERSION_REPLY
    if not given.rest:
        raise Refused("No command given to execute.")
    async with _allocation(call, given, terminal) as job:
        step = await _open_step(call, given, terminal, job)
        try:
            while step.ended_at is None:
                await terminal.changed()
        finally:
            if step.ended_at is None:
                call.workload.runner.kill_step(job, step)
        return _outcome(step)


@asynccontextmanager
async def _allocation(call: Call, given: ParsedOptions, terminal: Terminal) -> AsyncIterator[Job]:
    """Find the job that srun runs in; or submit one, wait for it, and cancel it when srun ends."""
    workload = call.workload
    inside = given.get("jobid") or call.environment.get("SLURM_JOB_ID")
    if inside is not None:
        job = workload.jobs.get(int(inside)) if inside.isdigit() else None
        if job is None or job.state is not State.RUNNING:
            raise Refused(f"Unable to confirm allocation for job {inside}: Invalid job id specified")
        yield job
        return
    job = workload.submit(_request(call, given), call.now)
    try:
        workload.advance(call.now)
        if job.state is State.PENDING:
            await terminal.write_line(f"srun: job {job.id} queued and waiting for resources")
            while job.state is State.PENDING:
                await terminal.changed()
            await terminal.write_line(f"srun: job {job.id} has been allocated resources")
        if job.state is not State.RUNNING:
            raise Refused(f"Job allocation {job.id} has been revoked")
        yield job
    finally:
        if not job.state.ended:
            workload.cancel(job, call.uid, call.now)


def _request(call: Call, given: ParsedOptions) -> Request:
    return build(
        call.workload.settings,
        given,
        call.environment,
        call.work_dir,
        user=call.user,
        uid=call.uid,
        name=Path(given.rest[0]).name,
        command=given.rest[0],
        script=None,
    )


def _needs(given: ParsedOptions, job: Job) -> Needs:
    """Return what a step needs; values that srun does not set come from the job."""
    own = job.request.needs
    nodes, tasks, asked = nodes_and_tasks(given)
    if not asked and (nodes is None or own.tasks_asked):
        tasks = own.tasks
    return Needs(
        tasks=tasks,
        nodes=min(nodes or len(job.nodes), tasks),
        tasks_per_node=count(given, "ntasks-per-node"),
        # From 22.05 on, steps do not inherit --cpus-per-task from the batch job.
        cpus_per_task=count(given, "cpus-per-task"),
    )


async def _open_step(call: Call, given: ParsedOptions, terminal: Terminal, job: Job) -> Step:
    """Wait until the job has CPUs for the step, and start its tasks."""
    needs = _needs(given, job)
    whole = {name: Resources(share.cpus, 0) for name, share in job.allocation.items()}
    if scheduler.place(needs, whole) is None:
        raise Refused(f"Unable to create step for job {job.id}: More processors requested than permitted")
    overlaps, now, waited = "overlap" in given, call.now, False
    while (placement := scheduler.place(needs, whole if overlaps else _unused(job, whole))) is None:
        if not waited:
            await terminal.write_line(
                f"srun: Job {job.id} step creation temporarily disabled, retrying (Requested nodes are busy)"
            )
        waited = True
        now = await terminal.changed()
        if job.state is not State.RUNNING:
            raise Refused(f"Unable to create step for job {job.id}: Job/step already completing or completed")
    if waited:
        await terminal.write_line(f"srun: Step created for job {job.id}")
    # Without --exact, a step uses all of the job's CPUs on its nodes.
    shares = placement.shares if "exact" in given else whole
    step = Step(
        id=sum(step.id != "batch" for step in job.steps),
        name=given.get("job-name") or Path(given.rest[0]).name,
        nodes=tuple(placement.tasks),
        tasks=_tasks(placement),
        cpus_by_node={name: shares[name].cpus for name in placement.tasks},
        started_at=now,
        overlaps=overlaps,
    )
    work_dir = os.path.join(call.work_dir, given.get("chdir") or "")  # noqa: PTH118 - pure text
    environment = inherited(given.get("export"), call.environment)
    arguments = _runnable(given.rest, work_dir, environment.get("PATH"))
    with _streams(terminal.streams, given, job, step, work_dir) as streams:
        call.workload.runner.start_step(job, step, arguments, environment, work_dir, streams)
    return step


def _runnable(arguments: Sequence[str], work_dir: str, path: str | None) -> Sequence[str]:
    """Return the command, or one that fails as slurmstepd does if there is no such command."""
    program = arguments[0]
    found = shutil.which(Path(work_dir, program) if "/" in program else program, path=path)
    return (*_NOT_FOUND, program) if found is None else arguments


def _unused(job: Job, whole: dict[str, Resources]) -> dict[str, Resources]:
    free = dict(whole)
    for step in job.steps:
        if step.id != "batch" and step.ended_at is None and not step.overlaps:
            for name, cpus in step.cpus_by_node.items():
                free[name] -= Resources(cpus, 0)
    return free


def _tasks(placement: scheduler.Placement) -> list[Task]:
    places = [(node, local_rank) for node, tasks in placement.tasks.items() for local_rank in range(tasks)]
    return [Task(rank, local_rank, node) for rank, (node, local_rank) in enumerate(places)]


@contextmanager
def _streams(own: Streams, given: ParsedOptions, job: Job, step: Step, work_dir: str) -> Iterator[Sequence[Streams]]:
    """Open the files of ``-i``, ``-o`` and ``-e`` for each task; a stream without one is srun's own."""
    opened: dict[str, int] = {}

    def stream(option: str, task: Task, usual: int, flags: int) -> int:
        pattern = given.get(option)
        if pattern is None:
            return usual
        path = str(Path(work_dir, file_name(pattern, job, str(step.id), task.node, task.rank)))
        if path not in opened:
            opened[path] = os.open(path, flags, 0o644)
        return opened[path]

    write = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if given.get("open-mode") == "append" else os.O_TRUNC)
    try:
        streams = []
        for task in step.tasks:
            stdout = stream("output", task, own[1], write)
            stderr = stream("error", task, stdout if "output" in given else own[2], write)
            streams.append((stream("input", task, own[0], os.O_RDONLY), stdout, stderr))
        yield streams
    except OSError as error:
        raise Refused(f"Could not open {error.filename}: {error.strerror}") from None
    finally:
        for descriptor in opened.values():
            os.close(descriptor)


def _outcome(step: Step) -> Reply:
    """Report failures as srun does: a line for each node and each kind of end."""
    worst = 0
    ways: dict[tuple[str, str], list[int]] = {}
    for task in step.tasks:
        status = task.exit_status or 0
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            worst = max(worst, 128 + number)
            ways.setdefault((task.node, signal.strsignal(number) or str(number)), []).append(task.rank)
        elif code := os.WEXITSTATUS(status):
            worst = max(worst, code)
            ways.setdefault((task.node, f"Exited with exit code {code}"), []).append(task.rank)
    text = "".join(
        f"srun: error: {node}: task{'s' if len(ranks) > 1 else ''} {write_indexes(ranks)}: {how}\n"
        for (node, how), ranks in ways.items()
    )
    return Reply(err=text, status=worst)
