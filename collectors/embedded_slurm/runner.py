"""Running jobs: start their tasks, enforce their limits, end them, detect the end of the last process.

Does not decide which jobs run; `scheduler` and `workload` do. The variables in the environment of tasks are those of
SLURM 22.05 (output of ``env`` in a batch script and in an srun step).
"""

import os
import shutil
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import psutil

from dasktop.collectors.embedded_slurm import launch
from dasktop.collectors.embedded_slurm.hostlist import compress
from dasktop.collectors.embedded_slurm.launch import Streams
from dasktop.collectors.embedded_slurm.processes import MARK, ProcessTable, TaskKey, send, usage
from dasktop.collectors.embedded_slurm.records import Job, State, Step, Task
from dasktop.collectors.embedded_slurm.settings import Settings

# The signals that SLURM reports for a memory kill, and for a job whose files or folder could not be opened.
OUT_OF_MEMORY_SIGNAL = 125
LAUNCH_FAILED_SIGNAL = 53


@dataclass(frozen=True, slots=True)
class _Root:
    job: Job
    step: Step
    task: Task


class Runner:
    """Owns all processes of running jobs."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._table = ProcessTable(settings.token)
        self._roots: dict[int, _Root] = {}
        self._active: dict[int, Job] = {}
        self._pids: dict[TaskKey, tuple[int, ...]] = {}

    @property
    def active(self) -> list[Job]:
        """Jobs that run or are completing."""
        return list(self._active.values())

    def pids(self, job: Job, step: Step) -> dict[Task, tuple[int, ...]]:
        """Return the processes of each of a step's tasks, as of the last measurement."""
        return {task: self._pids.get(TaskKey(job.id, str(step.id), task.rank), ()) for task in step.tasks}

    # Starting

    def start_batch(self, job: Job, now: float) -> None:
        """Start a job's script on its first node; a script that cannot be started fails the job."""
        self._active[job.id] = job
        node = job.nodes[0]
        step = Step("batch", "batch", (node,), [Task(0, 0, node)], {node: job.allocation[node].cpus}, now)
        job.steps.append(step)
        try:
            task = step.tasks[0]
            environment = task_environment(self._settings, job, step, task, job.request.environment)
            task.pid = launch.start_batch(job, node, environment, self._script(job))
        except OSError:
            step.state, step.signal, step.ended_at = State.CANCELLED, LAUNCH_FAILED_SIGNAL, now
            self._end(job, State.FAILED, "JobLaunchFailure", now)
            job.signal = LAUNCH_FAILED_SIGNAL
            return
        self._roots[task.pid] = _Root(job, step, task)

    def _script(self, job: Job) -> Path:
        return self._folder / "jobs" / str(job.id) / "slurm_script"

    def hold_allocation(self, job: Job) -> None:
        """Add a job without a script: an srun outside a job starts its step."""
        self._active[job.id] = job

    def start_step(
        self,
        job: Job,
        step: Step,
        arguments: Sequence[str],
        inherited: Mapping[str, str],
        work_dir: str,
        streams: Sequence[Streams],
    ) -> None:
        """Start all tasks of an srun step, each with its streams.

        Raises
        ------
        OSError
            A process could not be started; the tasks started before it are killed.
        """
        for task, own in zip(step.tasks, streams, strict=True):
            environment = task_environment(self._settings, job, step, task, inherited)
            try:
                task.pid = launch.start(arguments, environment, work_dir, own)
            except OSError:
                self.kill_step(job, step)
                raise
            self._roots[task.pid] = _Root(job, step, task)
        job.steps.append(step)

    # Ending

    def end(self, job: Job, state: State, reason: str, now: float, message: str = "") -> None:
        """Send SIGTERM to a running job, and SIGKILL after KillWait."""
        self._end(job, state, reason, now)
        job.kill_at = now + self._settings.kill_wait_seconds
        if message and job.request.script is not None:
            node = job.nodes[0]
            when = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(now))
            launch.append_message(
                launch.output_paths(job, node)[1], f"*** JOB {job.id} ON {node} {message.format(when)} ***"
            )
        self.send(job, (signal.SIGCONT, signal.SIGTERM))

    def _end(self, job: Job, state: State, reason: str, now: float) -> None:
        job.state, job.reason, job.completing, job.ended_at, job.kill_at = state, reason, True, now, now

    def send(self, job: Job, signals: Iterable[int], step: Step | None = None) -> None:
        """Send signals to all processes of a job, or of one of its steps."""
        found = self._find(thorough=True)
        for number in signals:
            for key, processes in found.items():
                if key.job == job.id and (step is None or key.step == str(step.id)):
                    send(processes, number)

    def kill_step(self, job: Job, step: Step) -> None:
        """Kill one step, for example when its srun has ended."""
        self.send(job, (signal.SIGKILL,), step)

    def ended(self, pid: int, status: int, cpu_seconds: float, now: float) -> None:
        """Record that one of our children ended (status as of wait(2))."""
        root = self._roots.pop(pid, None)
        if root is None:
            return
        root.task.exit_status = status
        root.task.cpu_seconds = max(root.task.cpu_seconds, cpu_seconds)
        if all(task.exit_status is not None for task in root.step.tasks):
            self._end_step(root.job, root.step, now)

    def _end_step(self, job: Job, step: Step, now: float) -> None:
        step.ended_at = now
        statuses = [task.exit_status or 0 for task in step.tasks]
        step.exit_code = max(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0 for status in statuses)
        step.signal = max(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0 for status in statuses)
        if job.state is State.OUT_OF_MEMORY:
            step.state, step.exit_code, step.signal = State.OUT_OF_MEMORY, 0, OUT_OF_MEMORY_SIGNAL
        elif step.signal:
            step.state = State.CANCELLED
        else:
            step.state = State.FAILED if step.exit_code else State.COMPLETED
        if step.id != "batch":
            job.derived_exit_code = max(job.derived_exit_code, step.exit_code)
            self.kill_step(job, step)
        if step.id == "batch" or job.request.script is None:
            job.exit_code, job.signal = step.exit_code, step.signal
            if job.state.ended:
                return
            if step.exit_code or step.signal:
                self._end(job, State.FAILED, "NonZeroExitCode", now)
            else:
                self._end(job, State.COMPLETED, "None", now)

    # Watching

    def watch(self, now: float) -> None:
        """End jobs that exceed their time limit, kill what ignored SIGTERM, and close jobs without processes."""
        for job in self.active:
            if not job.completing and job.ends_at is not None and now >= job.ends_at:
                self.end(job, State.TIMEOUT, "TimeLimit", now, "CANCELLED AT {} DUE TO TIME LIMIT")
        completing = [job for job in self.active if job.completing]
        if not completing:
            return
        found = self._find()
        ready = [job for job in completing if not self._has_processes(job, found)]
        if ready:  # processes that did not belong are checked again only at the end: that reads all environments
            found = self._find(thorough=True)
        for job in completing:
            left = _of_job(job, found)
            if left and job.kill_at is not None and now >= job.kill_at:
                send(left, signal.SIGKILL)
            elif job in ready and not left:
                job.completing, job.done_at = False, now
                del self._active[job.id]
                shutil.rmtree(self._script(job).parent, ignore_errors=True)

    def _has_processes(self, job: Job, found: Mapping[TaskKey, list[psutil.Process]]) -> bool:
        return bool(_of_job(job, found)) or any(root.job is job for root in self._roots.values())

    def measure(self, now: float) -> None:
        """Measure every task, and kill the jobs that use more memory on a node than they have there."""
        if not self._active:
            return
        found = self._find()
        self._pids = {}
        for job in self.active:
            on_node = dict.fromkeys(job.nodes, 0)
            for step in job.steps:
                for task in step.tasks:
                    on_node[task.node] += self._measure_task(TaskKey(job.id, str(step.id), task.rank), task, found)
            limits = {node: share.memory_mb * 2**20 for node, share in job.allocation.items()}
            if any(limits[node] and used > limits[node] for node, used in on_node.items()):
                self._out_of_memory(job, now)

    def _measure_task(self, key: TaskKey, task: Task, found: Mapping[TaskKey, list[psutil.Process]]) -> int:
        measured = usage(found.get(key, ()))
        self._pids[key] = measured.pids
        task.rss_bytes = measured.rss_bytes
        task.peak_rss_bytes = max(task.peak_rss_bytes, measured.rss_bytes)
        task.cpu_seconds = max(task.cpu_seconds, measured.cpu_seconds)
        return measured.rss_bytes

    def _out_of_memory(self, job: Job, now: float) -> None:
        if job.completing:
            return
        self._end(job, State.OUT_OF_MEMORY, "OutOfMemory", now)
        job.signal = OUT_OF_MEMORY_SIGNAL
        if job.request.script is not None:
            text = f"Detected 1 oom_kill event in StepId={job.id}.batch. Some of the step tasks have been OOM Killed."
            launch.append_message(launch.output_paths(job, job.nodes[0])[1], text)
        self.send(job, (signal.SIGKILL,))

    def _find(self, *, thorough: bool = False) -> dict[TaskKey, list[psutil.Process]]:
        roots = {pid: TaskKey(root.job.id, str(root.step.id), root.task.rank) for pid, root in self._roots.items()}
        return self._table.scan(roots, thorough=thorough)


