"""sinfo: partitions and nodes; those with the same shown fields share a row.

Only reads.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dasktop.collectors.embedded_slurm import units
from dasktop.collectors.embedded_slurm.commands.call import VERSION_REPLY, Call, Reply, lines, matches
from dasktop.collectors.embedded_slurm.hostlist import compress, expand
from dasktop.collectors.embedded_slurm.options import Refused, table
from dasktop.collectors.embedded_slurm.records import Resources
from dasktop.collectors.embedded_slurm.settings import Partition

_OPTIONS = table("""
    -M --clusters=LIST
    -N --Node
    -O --Format=TEXT
    -V --version
    -a --all
    -h --noheader
    -n --nodes=LIST
    -o --format=TEXT
    -p --partition=LIST
    -s --summarize
""")
_USUAL = "%9P %.5a %.10l %.6D %.6t %N"
_BY_NODE = "%20N %.5D %.9P %6t"
_SUMMARY = "%9P %.5a %.10l %.16F %N"
_SHORT_STATES = {"idle": "idle", "mixed": "mix", "allocated": "alloc"}


@dataclass(frozen=True, slots=True)
class Node:
    """A node now: its name, its resources, and those allocated to jobs."""

    name: str
    whole: Resources
    used: Resources

    @property
    def state(self) -> str:
        """``idle``, ``mixed`` or ``allocated``."""
        if not self.used.cpus:
            return "idle"
        return "allocated" if self.used.cpus == self.whole.cpus else "mixed"


@dataclass(frozen=True, slots=True)
class _Group:
    partition: Partition
    default: bool
    nodes: tuple[Node, ...]


def nodes(call: Call) -> list[Node]:
    """Return all nodes with their current allocation."""
    used = {name: Resources(0, 0, 0) for name in call.workload.settings.node_resources}
    for job in call.workload.runner.active:
        for name, share in job.allocation.items():
            used[name] += share
    return [Node(name, whole, used[name]) for name, whole in call.workload.settings.node_resources.items()]


def _four(group: _Group, value: Callable[[Node], tuple[int, int]]) -> str:
    pairs = [value(node) for node in group.nodes]
    taken, whole = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
    return f"{taken}/{whole - taken}/0/{whole}"


def _gres(node: Node) -> str:
    return f"gpu:{node.whole.gpus}" if node.whole.gpus else "(null)"


def _gres_used(node: Node) -> str:
    return f"gpu:{node.used.gpus}" if node.whole.gpus else "gpu:0"


_PER_NODE: dict[str, tuple[str, Callable[[Node], str]]] = {
    "AllocMem": ("ALLOCMEM", lambda node: str(node.used.memory_mb)),
    "GresUsed": ("GRES_USED", _gres_used),
    "E": ("REASON", lambda _: "none"),
    "G": ("GRES", _gres),
    "T": ("STATE", lambda node: node.state),
    "X": ("SOCKETS", lambda node: str(node.whole.cpus)),
    "c": ("CPUS", lambda node: str(node.whole.cpus)),
    "f": ("AVAIL_FEATURES", lambda _: "(null)"),
    "m": ("MEMORY", lambda node: str(node.whole.memory_mb)),
    "t": ("STATE", lambda node: _SHORT_STATES[node.state]),
    "z": ("S:C:T", lambda node: f"{node.whole.cpus}:1:1"),
}
_PER_GROUP: dict[str, tuple[str, Callable[[_Group], str]]] = {
    "C": ("CPUS(A/I/O/T)", lambda group: _four(group, lambda node: (node.used.cpus, node.whole.cpus))),
    "D": ("NODES", lambda group: str(len(group.nodes))),
    "F": ("NODES(A/I/O/T)", lambda group: _four(group, lambda node: (int(node.used.cpus > 0), 1))),
    "N": ("NODELIST", lambda group: compress(node.name for node in group.nodes)),
    "P": ("PARTITION", lambda group: group.partition.name + "*" * group.default),
    "R": ("PARTITION", lambda group: group.partition.name),
    "a": ("AVAIL", lambda _: "up"),
    "l": ("TIMELIMIT", lambda group: limit(group.partition.max_minutes)),
    "n": ("HOSTNAMES", lambda group: compress(node.name for node in group.nodes)),
}


_NAMED = {
    "allocmem": "AllocMem",
    "cpusstate": "C",
    "features": "f",
    "gres": "G",
    "gresused": "GresUsed",
    "memory": "m",
    "nodelist": "N",
    "partition": "R",
    "statecompact": "t",
}


def limit(minutes: int | None) -> str:
    """Write a partition's time limit as sinfo does."""
    return "infinite" if minutes is None else units.duration(minutes * 60)


