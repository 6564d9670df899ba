"""The fields of squeue for jobs and steps, by letter (``-o %i``) and by name (``-O JobID``). Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from dasktop.collectors.embedded_slurm import units
from dasktop.collectors.embedded_slurm.hostlist import compress
from dasktop.collectors.embedded_slurm.launch import output_paths
from dasktop.collectors.embedded_slurm.records import Job, Step
from dasktop.collectors.embedded_slurm.settings import Settings


@dataclass(frozen=True, slots=True)
class View:
    """One row: a job, or one of its steps, at one moment."""

    job: Job
    settings: Settings
    now: float
    time_format: str | None
    step: Step | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One column: its header, and the function that returns its text."""

    header: str
    text: Callable[[View], str]


def time_limit_seconds(job: Job) -> int | None:
    """Return the nominal limit, None if there is none."""
    return None if job.time_limit_minutes is None else job.time_limit_minutes * 60


def run_seconds(job: Job, now: float) -> float:
    """Return how long a job has run."""
    return 0.0 if job.started_at is None else (job.ended_at or now) - job.started_at


def tres(job: Job) -> str:
    """Return the resources that a job has, or requests: ``cpu=4,mem=4000M,node=1,billing=4``."""
    needs = job.request.needs
    nodes = len(job.nodes) or needs.least_nodes
    if job.allocation:
        memory = sum(share.memory_mb for share in job.allocation.values())
        gpus = sum(share.gpus for share in job.allocation.values())
    else:
        per_node = needs.memory_per_node_mb
        memory = job.cpus * (needs.memory_per_cpu_mb or 0) if per_node is None else per_node * nodes
        gpus = needs.gpus_per_node * nodes
    text = f"cpu={job.cpus},mem={units.size(memory)},node={nodes},billing={job.cpus}"
    return f"{text},gres/gpu={gpus}" if gpus else text


def memory(job: Job) -> str:
    """Return the requested memory per node or per CPU (22.05 writes both in the same way)."""
    needs = job.request.needs
    return units.size(needs.memory_per_node_mb or needs.memory_per_cpu_mb or 0)


def long_state(job: Job) -> str:
    """Return the state as squeue and scontrol show it."""
    return "COMPLETING" if job.completing else job.state.name


def _time(view: View, moment: float | None) -> str:
    return units.timestamp(moment, view.time_format, "N/A")


def start(job: Job) -> float | None:
    """Return when a job started, or is expected to."""
    return job.started_at if job.started_at is not None else job.expected_start_at


def end(job: Job, settings: Settings) -> float | None:
    """Return when a job ended, must end, or must end if it starts as expected."""
    if job.ended_at is not None:
        return job.ended_at
    if job.ends_at is not None:
        return job.ends_at
    if job.expected_start_at is not None and job.time_limit_minutes is not None:
        return job.expected_start_at + job.time_limit_minutes * settings.minute_seconds
    return None


def _left(view: View) -> str:
    job = view.job
    if job.time_limit_minutes is None:
        return units.UNLIMITED
    if job.started_at is None:
        return units.duration(time_limit_seconds(job))
    return units.duration((end(job, view.settings) or view.now) - view.now)


def _reason_or_nodes(view: View) -> str:
    return compress(view.job.nodes) if view.job.nodes else f"({view.job.reason})"


def _gres(view: View) -> str:
    gpus = view.job.request.needs.gpus_per_node
    return f"gres:gpu:{gpus}" if gpus else "N/A"


def _output(view: View, which: int) -> str:
    if view.job.request.script is None:
        return ""
    return output_paths(view.job, view.job.nodes[0] if view.job.nodes else "")[which]


