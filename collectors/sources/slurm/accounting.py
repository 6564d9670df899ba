"""How jobs ended: the commands ``sacct`` and ``scontrol show job``, and parsers for their output. Pure; runs nothing.

Uses only fields that every version since 19.05 has: with one unknown field, sacct exits with status 1.
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
    "JobName",  # last: it may contain anything
)

_ENDED_STATES = "BF,CA,CD,DL,F,NF,OOM,PR,TO"

# slurmdbd gives a job this name if it receives the end before the start; the rest follows within seconds (22.05).
_INCOMPLETE_NAME = "allocation"

OFF = re.compile(r"accounting storage is disabled", re.IGNORECASE)
"""sacct's error message if the site has no accounting."""

_CANCELLED_BY = re.compile(r"(\S+) by ([0-9]{1,10})")
_PAIR = re.compile(r"(?:^| )([A-Za-z]+)=(\S*)")


def accounting_command(job_ids: Iterable[str], separator: str, all_runs: bool = False) -> tuple[str, ...]:
    """Return the command for these jobs (raw ids) and their steps: the last run of a requeued job, or all its runs."""
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
    """Return the command for a user's jobs that ended within the last `window_seconds`, and their steps."""
    return (
        "sacct",
        "-n",
        "-P",
        f"--delimiter={separator}",
        "-u",
        user,
        "-S",
        f"now-{int(window_seconds)}seconds",  # by sacct's own clock; independent of the time zone
        "-E",
        "now",
        "-s",
        _ENDED_STATES,
        f"--format={','.join(_FIELDS)}",
    )