def sinfo(call: Call) -> Reply:
    """Answer one sinfo."""
    given = call.read(_OPTIONS)
    if "version" in given:
        return VERSION_REPLY
    if given.rest:
        raise Refused(f"Unrecognized option: {given.rest[0]}")
    usual = _BY_NODE if "Node" in given else _SUMMARY if "summarize" in given else _USUAL
    named = given.get("Format")
    columns = _columns(given.get("format") or usual) if named is None else list(map(_named, named.split(",")))
    wanted = expand(given.get("nodes") or "")
    there = [node for node in nodes(call) if not wanted or node.name in wanted]
    partitions = call.workload.settings.partitions
    chosen = [partition for partition in partitions if matches(partition.name, given.list_of("partition"))]
    groups = [
        _Group(partition, partition is partitions[0], members)
        for partition in chosen
        for members in _alike(there, columns, apart="Node" in given)
    ]
    if "Node" in given:
        groups.sort(key=lambda group: group.nodes[0].name)
    rows = [] if "noheader" in given else ["".join(_fit(column, _head(column[2])) for column in columns)]
    rows += ["".join(_fit(column, _text(column[2], group)) for column in columns) for group in groups]
    return Reply(lines(rows))


_Column = tuple[bool, int | None, str, str]


def _columns(text: str) -> list[_Column]:
    first, *parts = text.split("%")
    columns: list[_Column] = [(False, None, "", first)] if first else []
    for part in parts:
        match = re.fullmatch(r"(\.?)(\d*)([A-Za-z])(.*)", part, re.DOTALL)
        if match is None or match[3] not in {**_PER_NODE, **_PER_GROUP}:
            raise Refused(f"Invalid node format specification: {match[3] if match else part[:1]}")
        columns.append((bool(match[1]), int(match[2]) if match[2] else None, match[3], match[4]))
    return columns


def _named(text: str) -> _Column:
    """Read ``Name`` or ``Name:width``."""
    match = re.fullmatch(r"\s*(\w+)(?::(\d+))?\s*", text)
    if match is None or match[1].lower() not in _NAMED:
        raise Refused(f"Invalid node format specification: {text.strip()}")
    return False, int(match[2] or 20), _NAMED[match[1].lower()], ""


def _alike(there: Sequence[Node], columns: Sequence[_Column], *, apart: bool) -> list[tuple[Node, ...]]:
    groups: dict[tuple[str, ...], list[Node]] = {}
    for node in there:
        key = tuple(_PER_NODE[letter][1](node) for _, _, letter, _ in columns if letter in _PER_NODE)
        groups.setdefault((node.name,) if apart else key, []).append(node)
    return [tuple(group) for group in groups.values()]


def _head(letter: str) -> str:
    known = _PER_NODE.get(letter) or _PER_GROUP.get(letter)
    return known[0] if known else ""


def _text(letter: str, group: _Group) -> str:
    if letter in _PER_NODE:
        return _PER_NODE[letter][1](group.nodes[0])
    return _PER_GROUP[letter][1](group) if letter else ""


def _fit(column: _Column, text: str) -> str:
    right, width, _, suffix = column
    if width is not None:
        text = (f"{text:>{width}}" if right else f"{text:<{width}}")[:width]
    return text + suffix
