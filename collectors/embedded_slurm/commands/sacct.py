"""sacct: jobs and steps in accounting, also ended ones. Only reads."""

from dataclasses import dataclass

from dasktop.collectors.embedded_slurm import fields, units
from dasktop.collectors.embedded_slurm.commands.call import (
    VERSION_REPLY,
    Call,
    Column,
    Reply,
    matches,
    parse_columns,
    users,
    write_table,
)
from dasktop.collectors.embedded_slurm.hostlist import compress
from dasktop.collectors.embedded_slurm.options import ParsedOptions, Refused, table
from dasktop.collectors.embedded_slurm.records import Job, State, Step
from dasktop.collectors.embedded_slurm.selection import Selector, parse_list, parse_states
from dasktop.collectors.embedded_slurm.units import UnreadableError

_OPTIONS = table("""
    -A --accounts=LIST
    -D --duplicates
    -E --endtime=TIME
    -M --clusters=LIST
    -P --parsable2
    -S --starttime=TIME
    -V --version
    -X --allocations
    -a --allusers
    -e --helpformat
    -j --jobs=LIST
    -l --long
    -n --noheader
    -o --format=LIST
    -p --parsable
    -q --qos=LIST
    -r --partition=LIST
    -s --state=LIST
    -u --user=LIST
       --delimiter=TEXT
       --name=LIST
       --noconvert
       --units=UNIT
""")
_USUAL = "JobID,JobName,Partition,Account,AllocCPUS,State,ExitCode"


@dataclass(frozen=True, slots=True)
class _Row:
    job: Job
    step: Step | None
    call: Call


def _job_only(text: str, row: _Row) -> str:
    return text if row.step is None else ""


def _step_id(row: _Row) -> str:
    return "" if row.step is None else f".{row.step.id}"


def _state(row: _Row) -> str:
    state = (row.step or row.job).state
    by = row.job.cancelled_by
    if row.step is None and state is State.CANCELLED and by is not None:
        return f"CANCELLED by {by}"
    return state.name


def _exit_code(row: _Row) -> str:
    if row.step is None and row.job.state in {State.CANCELLED, State.TIMEOUT}:
        # The exit code of the script is in the row of the batch step.
        return "0:0"
    record = row.step or row.job
    return f"{record.exit_code}:{record.signal}"


def _time(row: _Row, moment: float | None, missing: str) -> str:
    return units.timestamp(moment, row.call.time_format, missing)


def _start(row: _Row) -> str:
    moment = (row.step or row.job).started_at
    return _time(row, moment, "None" if row.job.state.ended else "Unknown")


def _elapsed(row: _Row) -> float:
    record = row.step or row.job
    return 0.0 if record.started_at is None else (record.ended_at or row.call.now) - record.started_at


def _nodes(row: _Row) -> str:
    nodes = (row.step or row.job).nodes
    return compress(nodes) if nodes else "None assigned"


def _node_count(row: _Row) -> str:
    return str(len((row.step or row.job).nodes) or row.job.request.needs.least_nodes)


def _requested_memory(job: Job) -> str:
    tres = dict(part.split("=", 1) for part in fields.tres(job).split(","))
    return tres["mem"]


def _peak(row: _Row) -> str:
    # The maximum of one task, not the sum of the step; known only once the step has ended.
    if row.step is None or row.step.ended_at is None:
        return ""
    peak = max(task.peak_rss_bytes for task in row.step.tasks)
    return units.measured(peak) if peak else ""


def _cpu_seconds(row: _Row) -> float:
    steps = [row.step] if row.step is not None else row.job.steps
    return sum(task.cpu_seconds for step in steps if step.ended_at is not None for task in step.tasks)


def _limit(row: _Row) -> str:
    return _job_only(units.duration(fields.time_limit_seconds(row.job), padded=True), row)