def _of_job(job: Job, found: Mapping[TaskKey, list[psutil.Process]]) -> list[psutil.Process]:
    return [process for key, processes in found.items() if key.job == job.id for process in processes]


def repeated(counts: Iterable[int]) -> str:
    """Write one number per node in SLURM's short form: 2, 2, 1 becomes ``2(x2),1``."""
    runs = [(value, len(list(same))) for value, same in groupby(counts)]
    return ",".join(f"{value}(x{times})" if times > 1 else str(value) for value, times in runs)


def task_environment(
    settings: Settings, job: Job, step: Step, task: Task, inherited: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of one task: inherited variables, SLURM's variables, and `MARK`."""
    environment = dict(inherited)
    environment.update(_job_variables(settings, job))
    if step.id == "batch":
        environment.update(ENVIRONMENT="BATCH", SLURM_GET_USER_ENV="1")
    else:
        environment.update(_step_variables(step))
    environment.update(_place_variables(job, step, task))
    environment[MARK] = TaskKey(job.id, str(step.id), task.rank).mark(settings.token)
    return environment


def _job_variables(settings: Settings, job: Job) -> dict[str, str]:
    request, needs = job.request, job.request.needs
    nodes = compress(job.nodes)
    variables = {
        "SLURM_CLUSTER_NAME": settings.cluster,
        "SLURM_JOB_ACCOUNT": request.account,
        "SLURM_JOB_CPUS_PER_NODE": repeated(share.cpus for share in job.allocation.values()),
        "SLURM_JOB_ID": str(job.id),
        "SLURM_JOBID": str(job.id),
        "SLURM_JOB_NAME": request.name,
        "SLURM_JOB_NODELIST": nodes,
        "SLURM_JOB_NUM_NODES": str(len(job.nodes)),
        "SLURM_JOB_PARTITION": request.partition,
        "SLURM_JOB_QOS": request.qos,
        "SLURM_JOB_UID": str(request.uid),
        "SLURM_JOB_USER": request.user,
        "SLURM_NNODES": str(len(job.nodes)),
        "SLURM_NODELIST": nodes,
        "SLURM_SUBMIT_DIR": request.work_dir,
        "SLURM_TASKS_PER_NODE": repeated(job.tasks_by_node.values()),
    }
    if needs.tasks_asked:
        variables["SLURM_NTASKS"] = variables["SLURM_NPROCS"] = str(needs.tasks)
    if needs.cpus_per_task is not None:
        variables["SLURM_CPUS_PER_TASK"] = str(needs.cpus_per_task)
    if needs.tasks_per_node is not None:
        variables["SLURM_NTASKS_PER_NODE"] = str(needs.tasks_per_node)
    if needs.memory_per_node_mb is not None:
        variables["SLURM_MEM_PER_NODE"] = str(needs.memory_per_node_mb)
    elif needs.memory_per_cpu_mb is not None:
        variables["SLURM_MEM_PER_CPU"] = str(needs.memory_per_cpu_mb)
    if needs.gpus_per_node:
        variables["SLURM_GPUS_ON_NODE"] = str(needs.gpus_per_node)
    if job.ends_at is not None and job.started_at is not None:
        variables["SLURM_JOB_START_TIME"] = str(int(job.started_at))
        variables["SLURM_JOB_END_TIME"] = str(int(job.ends_at))
    if job.array_job_id is not None:
        variables.update(_array_variables(job))
    return variables


def _array_variables(job: Job) -> dict[str, str]:
    indexes = job.request.array
    step = indexes[1] - indexes[0] if len(indexes) > 1 else 1
    return {
        "SLURM_ARRAY_JOB_ID": str(job.array_job_id),
        "SLURM_ARRAY_TASK_ID": str(job.array_task_id),
        "SLURM_ARRAY_TASK_COUNT": str(len(indexes)),
        "SLURM_ARRAY_TASK_MIN": str(indexes[0]),
        "SLURM_ARRAY_TASK_MAX": str(indexes[-1]),
        "SLURM_ARRAY_TASK_STEP": str(step),
    }


def _step_variables(step: Step) -> dict[str, str]:
    tasks = str(len(step.tasks))
    on_each = repeated(sum(task.node == node for task in step.tasks) for node in step.nodes)
    return {
        "SLURM_NTASKS": tasks,
        "SLURM_NPROCS": tasks,
        "SLURM_STEPID": str(step.id),
        "SLURM_STEP_ID": str(step.id),
        "SLURM_STEP_NODELIST": compress(step.nodes),
        "SLURM_STEP_NUM_NODES": str(len(step.nodes)),
        "SLURM_STEP_NUM_TASKS": tasks,
        "SLURM_STEP_TASKS_PER_NODE": on_each,
        "SLURM_TASKS_PER_NODE": on_each,
    }


def _place_variables(job: Job, step: Step, task: Task) -> Mapping[str, str]:
    neighbours = (other.rank for other in step.tasks if other.node == task.node)
    return {
        "SLURMD_NODENAME": task.node,
        "SLURM_CPUS_ON_NODE": str(job.allocation[task.node].cpus),
        "SLURM_GTIDS": ",".join(str(rank) for rank in neighbours),
        "SLURM_LOCALID": str(task.local_rank),
        "SLURM_NODEID": str(step.nodes.index(task.node)),
        "SLURM_PROCID": str(task.rank),
    }