def parse_accounting(text: str, separator: str, only_ended: bool = False) -> tuple[EndedJob, ...]:
    """Parse sacct's output: one entry per job, in any state. Other rows are skipped.

    For a job with several runs, return the last run or, with `only_ended`, the last run that has ended.
    A line without a separator continues the job name before it; it is skipped.
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
    """Return whether accounting may not have received the whole record of a job yet."""
    return ended.job.name in (None, _INCOMPLETE_NAME)


def show_job_command(job_id: str) -> tuple[str, ...]:
    """Return the command for slurmctld's record of a job, which it deletes MinJobAge (300 s) after the job's end."""
    return ("scontrol", "show", "job", "-o", job_id)


def parse_show_job(text: str, job_id: str) -> EndedJob | None:
    """Parse this job's line of scontrol's output (an array's id shows all its tasks); ``None`` if it is not there."""
    line = next((line for line in text.split("\n") if line.startswith(f"JobId={job_id} ")), None)
    if line is None:
        return None
    line = without_controls(line)
    # The name comes first and may imitate any of the fields, so only the fields after it are read.
    head, _, rest = line.rpartition(" UserId=")
    before_name = head.partition(" JobName=")[0]
    values: dict[str, str] = {}
    for key, value in _PAIR.findall(f"{before_name} UserId={rest}"):
        values.setdefault(key, value)
    nodes = expand(values.get("NodeList", ""))
    started_at = _start(values.get("StartTime", ""), nodes)
    exit_code, signal = _exit(values.get("ExitCode", "")) if started_at else (None, None)
    allocated = resources(_tres(values))
    job = QueuedJob(
        job_id=job_id,
        array_job_id=clean_or_none(values.get("ArrayJobId")),
        array_task_id=clean_or_none(values.get("ArrayTaskId")),
        het_job_id=clean_or_none(values.get("HetJobId")),
        user=_value_or_none(values.get("UserId", "").partition("(")[0]),
        account=_value_or_none(values.get("Account", "")),
        partition=_value_or_none(values.get("Partition", "")),
        qos=_value_or_none(values.get("QOS", "")),
        state=clean_or_none(values.get("JobState")),
        nodes=nodes,
        submitted_at=moment(values.get("SubmitTime", "")),
        started_at=started_at,
        time_limit_seconds=duration_seconds(values.get("TimeLimit", "")),
        cpus=allocated.cpus,
        memory_bytes=allocated.memory_bytes,
        gpus=allocated.gpus,
    )
    ended_at = moment(values.get("EndTime", ""))
    return EndedJob(job=job, exit_code=exit_code, signal=signal, ended_at=ended_at)


def _tres(values: Mapping[str, str]) -> str:
    """Return the resources that a job was allocated, or else those that it requests.

    Up to 22.05 both are ``TRES``; from 23.02 on ``AllocTRES`` (``(null)`` while the job is pending) and ``ReqTRES``.
    """
    all_tres = (values.get(name, "") for name in ("AllocTRES", "ReqTRES", "TRES"))
    return next((tres for tres in all_tres if "=" in tres), "")


def completed_from_queue(ended: EndedJob, seen: QueuedJob | None) -> EndedJob:
    """Return `ended`, with missing fields from the job's last entry in the queue.

    The name is always the queue's: accounting alters names that are not ASCII.
    """
    if seen is None:
        return ended
    missing = {
        name: getattr(seen, name)
        for name in QueuedJob.__struct_fields__
        if name not in ("reason", "ends_at", "expected_start_at") and getattr(ended.job, name) in (None, ())
    }
    name = seen.name or ended.job.name
    return msgspec.structs.replace(ended, job=msgspec.structs.replace(ended.job, **missing | {"name": name}))


def _ended(job_id: str, row: Mapping[str, str], steps: Iterable[Mapping[str, str]]) -> EndedJob:
    by = _CANCELLED_BY.match(row["State"])
    nodes = expand(row["NodeList"])
    started_at = _start(row["Start"], nodes)
    exit_code, signal = _exit(row["ExitCode"]) if started_at else (None, None)  # a job that never ran has ``0:0``
    step_rows = tuple(steps)
    max_rss = (size_bytes(step["MaxRSS"]) for step in (row, *step_rows))
    step_signals = {_exit(step["ExitCode"])[1] for step in step_rows}
    array_job_id, underscore, array_task_id = row["JobID"].partition("_")
    het_job_id, plus, _ = row["JobID"].partition("+")
    allocated = resources(row["AllocTRES"]) if row["AllocTRES"] else _requested(row)
    job = QueuedJob(
        job_id=job_id,
        array_job_id=clean_or_none(array_job_id) if underscore else None,
        array_task_id=clean_or_none(array_task_id.strip("[]")) if underscore else None,
        het_job_id=clean_or_none(het_job_id) if plus else None,
        name=clean_or_none(row["JobName"]),
        user=_value_or_none(row["User"]),
        account=_value_or_none(row["Account"]),
        partition=_value_or_none(row["Partition"]),
        qos=_value_or_none(row["QOS"]),
        state=clean_or_none(by[1] if by else row["State"]),
        nodes=nodes,
        submitted_at=moment(row["Submit"]),
        started_at=started_at,
        time_limit_seconds=duration_seconds(row["Timelimit"]),
        cpus=allocated.cpus,
        memory_bytes=allocated.memory_bytes,
        gpus=allocated.gpus,
    )
    return EndedJob(
        job=job,
        exit_code=exit_code,
        signal=signal,
        ended_at=moment(row["End"]),
        max_rss_bytes=max((size for size in max_rss if size is not None), default=None),
        cpu_seconds=duration_seconds(row["TotalCPU"]) or None,  # also 0 if nothing is gathered
        cancelled_by_uid=int(by[2]) if by else None,
        step_signals=tuple(sorted(number for number in step_signals if number is not None)),
    )


def _start(text: str, nodes: tuple[str, ...]) -> datetime | None:
    """Parse the start time. For a job that was cancelled while pending, 22.05 may print the time of cancellation."""
    return moment(text) if nodes else None


def _requested(row: Mapping[str, str]) -> Resources:
    """Return the requested resources of a job that was never allocated any.

    ``ReqMem`` is for the whole job, but up to 20.11 per node (``n``) or per CPU (``c``).
    """
    cpus, nodes, text = count(row["AllocCPUS"]), count(row["NNodes"]), row["ReqMem"]
    memory_bytes = requested_memory_bytes(text, nodes if text.endswith("n") else 1, cpus)
    return Resources(cpus=cpus or None, memory_bytes=memory_bytes)


def _exit(text: str) -> tuple[int | None, int | None]:
    """Parse ``CODE:SIGNAL``. A job that was killed by a signal has no exit code; signal 0 means none."""
    code, _, number = text.partition(":")
    exit_code, signal = whole_number(code), whole_number(number) or None
    return (None if signal and not exit_code else exit_code), signal


def _value_or_none(text: str) -> str | None:
    return None if text in ("(null)", "N/A", "None", "Unknown") else clean_or_none(text)
