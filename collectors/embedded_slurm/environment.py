"""The variables that SLURM sets in the processes that it starts.

Pure. Names and formats are those of SLURM 22.05 (output of ``env`` in a batch script and in an srun step).
"""

from collections.abc import Iterable, Mapping
from itertools import groupby

from dasktop.collectors.embedded_slurm.hostlist import compress
from dasktop.collectors.embedded_slurm.processes import MARK, TaskKey
from dasktop.collectors.embedded_slurm.records import Job, Step, Task
from dasktop.collectors.embedded_slurm.settings import Settings


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