JOB_FIELDS: dict[str, Field] = {
    "account": Field("ACCOUNT", lambda view: view.job.request.account),
    "arrayjobid": Field("ARRAY_JOB_ID", lambda view: str(view.job.array_job_id or view.job.id)),
    "arraytaskid": Field("ARRAY_TASK_ID", lambda view: view.job.shown_task_id),
    "batchhost": Field("EXEC_HOST", lambda view: view.job.nodes[0] if view.job.nodes else "n/a"),
    "command": Field("COMMAND", lambda view: view.job.request.command),
    "comment": Field("COMMENT", lambda view: view.job.request.comment or "(null)"),
    "dependency": Field("DEPENDENCY", lambda _: "(null)"),
    "endtime": Field("END_TIME", lambda view: _time(view, end(view.job, view.settings))),
    "excnodes": Field("EXC_NODES", lambda _: ""),
    "exit_code": Field("EXIT_CODE", lambda view: str(view.job.exit_code)),
    "feature": Field("FEATURES", lambda _: "(null)"),
    "jobarrayid": Field("JOBID", lambda view: view.job.command_id),
    "jobid": Field("JOBID", lambda view: str(view.job.id)),
    "licenses": Field("LICENSES", lambda _: "(null)"),
    "mincpus": Field("MIN_CPUS", lambda view: str(view.job.request.needs.cpus_per_task or 1)),
    "minmemory": Field("MIN_MEMORY", lambda view: memory(view.job)),
    "name": Field("NAME", lambda view: view.job.request.name),
    "nice": Field("NICE", lambda _: "0"),
    "nodelist": Field("NODELIST", lambda view: compress(view.job.nodes)),
    "numcpus": Field("CPUS", lambda view: str(view.job.cpus)),
    "numnodes": Field("NODES", lambda view: str(len(view.job.nodes) or view.job.request.needs.least_nodes)),
    "numtasks": Field("TASKS", lambda view: str(view.job.request.needs.tasks)),
    "oversubscribe": Field("OVER_SUBSCRIBE", lambda _: "OK"),
    "partition": Field("PARTITION", lambda view: view.job.request.partition),
    "prioritylong": Field("PRIORITY", lambda view: str(priority(view.job))),
    "qos": Field("QOS", lambda view: view.job.request.qos),
    "reason": Field("REASON", lambda view: view.job.reason),
    "reasonlist": Field("NODELIST(REASON)", _reason_or_nodes),
    "reqnodes": Field("REQ_NODES", lambda view: compress(view.job.request.needs.required_nodes)),
    "reservation": Field("RESERVATION", lambda _: "(null)"),
    "schednodes": Field("SCHEDNODES", lambda _: "(null)"),
    "starttime": Field("START_TIME", lambda view: _time(view, start(view.job))),
    "state": Field("STATE", lambda view: long_state(view.job)),
    "statecompact": Field("ST", lambda view: "CG" if view.job.completing else view.job.state.value),
    "stderr": Field("STDERR", lambda view: _output(view, 1)),
    "stdout": Field("STDOUT", lambda view: _output(view, 0)),
    "submittime": Field("SUBMIT_TIME", lambda view: _time(view, view.job.submitted_at)),
    "timeleft": Field("TIME_LEFT", _left),
    "timelimit": Field("TIME_LIMIT", lambda view: units.duration(time_limit_seconds(view.job))),
    "timeused": Field("TIME", lambda view: units.duration(run_seconds(view.job, view.now))),
    "tres-alloc": Field("TRES_ALLOC", lambda view: tres(view.job)),
    "tres-per-node": Field("TRES_PER_NODE", _gres),
    "userid": Field("UID", lambda view: str(view.job.request.uid)),
    "username": Field("USER", lambda view: view.job.request.user),
    "workdir": Field("WORK_DIR", lambda view: view.job.request.work_dir),
}

JOB_LETTERS = {
    "A": "jobid", "B": "batchhost", "C": "numcpus", "D": "numnodes", "E": "dependency", "F": "arrayjobid",
    "K": "arraytaskid", "L": "timeleft", "M": "timeused", "N": "nodelist", "P": "partition", "Q": "prioritylong",
    "R": "reasonlist", "S": "starttime", "T": "state", "U": "userid", "V": "submittime", "W": "licenses",
    "Y": "schednodes", "Z": "workdir",
    "a": "account", "b": "tres-per-node", "c": "mincpus", "e": "endtime", "f": "feature", "h": "oversubscribe",
    "i": "jobarrayid", "j": "name", "k": "comment", "l": "timelimit", "m": "minmemory", "n": "reqnodes",
    "o": "command", "q": "qos", "r": "reason", "t": "statecompact", "u": "username", "v": "reservation",
    "x": "excnodes", "y": "nice",
}  # fmt: skip


def priority(job: Job) -> int:
    """Return the priority as SLURM's plugin priority/basic assigns it; 0 while held."""
    return 0 if job.held else 2**32 - 65536 - (job.array_job_id or job.id)


def _step(view: View) -> Step:
    if view.step is None:
        raise ValueError("a field of a step was requested for a job")
    return view.step


STEP_LETTERS: dict[str, Field] = {
    "A": Field("TASKS", lambda view: str(len(_step(view).tasks))),
    "M": Field("TIME", lambda view: units.duration(view.now - _step(view).started_at)),
    "N": Field("NODELIST", lambda view: compress(_step(view).nodes)),
    "P": JOB_FIELDS["partition"],
    "S": Field("START_TIME", lambda view: _time(view, _step(view).started_at)),
    "U": JOB_FIELDS["userid"],
    "b": Field("TRES_PER_NODE", lambda _: "(null)"),
    "i": Field("STEPID", lambda view: f"{view.job.command_id}.{_step(view).id}"),
    "j": Field("NAME", lambda view: _step(view).name),
    "l": Field("TIME_LIMIT", lambda _: units.UNLIMITED),
    "u": JOB_FIELDS["username"],
}
