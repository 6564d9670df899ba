"""The output of `scontrol show` for a job, a node, a partition, a step and the configuration.

Pure, as in 22.05; fields that the embedded SLURM does not have are omitted.
"""

from collections.abc import Iterable, Sequence

from dasktop.collectors.embedded_slurm import fields, units
from dasktop.collectors.embedded_slurm.commands.call import Call, lines
from dasktop.collectors.embedded_slurm.commands.sinfo import nodes as current_nodes
from dasktop.collectors.embedded_slurm.hostlist import compress
from dasktop.collectors.embedded_slurm.launch import output_paths
from dasktop.collectors.embedded_slurm.options import Refused
from dasktop.collectors.embedded_slurm.records import Job
from dasktop.collectors.embedded_slurm.settings import VERSION, Partition

Block = list[str]


def blocks(described: Iterable[Block], one_line: bool) -> str:
    """Write descriptions: a block each with an empty line after it, or a line each (``-o``)."""
    if one_line:
        return lines([" ".join(block) for block in described])
    return "".join("\n   ".join(block) + "\n\n" for block in described)


def job(call: Call, shown: Job) -> Block:
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


def nodes(call: Call, names: Sequence[str] | None) -> list[Block]:
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


def partitions(call: Call, name: str | None) -> list[Block]:
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
    return [_partition(call, partition) for partition in chosen]


def _partition(call: Call, partition: Partition) -> Block:
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


def steps(of: Iterable[Job]) -> list[Block]:
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


def configuration(call: Call) -> str:
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
        "SLURM_VERSION": VERSION,
    }
    return lines([f"{name:<23} = {value}" for name, value in values.items()])
