"""sstat: what running steps use now.

Only reads; the figures are of the controller's last measurement.
"""

from collections.abc import Callable
from dataclasses import dataclass

from dasktop.collectors.embedded_slurm import units
from dasktop.collectors.embedded_slurm.commands.call import (
    VERSION_REPLY,
    Call,
    Column,
    Reply,
    parse_columns,
    write_table,
)
from dasktop.collectors.embedded_slurm.hostlist import compress
from dasktop.collectors.embedded_slurm.options import Refused, table
from dasktop.collectors.embedded_slurm.records import Job, Step, Task
from dasktop.collectors.embedded_slurm.selection import parse_list
from dasktop.collectors.embedded_slurm.units import UnreadableError

_OPTIONS = table("""
    -P --parsable2
    -V --version
    -a --allsteps
    -e --helpformat
    -j --jobs=LIST
    -n --noheader
    -o --format=LIST
    -p --parsable
       --noconvert
""")


@dataclass(frozen=True, slots=True)
class _Row:
    job: Job
    step: Step
    pids: dict[Task, tuple[int, ...]]


def _largest(row: _Row) -> Task:
    return max(row.step.tasks, key=lambda task: task.peak_rss_bytes)


def _mean(row: _Row, value: Callable[[Task], float]) -> float:
    return sum(value(task) for task in row.step.tasks) / len(row.step.tasks)


_COLUMNS = (
    Column[_Row]("JobID", 12, lambda row: f"{row.job.id}.{row.step.id}"),
    Column[_Row]("AveCPU", 10, lambda row: units.duration(_mean(row, lambda task: task.cpu_seconds), padded=True)),
    Column[_Row]("AveRSS", 10, lambda row: units.measured(_mean(row, lambda task: task.rss_bytes))),
    Column[_Row]("MaxRSS", 10, lambda row: units.measured(_largest(row).peak_rss_bytes)),
    Column[_Row]("MaxRSSNode", 10, lambda row: _largest(row).node),
    Column[_Row]("MaxRSSTask", 10, lambda row: str(_largest(row).rank)),
    Column[_Row]("MinCPU", 10, lambda row: units.duration(min(t.cpu_seconds for t in row.step.tasks), padded=True)),
    Column[_Row]("NTasks", 8, lambda row: str(len(row.step.tasks))),
    Column[_Row]("Nodelist", 20, lambda row: compress(row.step.nodes)),
    Column[_Row](
        "Pids", 20, lambda row: ",".join(str(pid) for pid in sorted(sum(row.pids.values(), ()), reverse=True))
    ),
)
_USUAL = "JobID,MaxRSS,MaxRSSNode,MaxRSSTask,AveRSS,MinCPU,AveCPU,NTasks"


def sstat(call: Call) -> Reply:
    """Answer one sstat."""
    given = call.read(_OPTIONS)
    if "version" in given:
        return VERSION_REPLY
    if "helpformat" in given:
        return Reply(" ".join(column.name for column in _COLUMNS) + "\n")
    columns = parse_columns(_COLUMNS, given.get("format") or _USUAL)
    ids = given.get("jobs") or ",".join(given.rest)
    if not ids:
        raise Refused("You didn't give me any jobs to stat.")
    rows, complaints = _rows(call, ids, every_step="allsteps" in given)
    return Reply(write_table(columns, rows, given), complaints)


def _rows(call: Call, ids: str, *, every_step: bool) -> tuple[list[_Row], str]:
    rows: list[_Row] = []
    complaints = ""
    try:
        selectors = parse_list(ids)
    except UnreadableError as error:
        raise Refused(f"Bad job/step specified: {error}", status=1) from None
    runner = call.workload.runner
    for selector in selectors:
        found = [
            _Row(job, step, runner.pids(job, step))
            for job in runner.active
            for step in job.steps
            if step.ended_at is None and selector.covers_step(job, step)
        ]
        if not found and selector.step is not None:
            complaints += f"sstat: error: StepId={selector.job_id}.{selector.step} not found running.\n"
        elif not found:
            complaints += f"sstat: error: couldn't get steps for job {selector.job_id}\n"
        # Without -a the batch step is omitted, unless it is requested by name.
        rows += [row for row in found if every_step or selector.step is not None or row.step.id != "batch"]
    return rows, complaints
