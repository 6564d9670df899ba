"""scontrol: show jobs and nodes, hold and release jobs, change a time limit, write a job's script.

The output of `show` is as in 22.05; fields that the embedded SLURM does not have are omitted.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from dasktop.collectors.embedded_slurm import fields, units
from dasktop.collectors.embedded_slurm.commands.call import VERSION_REPLY, Call, Reply, lines
from dasktop.collectors.embedded_slurm.commands.sinfo import nodes as current_nodes
from dasktop.collectors.embedded_slurm.hostlist import compress, expand
from dasktop.collectors.embedded_slurm.launch import output_paths
from dasktop.collectors.embedded_slurm.options import Refused, table
from dasktop.collectors.embedded_slurm.records import Job, State
from dasktop.collectors.embedded_slurm.selection import chosen, parse_list
from dasktop.collectors.embedded_slurm.settings import VERSION, Partition
from dasktop.collectors.embedded_slurm.units import UnreadableError, parse_minutes

Block = list[str]


def _write_blocks(described: Iterable[Block], one_line: bool) -> str:
    """Write descriptions: a block each with an empty line after it, or a line each (``-o``)."""
    if one_line:
        return lines([" ".join(block) for block in described])
    return "".join("\n   ".join(block) + "\n\n" for block in described)


def _describe_job(call: Call, shown: Job) -> Block:
    """Describe a job."""
    request, settings = shown.request, call.workload.settings
    needs = request.needs

    def moment(epoch_seconds: float | None) -> str:
        return units.timestamp(epoch_seconds, call.time_format, "Unknown")

    array = (
        f"ArrayJobId={shown.array_job_id} ArrayTaskId={shown.shown_task_id} " if shown.array_job_id is not None else ""
    )
    what = "Node" if needs.memory_per_node_mb is not None else "CPU"
    limit = units.duration(fields.time_limit_seconds(shown), padded=True)
    run_time = units.duration(fields.run_seconds(shown, call.now), padded=True)
    block = [
        f"JobId={shown.id} {array}JobName={request.name}",
        f"UserId={request.user}({request.uid})",
        f"Priority={fields.priority(shown)} Nice=0 Account={request.account} QOS={request.qos}",
        f"JobState={fields.long_state(shown)} Reason={shown.reason} Dependency=(null)",
        f"Requeue=0 Restarts=0 BatchFlag={int(request.script is not None)} Reboot=0"
        f" ExitCode={shown.exit_code}:{shown.signal}",
        f"RunTime={run_time} TimeLimit={limit} TimeMin=N/A",
        f"SubmitTime={moment(shown.submitted_at)} EligibleTime={moment(shown.submitted_at)}",
        f"StartTime={moment(fields.start(shown))} EndTime={moment(fields.end(shown, settings))} Deadline=N/A",
        f"Partition={request.partition}",
        f"NodeList={compress(shown.nodes)}",
        f"NumNodes={len(shown.nodes) or needs.least_nodes} NumCPUs={shown.cpus} NumTasks={needs.tasks}"
        f" CPUs/Task={needs.cpus_per_task or 1}",
        f"TRES={fields.tres(shown)}",
        f"MinCPUsNode={needs.cpus_per_task or 1} MinMemory{what}={fields.memory(shown)}",
        f"Command={request.command}",
        f"WorkDir={request.work_dir}",
    ]
    if request.script is not None:
        output, error = output_paths(shown, shown.nodes[0] if shown.nodes else "")
        block += [f"StdErr={error}", "StdIn=/dev/null", f"StdOut={output}"]
    return block


def _describe_nodes(call: Call, names: Sequence[str] | None) -> list[Block]:
    """Describe nodes; None: all of them.

    Raises
    ------
    Refused
        For a node that does not exist.
    """
    by_name = {node.name: node for node in current_nodes(call)}
    for name in names or ():
        if name not in by_name:
            raise Refused(f"Node {name} not found", bare=True)
    described = []
    for name in by_name if names is None else names:
        node = by_name[name]
        tres = f"cpu={node.whole.cpus},mem={units.size(node.whole.memory_mb)},billing={node.whole.cpus}"
        described.append(
            [
                f"NodeName={node.name} CPUAlloc={node.used.cpus} CPUEfctv={node.whole.cpus} CPUTot={node.whole.cpus}",
                f"NodeAddr=127.0.0.1 NodeHostName=localhost Version={VERSION}",
                f"RealMemory={node.whole.memory_mb} AllocMem={node.used.memory_mb}",
                f"State={node.state.upper()}",
                f"Partitions={','.join(partition.name for partition in call.workload.settings.partitions)}",
                f"CfgTRES={tres}",
            ]
        )
    return described


def _describe_partitions(call: Call, name: str | None) -> list[Block]:
    """Describe one partition, or all.

    Raises
    ------
    Refused
        For a partition that does not exist.
    """
    settings = call.workload.settings
    chosen = [partition for partition in settings.partitions if name in {None, partition.name}]
    if not chosen:
        raise Refused(f"Partition {name} not found", bare=True)
    return [_describe_partition(call, partition) for partition in chosen]


def _describe_partition(call: Call, partition: Partition) -> Block:
    settings = call.workload.settings
    cpus = settings.nodes * settings.cpus_per_node
    default = "YES" if partition is settings.partitions[0] else "NO"

    def minutes(limit: int | None) -> str:
        return units.duration(None if limit is None else limit * 60, padded=True)

    return [
        f"PartitionName={partition.name}",
        f"Default={default} DefaultTime={minutes(partition.default_minutes)} MaxTime={minutes(partition.max_minutes)}",
        f"Nodes={compress(settings.node_resources)}",
        f"State=UP TotalCPUs={cpus} TotalNodes={settings.nodes}",
        f"DefMemPerCPU={settings.default_memory_per_cpu_mb}",
    ]


def _describe_steps(of: Iterable[Job]) -> list[Block]:
    """Describe the running steps of jobs."""
    return [
        [
            f"StepId={shown.id}.{step.id} UserId={shown.request.uid}"
            f" StartTime={units.timestamp(step.started_at, None, 'Unknown')} TimeLimit=UNLIMITED",
            f"State=RUNNING Partition={shown.request.partition} NodeList={compress(step.nodes)}",
            f"Nodes={len(step.nodes)} CPUs={step.cpus} Tasks={len(step.tasks)} Name={step.name} Network=(null)",
        ]
        for shown in of
        for step in shown.steps
        if step.ended_at is None
    ]


def _describe_configuration(call: Call) -> str:
    """Describe the most important parts of the configuration."""
    settings = call.workload.settings
    accounting = "slurmdbd" if settings.accounting else "none"
    values = {
        "AccountingStorageType": f"accounting_storage/{accounting}",
        "ClusterName": settings.cluster,
        "DefMemPerCPU": str(settings.default_memory_per_cpu_mb),
        "JobAcctGatherType": "jobacct_gather/linux",
        "KillWait": f"{settings.kill_wait_seconds:g} sec",
        "MinJobAge": f"{settings.min_job_age_seconds:g} sec",
        "PrivateData": "none",
        "SLURM_VERSION": VERSION,
    }
    return lines([f"{name:<23} = {value}" for name, value in values.items()])


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
        return Reply(_write_blocks([_describe_job(call, job) for job in found], one_line) or "No jobs in the system\n")
    if subject in {"node", "nodes"}:
        return Reply(_write_blocks(_describe_nodes(call, expand(names[0]) if names else None), one_line))
    if subject in {"partition", "partitions"}:
        return Reply(_write_blocks(_describe_partitions(call, names[0] if names else None), one_line))
    if subject in {"step", "steps"}:
        found = jobs(call, names[0], "slurm_get_job_steps error: ") if names else call.workload.runner.active
        return Reply(_write_blocks(_describe_steps(found), one_line))
    if subject == "config":
        return Reply(_describe_configuration(call))
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
        raise Refused("invalid write command: only batch_script JOB [FILE] is supported", bare=True)
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
        raise Refused("the embedded SLURM supports only scontrol update JobId=ID TimeLimit=LIMIT", bare=True)
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
