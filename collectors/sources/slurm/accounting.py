"""How jobs ended: what to ask ``sacct`` (or ``scontrol``, which knows for a while), and how to read it.

Pure; runs nothing. Only fields that every version since 19.05 has: one unknown field ends sacct with status 1.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from dasktop.collectors.model.readings import EndedJob, QueuedJob
from dasktop.collectors.sources.slurm.nodelist import expand
from dasktop.collectors.sources.slurm.queue import is_job_id
from dasktop.collectors.sources.slurm.values import (
    Resources,
    count,
    duration_seconds,
    fields,
    moment,
    requested_memory_bytes,
    resources,
    size_bytes,
    whole_number,
)
from dasktop.collectors.text.clean import clean_or_none, without_controls

_FIELDS = (
    "JobIDRaw",
    "JobID",
    "User",
    "Account",
    "Partition",
    "QOS",
    "State",
    "ExitCode",
    "Submit",
    "Start",
    "End",
    "Timelimit",
    "AllocCPUS",
    "NNodes",
    "ReqMem",
    "AllocTRES",
    "MaxRSS",
    "NodeList",
    "TotalCPU",
    "JobName",  # last: it may hold anything
)

_ENDED_STATES = "BF,CA,CD,DL,F,NF,OOM,PR,TO"

# slurmdbd gives a job this name when it hears of the end before the start; the rest follows within seconds (22.05).
_INCOMPLETE_NAME = "allocation"

OFF = re.compile(r"accounting storage is disabled", re.IGNORECASE)
"""What sacct complains of where there is no accounting."""

_CANCELLED_BY = re.compile(r"(\S+) by ([0-9]{1,10})")
_PAIR = re.compile(r"(?:^| )([A-Za-z]+)=(\S*)")


def accounting_command(job_ids: Iterable[str], separator: str, all_runs: bool = False) -> tuple[str, ...]:
    """Return what to run for these jobs (raw ids) and their steps; of a requeued job its last run only, or all."""
    command = (
        "sacct",
        "-n",
        "-P",
        f"--delimiter={separator}",
        "-j",
        ",".join(job_ids),
        f"--format={','.join(_FIELDS)}",
    )
    return (*command, "-D") if all_runs else command


def recently_ended_command(user: str, window_seconds: float, separator: str) -> tuple[str, ...]:
    """Return what to run for a user's jobs that have ended within so many seconds, and their steps."""
    return (
        "sacct",
        "-n",
        "-P",
        f"--delimiter={separator}",
        "-u",
        user,
        "-S",
        f"now-{int(window_seconds)}seconds",  # by sacct's own clock, and without a time zone
        "-E",
        "now",
        "-s",
        _ENDED_STATES,
        f"--format={','.join(_FIELDS)}",
    )


def parse_accounting(text: str, separator: str, only_ended: bool = False) -> tuple[EndedJob, ...]:
    """Read sacct's answer: one entry a job, in whatever state accounting has it. Rows that don't fit tell nothing.

    Of a job with several runs it is the last that counts or, with `only_ended`, the last that is over.
    A line without a separator continues the name before it; names are not unique and not trusted anyway.
    """
    jobs: dict[str, dict[str, str]] = {}
    steps: dict[str, list[dict[str, str]]] = {}
    for line in text.split("\n"):
        row = fields(_FIELDS, line, separator)
        if row is None:
            continue
        job_id, dot, _ = row["JobIDRaw"].partition(".")
        if not is_job_id(job_id):
            continue
        if dot:
            steps.setdefault(job_id, []).append(row)
        elif not only_ended or moment(row["End"]) is not None:
            jobs[job_id] = row
    return tuple(_ended(job_id, row, steps.get(job_id, [])) for job_id, row in jobs.items())


def is_incomplete(ended: EndedJob) -> bool:
    """Whether accounting may not have heard all of a job yet."""
    return ended.job.name in (None, _INCOMPLETE_NAME)


def show_job_command(job_id: str) -> tuple[str, ...]:
    """Return what to run for what slurmctld still knows of a job: it forgets ended ones after MinJobAge (300 s)."""
    return ("scontrol", "show", "job", "-o", job_id)


def parse_show_job(text: str, job_id: str) -> EndedJob | None:
    """Read this job's line of scontrol's answer (an array's id shows all its elements); ``None`` if it isn't there."""
    line = next((line for line in text.split("\n") if line.startswith(f"JobId={job_id} ")), None)
    if line is None:
        return None
    line = without_controls(line)
    # The name stands first and may pretend to be any of the fields, so what is read begins behind it.
    head, _, rest = line.rpartition(" UserId=")
    before_name = head.partition(" JobName=")[0]
    values: dict[str, str] = {}
    for key, value in _PAIR.findall(f"{before_name} UserId={rest}"):
        values.setdefault(key, value)
    nodes = expand(values.get("NodeList", ""))
    started_at = _start(values.get("StartTime", ""), nodes)
    exit_code, signal = _exit(values.get("ExitCode", "")) if started_at else (None, None)
    granted = resources(_tres(values))
    job = QueuedJob(
        job_id=job_id,
        array_job_id=clean_or_none(values.get("ArrayJobId")),
        array_task_id=clean_or_none(values.get("ArrayTaskId")),
        het_job_id=clean_or_none(values.get("HetJobId")),
        user=_told(values.get("UserId", "").partition("(")[0]),
        account=_told(values.get("Account", "")),
        partition=_told(values.get("Partition", "")),
        qos=_told(values.get("QOS", "")),
        state=clean_or_none(values.get("JobState")),
        nodes=nodes,
        submitted_at=moment(values.get("SubmitTime", "")),
        started_at=started_at,
        time_limit_seconds=duration_seconds(values.get("TimeLimit", "")),
        cpus=granted.cpus,
        memory_bytes=granted.memory_bytes,
        gpus=granted.gpus,
    )
    ended_at = moment(values.get("EndTime", ""))
    return EndedJob(job=job, exit_code=exit_code, signal=signal, ended_at=ended_at)


