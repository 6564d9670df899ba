"""Turn the options of sbatch and srun into a request.

Checks what SLURM checks at submission; the scheduler checks whether resources are free.
"""

import os
import shlex
from collections.abc import Mapping

from dasktop.collectors.embedded_slurm import scheduler
from dasktop.collectors.embedded_slurm.hostlist import expand, read_indexes
from dasktop.collectors.embedded_slurm.options import ParsedOptions, Refused, read, table
from dasktop.collectors.embedded_slurm.processes import MARK
from dasktop.collectors.embedded_slurm.records import Needs, Request
from dasktop.collectors.embedded_slurm.settings import Settings
from dasktop.collectors.embedded_slurm.units import UnreadableError, parse_megabytes, parse_minutes

# Options without effect here are accepted too: every node is this machine, and nothing is requeued.
COMMON_OPTIONS = table("""
    -A --account=NAME
    -D --chdir=FOLDER
    -J --job-name=NAME
    -N --nodes=COUNT
    -c --cpus-per-task=COUNT
    -e --error=FILE
    -i --input=FILE
    -n --ntasks=COUNT
    -o --output=FILE
    -p --partition=NAME
    -q --qos=NAME
    -Q --quiet
    -t --time=LIMIT
       --export=LIST
       --gpus-per-node=COUNT
       --gres=LIST
       --mem=SIZE
       --mem-per-cpu=SIZE
       --ntasks-per-node=COUNT
       --open-mode=MODE
       --hint=TEXT
    -s --oversubscribe
       --threads-per-core=COUNT
    -V --version
""")
BATCH_OPTIONS = (
    *COMMON_OPTIONS,
    *table("""
    -H --hold
    -a --array=INDEXES
    -w --nodelist=LIST
       --comment=TEXT
       --mail-type=TEXT
       --mail-user=TEXT
       --no-requeue
       --parsable
       --requeue
       --wrap=COMMAND
"""),
)
_KEPT_BY_EXPORT_NONE = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TMPDIR", "USER")


def script_options(script: str) -> ParsedOptions:
    """Read a script's ``#SBATCH`` lines: those before its first command.

    Raises
    ------
    Refused
        An option is unknown, or quotes do not match.
    """
    arguments: list[str] = []
    for line in script.split("\n"):
        if line.startswith("#SBATCH"):
            try:
                arguments += shlex.split(line.removeprefix("#SBATCH"), comments=True)
            except ValueError as error:
                raise Refused(f"{line}: {error}") from None
        elif line.strip() and not line.startswith("#"):
            break
    return read(BATCH_OPTIONS, arguments)


def build(
    settings: Settings,
    given: ParsedOptions,
    environment: Mapping[str, str],
    work_dir: str,
    *,
    user: str,
    uid: int,
    name: str,
    command: str,
    script: str | None,
    arguments: tuple[str, ...] = (),
) -> Request:
    """Turn options into a request.

    Raises
    ------
    Refused
        As in SLURM: an invalid value, an unknown partition, or more than a node has.
    """
    partition = settings.partition(given.get("partition") or settings.partitions[0].name)
    if partition is None:
        raise Refused("Batch job submission failed: Invalid partition name specified")
    if given.get("account") not in {None, settings.account}:
        raise Refused("Batch job submission failed: Invalid account or account/partition combination specified")
    if given.get("qos") not in {None, *settings.qos}:
        raise Refused("Batch job submission failed: Invalid qos specification")
    return Request(
        name=given.get("job-name") or name,
        user=user,
        uid=uid,
        account=settings.account,
        partition=partition.name,
        qos=given.get("qos") or next(iter(settings.qos)),
        needs=_needs(settings, given),
        time_limit_minutes=_minutes(given, partition.default_minutes),
        work_dir=os.path.normpath(os.path.join(work_dir, given.get("chdir") or "")),  # noqa: PTH118 - pure text
        environment=inherited(given.get("export"), environment),
        script=script,
        arguments=arguments,
        command=command,
        output=given.get("output"),
        error=given.get("error"),
        input=given.get("input"),
        append_output=given.get("open-mode") == "append",
        comment=given.get("comment") or "",
        array=_array(given.get("array")),
        array_throttle=_throttle(given.get("array")),
    )


def count(given: ParsedOptions, name: str) -> int | None:
    """Return an option's number, at least 1; None if it was not given.

    Raises
    ------
    Refused
        For anything else.
    """
    text = given.get(name)
    if text is None:
        return None
    if not text.isdigit() or int(text) < 1:
        raise Refused(f'Invalid numeric value "{text}" for --{name}.')
    return int(text)