_COLUMNS = (
    Column[_Row]("Account", 10, lambda row: row.job.request.account),
    Column[_Row]("AllocCPUS", 10, lambda row: str((row.step or row.job).cpus)),
    Column[_Row]("AllocNodes", 10, lambda row: str(len((row.step or row.job).nodes))),
    Column[_Row]("AllocTRES", 10, lambda row: _job_only(fields.tres(row.job) if row.job.nodes else "", row)),
    Column[_Row]("Cluster", 10, lambda row: row.call.workload.settings.cluster),
    Column[_Row]("DerivedExitCode", 15, lambda row: _job_only(f"{row.job.derived_exit_code}:0", row)),
    Column[_Row]("Elapsed", 10, lambda row: units.duration(_elapsed(row), padded=True)),
    Column[_Row]("ElapsedRaw", 10, lambda row: str(int(_elapsed(row)))),
    Column[_Row]("End", 19, lambda row: _time(row, (row.step or row.job).ended_at, "Unknown")),
    Column[_Row]("ExitCode", 8, _exit_code),
    Column[_Row]("JobID", -12, lambda row: row.job.command_id + _step_id(row)),
    Column[_Row]("JobIDRaw", -12, lambda row: f"{row.job.id}{_step_id(row)}"),
    Column[_Row]("JobName", 10, lambda row: row.step.name if row.step else row.job.request.name),
    Column[_Row]("MaxRSS", 10, _peak),
    Column[_Row]("NCPUS", 10, lambda row: str((row.step or row.job).cpus)),
    Column[_Row]("NNodes", 8, _node_count),
    Column[_Row]("NTasks", 8, lambda row: str(len(row.step.tasks)) if row.step else ""),
    Column[_Row]("NodeList", 15, _nodes),
    Column[_Row]("Partition", 10, lambda row: _job_only(row.job.request.partition, row)),
    Column[_Row]("QOS", 10, lambda row: _job_only(row.job.request.qos, row)),
    Column[_Row]("Reason", 22, lambda row: _job_only(row.job.reason, row)),
    Column[_Row]("ReqCPUS", 8, lambda row: str(row.step.cpus if row.step else row.job.request.needs.cpus)),
    Column[_Row]("ReqMem", 10, lambda row: _job_only(_requested_memory(row.job), row)),
    Column[_Row]("ReqTRES", 10, lambda row: _job_only(fields.tres(row.job), row)),
    Column[_Row]("Start", 19, _start),
    Column[_Row]("State", 10, _state),
    Column[_Row]("Submit", 19, lambda row: _time(row, row.step.started_at if row.step else row.job.submitted_at, "")),
    Column[_Row]("Timelimit", 10, _limit),
    Column[_Row]("TimelimitRaw", 12, lambda row: _job_only(str(row.job.time_limit_minutes or "UNLIMITED"), row)),
    Column[_Row]("TotalCPU", 10, lambda row: _total_cpu(_cpu_seconds(row))),
    Column[_Row]("UID", 6, lambda row: _job_only(str(row.job.request.uid), row)),
    Column[_Row]("User", 9, lambda row: _job_only(row.job.request.user, row)),
    Column[_Row]("WorkDir", 20, lambda row: _job_only(row.job.request.work_dir, row)),
)


def _total_cpu(seconds: float) -> str:
    return units.cpu_time(seconds) if seconds else "00:00:00"


def sacct(call: Call) -> Reply:
    """Answer one sacct."""
    given = call.read(_OPTIONS)
    if "version" in given:
        return VERSION_REPLY
    if not call.workload.settings.accounting:
        raise Refused("Slurm accounting storage is disabled", bare=True)
    if "helpformat" in given:
        return Reply(" ".join(column.name for column in _COLUMNS) + "\n")
    columns = parse_columns(_COLUMNS, given.get("format") or call.environment.get("SACCT_FORMAT") or _USUAL)
    return Reply(write_table(columns, _rows(call, given), given))


def _rows(call: Call, given: ParsedOptions) -> list[_Row]:
    text = given.get("jobs")
    try:
        selectors = None if text is None else parse_list(text)
        states = parse_states(given.list_of("state") or ["all"])
        start, end = _period(call, given, everything=text is not None)
    except UnreadableError as error:
        raise Refused(f"Bad job/step specified: {error}") from None
    wanted_users = _wanted_users(call, given, everything=text is not None)
    rows = []
    for job in sorted(call.workload.jobs.values(), key=_order):
        request = job.request
        wanted = (
            (wanted_users is None or request.uid in wanted_users)
            and job.state.name in states
            and (job.ended_at or call.now) >= start
            and job.submitted_at <= end
            and matches(request.account, given.list_of("accounts"))
            and matches(request.partition, given.list_of("partition"))
            and matches(request.qos, given.list_of("qos"))
            and matches(request.name, given.list_of("name"))
        )
        if wanted:
            rows += _job_rows(call, job, selectors, steps="allocations" not in given)
    return rows


def _order(job: Job) -> tuple[int, bool, int]:
    return (job.array_job_id or job.id, bool(job.array_rest), job.array_task_id or 0)


def _period(call: Call, given: ParsedOptions, *, everything: bool) -> tuple[float, float]:
    """Return the requested period; default: since midnight, or unlimited for jobs requested by id."""
    start, end = given.get("starttime"), given.get("endtime")
    usual = 0.0 if everything else units.parse_timestamp("midnight", call.now)
    return (
        usual if start is None else units.parse_timestamp(start, call.now),
        call.now if end is None else units.parse_timestamp(end, call.now),
    )


def _wanted_users(call: Call, given: ParsedOptions, *, everything: bool) -> set[int] | None:
    names = given.list_of("user")
    if names is not None:
        return users(names)
    return None if everything or "allusers" in given or call.uid == 0 else {call.uid}


def _job_rows(call: Call, job: Job, selectors: list[Selector] | None, *, steps: bool) -> list[_Row]:
    if selectors is None:
        selectors = [Selector(job.id)]
    rows = []
    if any(selector.step is None and selector.covers(job) for selector in selectors):
        rows.append(_Row(job, None, call))
    if steps:
        rows += [
            _Row(job, step, call)
            for step in job.steps
            if any(selector.covers_step(job, step) for selector in selectors)
        ]
    return rows