def _tres(values: Mapping[str, str]) -> str:
    """Return what a job was granted, else what it asks for.

    Up to 22.05 both are ``TRES``; from 23.02 on they are ``AllocTRES``, ``(null)`` while it waits, and ``ReqTRES``.
    """
    told = (values.get(name, "") for name in ("AllocTRES", "ReqTRES", "TRES"))
    return next((tres for tres in told if "=" in tres), "")


def completed_from_queue(ended: EndedJob, seen: QueuedJob | None) -> EndedJob:
    """Return `ended` with what the queue told of the job while it was there, where this source doesn't tell it.

    The name is the queue's in any case: accounting stores it altered where it isn't ASCII.
    """
    if seen is None:
        return ended
    untold = {
        name: getattr(seen, name)
        for name in QueuedJob.__struct_fields__
        if name not in ("reason", "ends_at", "expected_start_at") and getattr(ended.job, name) in (None, ())
    }
    name = seen.name or ended.job.name
    return msgspec.structs.replace(ended, job=msgspec.structs.replace(ended.job, **untold | {"name": name}))


def _ended(job_id: str, row: Mapping[str, str], steps: Iterable[Mapping[str, str]]) -> EndedJob:
    by = _CANCELLED_BY.match(row["State"])
    nodes = expand(row["NodeList"])
    started_at = _start(row["Start"], nodes)
    exit_code, signal = _exit(row["ExitCode"]) if started_at else (None, None)  # else it never ran, yet says ``0:0``
    step_rows = tuple(steps)
    max_rss = (size_bytes(step["MaxRSS"]) for step in (row, *step_rows))
    step_signals = {_exit(step["ExitCode"])[1] for step in step_rows}
    array_job_id, underscore, array_task_id = row["JobID"].partition("_")
    het_job_id, plus, _ = row["JobID"].partition("+")
    granted = resources(row["AllocTRES"]) if row["AllocTRES"] else _requested(row)
    job = QueuedJob(
        job_id=job_id,
        array_job_id=clean_or_none(array_job_id) if underscore else None,
        array_task_id=clean_or_none(array_task_id.strip("[]")) if underscore else None,
        het_job_id=clean_or_none(het_job_id) if plus else None,
        name=clean_or_none(row["JobName"]),
        user=_told(row["User"]),
        account=_told(row["Account"]),
        partition=_told(row["Partition"]),
        qos=_told(row["QOS"]),
        state=clean_or_none(by[1] if by else row["State"]),
        nodes=nodes,
        submitted_at=moment(row["Submit"]),
        started_at=started_at,
        time_limit_seconds=duration_seconds(row["Timelimit"]),
        cpus=granted.cpus,
        memory_bytes=granted.memory_bytes,
        gpus=granted.gpus,
    )
    return EndedJob(
        job=job,
        exit_code=exit_code,
        signal=signal,
        ended_at=moment(row["End"]),
        max_rss_bytes=max((size for size in max_rss if size is not None), default=None),
        cpu_seconds=duration_seconds(row["TotalCPU"]) or None,  # 0 is also what it says where nothing is gathered
        cancelled_by_uid=int(by[2]) if by else None,
        step_signals=tuple(sorted(number for number in step_signals if number is not None)),
    )


def _start(text: str, nodes: tuple[str, ...]) -> datetime | None:
    """Read when a job started. Of one that was cancelled while it waited, 22.05 may tell that moment as its start."""
    return moment(text) if nodes else None


def _requested(row: Mapping[str, str]) -> Resources:
    """Return what a job asked for that was never granted anything.

    ``ReqMem`` is the whole job's, but up to 20.11 a node's (``n``) or a CPU's (``c``).
    """
    cpus, nodes, text = count(row["AllocCPUS"]), count(row["NNodes"]), row["ReqMem"]
    memory_bytes = requested_memory_bytes(text, nodes if text.endswith("n") else 1, cpus)
    return Resources(cpus=cpus or None, memory_bytes=memory_bytes)


def _exit(text: str) -> tuple[int | None, int | None]:
    """Read ``CODE:SIGNAL``. What a signal ended has no exit code; 0 is no signal."""
    code, _, number = text.partition(":")
    exit_code, signal = whole_number(code), whole_number(number) or None
    return (None if signal and not exit_code else exit_code), signal


def _told(text: str) -> str | None:
    return None if text in ("(null)", "N/A", "None", "Unknown") else clean_or_none(text)