def nodes_and_tasks(given: ParsedOptions) -> tuple[int | None, int, bool]:
    """Return the requested nodes and tasks, and whether tasks were requested; default: one task per node."""
    text = given.get("nodes")
    nodes = None
    if text is not None:
        # Of a range (2-4), the minimum is used.
        first = text.partition("-")[0]
        nodes = count(ParsedOptions({"nodes": first}), "nodes")
    tasks = count(given, "ntasks")
    per_node = count(given, "ntasks-per-node")
    if tasks is None:
        return nodes, (nodes or 1) * (per_node or 1), per_node is not None
    if nodes is not None:
        nodes = min(nodes, tasks)
    return nodes, tasks, True


def _needs(settings: Settings, given: ParsedOptions) -> Needs:
    required_nodes = _required_nodes(settings, given)
    if required_nodes and "nodes" not in given:
        given = ParsedOptions({**given.values, "nodes": str(len(required_nodes))}, given.rest)
    nodes, tasks, tasks_asked = nodes_and_tasks(given)
    per_node, per_cpu = _size(given, "mem"), _size(given, "mem-per-cpu")
    if per_node == 0:
        per_node = settings.memory_per_node_mb
    if per_node is None and per_cpu is None:
        per_cpu = settings.default_memory_per_cpu_mb
    needs = Needs(
        tasks=tasks,
        tasks_asked=tasks_asked,
        nodes=nodes,
        tasks_per_node=count(given, "ntasks-per-node"),
        cpus_per_task=count(given, "cpus-per-task"),
        memory_per_node_mb=per_node,
        memory_per_cpu_mb=per_cpu,
        gpus_per_node=_gpus(given),
        required_nodes=required_nodes,
    )
    _check_fit(settings, needs)
    return needs


def _required_nodes(settings: Settings, given: ParsedOptions) -> tuple[str, ...]:
    names = tuple(expand(given.get("nodelist") or ""))
    if not set(names) <= settings.node_resources.keys():
        raise Refused("Batch job submission failed: Invalid node name specified")
    return names


def _check_fit(settings: Settings, needs: Needs) -> None:
    least = scheduler.share(needs, 1)
    reason = None
    if least.cpus > settings.cpus_per_node:
        reason = "CPU count per node can not be satisfied"
    elif least.memory_mb > settings.memory_per_node_mb:
        reason = "Memory specification can not be satisfied"
    if least.gpus > settings.gpus_per_node:
        raise Refused("Invalid generic resource (gres) specification")
    if reason is not None:
        raise Refused(f"Batch job submission failed: Requested node configuration is not available ({reason})")


def _size(given: ParsedOptions, name: str) -> int | None:
    text = given.get(name)
    try:
        return None if text is None else parse_megabytes(text)
    except UnreadableError:
        raise Refused(f"Invalid --{name} specification") from None


def _gpus(given: ParsedOptions) -> int:
    text = given.get("gpus-per-node") or given.get("gres") or "0"
    kind, _, number = text.rpartition(":")
    if "gres" in given and kind.partition(":")[0] != "gpu" and text != "gpu":
        raise Refused("Invalid generic resource (gres) specification")
    number = "1" if number == "gpu" else number
    if not number.isdigit():
        raise Refused("Invalid generic resource (gres) specification")
    return int(number)


def _minutes(given: ParsedOptions, usual: int | None) -> int | None:
    text = given.get("time")
    try:
        # In SLURM, a limit of zero means the default.
        return usual if text is None else parse_minutes(text) if text.strip("0") else usual
    except UnreadableError:
        raise Refused("Invalid --time specification") from None


def _array(text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    try:
        return tuple(read_indexes(text.partition("%")[0]))
    except UnreadableError:
        raise Refused("Batch job submission failed: Invalid job array specification") from None


def _throttle(text: str | None) -> int | None:
    limit = (text or "").partition("%")[2]
    if not limit:
        return None
    if not limit.isdigit():
        raise Refused("Batch job submission failed: Invalid job array specification")
    return int(limit) or None


def inherited(export: str | None, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the inherited variables: all (SLURM's default), or those in ``--export``; never another task's `MARK`."""
    kept = {name: value for name, value in environment.items() if name != MARK}
    if export is None or export == "ALL":
        return kept
    chosen = {name: kept[name] for name in _KEPT_BY_EXPORT_NONE if name in kept}
    for part in export.split(","):
        name, equals, value = part.partition("=")
        if name == "ALL":
            chosen = {**kept, **chosen}
        elif equals:
            chosen[name] = value
        elif name in kept:
            chosen[name] = kept[name]
    chosen["SLURM_EXPORT_ENV"] = export
    return chosen
