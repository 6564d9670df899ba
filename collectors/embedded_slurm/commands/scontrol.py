"""scontrol: show jobs and nodes, hold and release jobs, change a time limit, write a job's script.

`show.py` formats what is shown.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from dasktop.collectors.embedded_slurm.commands import show
from dasktop.collectors.embedded_slurm.commands.call import VERSION_REPLY, Call, Reply, lines
from dasktop.collectors.embedded_slurm.hostlist import compress, expand
from dasktop.collectors.embedded_slurm.options import Refused, table
from dasktop.collectors.embedded_slurm.records import Job, State
from dasktop.collectors.embedded_slurm.selection import chosen, parse_list
from dasktop.collectors.embedded_slurm.units import UnreadableError, parse_minutes

_OPTIONS = table("""
    -M --clusters=LIST
    -Q --quiet
    -V --version
    -a --all
    -d --details
    -o --oneliner
""")
_NO_SUCH_JOB = "Invalid job id specified"


def scontrol(call: Call) -> Reply:
    """Answer one scontrol."""
    given = call.read(_OPTIONS)
    if "version" in given:
        return VERSION_REPLY
    keyword, *rest = given.rest or [""]
    action = _ACTIONS.get(keyword.lower())
    if action is None:
        raise Refused(f"invalid keyword: {keyword}", bare=True)
    return action(call, rest, "oneliner" in given)


def jobs(call: Call, text: str, problem: str) -> list[Job]:
    """Return the visible jobs that an id selects.

    Raises
    ------
    Refused
        There is none: `problem`, and SLURM's message.
    """
    try:
        found = chosen(call.workload.visible(call.now), parse_list(text))
    except UnreadableError:
        found = []
    if not found:
        raise Refused(f"{problem}{_NO_SUCH_JOB}", bare=True)
    return found


def _show(call: Call, rest: Sequence[str], one_line: bool) -> Reply:
    subject, *names = rest or [""]
    subject = subject.lower()
    if subject in {"hostnames", "hostname", "hostlist"}:
        return Reply(_hosts(call, subject, names))
    if subject in {"job", "jobs"}:
        found = jobs(call, names[0], "slurm_load_jobs error: ") if names else call.workload.visible(call.now)
        return Reply(show.blocks([show.job(call, job) for job in found], one_line) or "No jobs in the system\n")
    if subject in {"node", "nodes"}:
        return Reply(show.blocks(show.nodes(call, expand(names[0]) if names else None), one_line))
    if subject in {"partition", "partitions"}:
        return Reply(show.blocks(show.partitions(call, names[0] if names else None), one_line))
    if subject in {"step", "steps"}:
        found = jobs(call, names[0], "slurm_get_job_steps error: ") if names else call.workload.runner.active
        return Reply(show.blocks(show.steps(found), one_line))
    if subject == "config":
        return Reply(show.configuration(call))
    raise Refused(f"invalid entity:{subject} for keyword:show", bare=True)


def _hosts(call: Call, subject: str, names: Sequence[str]) -> str:
    text = names[0] if names else call.environment.get("SLURM_JOB_NODELIST", "")
    if not text:
        raise Refused("host list is empty")
    try:
        hosts = expand(text)
    except UnreadableError:
        raise Refused(f"Invalid hostlist: {text}", bare=True) from None
    return lines([compress(hosts)] if subject == "hostlist" else hosts)


def _write(call: Call, rest: Sequence[str], _: bool) -> Reply:
    if len(rest) not in {2, 3} or rest[0].lower() != "batch_script":
        raise Refused("invalid write command: batch_script JOB [FILE] is what there is", bare=True)
    job = jobs(call, rest[1], "job script retrieval failed: ")[0]
    script = job.request.script
    if not script:
        raise Refused("job script retrieval failed: Job script not specified", bare=True)
    target = rest[2] if len(rest) == 3 else f"slurm-{rest[1]}.sh"
    if target == "-":
        return Reply(script)
    try:
        Path(call.work_dir, target).write_text(script, encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise Refused(f"failed to open file `{target}`: {error.strerror}", bare=True) from None
    return Reply(f"batch script for job {rest[1]} written to {target}\n")


def _hold(call: Call, rest: Sequence[str], held: bool) -> Reply:
    if not rest:
        raise Refused("too few arguments for keyword:hold", bare=True)
    for text in rest:
        pending = [job for job in jobs(call, text, f"{text}: ") if job.state is State.PENDING]
        for job in pending:
            call.workload.set_held(job, held)
    return Reply()


def _update(call: Call, rest: Sequence[str], _: bool) -> Reply:
    changes = {name.lower(): value for name, _, value in (part.partition("=") for part in rest)}
    text = changes.pop("jobid", changes.pop("job", ""))
    limit = changes.pop("timelimit", None)
    if changes or not text or limit is None:
        raise Refused("the embedded SLURM updates nothing but JobId=ID TimeLimit=LIMIT", bare=True)
    for job in jobs(call, text, ""):
        call.workload.set_time_limit(job, _new_limit(job, limit))
    return Reply()


def _new_limit(job: Job, text: str) -> int | None:
    sign = text[0] if text[:1] in {"+", "-"} else ""
    try:
        minutes = parse_minutes(text[len(sign) :])
    except UnreadableError:
        raise Refused("Invalid TimeLimit value", bare=True) from None
    if not sign or minutes is None or job.time_limit_minutes is None:
        return minutes
    return max(0, job.time_limit_minutes + (minutes if sign == "+" else -minutes))


def _list_pids(call: Call, rest: Sequence[str], _: bool) -> Reply:
    wanted = jobs(call, rest[0], "") if rest else call.workload.runner.active
    rows = ["PID      JOBID    STEPID   LOCALID GLOBALID"]
    for job in wanted:
        for step in job.steps:
            for task, pids in call.workload.runner.pids(job, step).items():
                for pid in pids:
                    local, rank = (task.local_rank, task.rank) if pid == task.pid else ("-", "-")
                    rows.append(f"{pid:<8} {job.id:<8} {step.id:<8} {local:<7} {rank:<8}")
    return Reply(lines(rows))


def _ping(_: Call, __: Sequence[str], ___: bool) -> Reply:
    return Reply("Slurmctld(primary) at localhost is UP\n")


_ACTIONS: dict[str, Callable[[Call, Sequence[str], bool], Reply]] = {
    "hold": lambda call, rest, _: _hold(call, rest, True),
    "listpids": _list_pids,
    "ping": _ping,
    "release": lambda call, rest, _: _hold(call, rest, False),
    "show": _show,
    "update": _update,
    "write": _write,
}
