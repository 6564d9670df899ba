"""What is free on the nodes of a partition: asks ``sinfo``, and reads its answer.

Called only while the user looks at the page: sinfo loads all nodes and partitions, whatever it prints.
"""

import re

from dasktop.collectors.errors import SourceError
from dasktop.collectors.lookups import FreeNode
from dasktop.collectors.slurm.commands import Commands
from dasktop.collectors.slurm.values import whole_number
from dasktop.collectors.text import clean_or_none

# ``-O`` cuts at a field's width. With ``-N`` NodeList is one name; NodeHost may be the same host for several nodes.
_WIDTHS = {"NodeList": 80, "StateCompact": 20, "CPUsState": 40, "Memory": 20, "AllocMem": 20, "Features": 200}
_PARTITIONS = re.compile(r"[\w.+:][\w.+:,-]*")
# Jobs can start there; ``~``: it is powered down, and SLURM wakes it. Other marks: not responding, planned, rebooting.
_USABLE = re.compile(r"(?:idle|mix)~?")
_CPUS = re.compile(r"[0-9]+/([0-9]+)/[0-9]+/[0-9]+", re.ASCII)
_MIB = 1 << 20


def free_nodes_command(partition: str) -> tuple[str, ...]:
    """Return what to run."""
    form = ",".join(f"{name}:{width}" for name, width in _WIDTHS.items())
    return ("sinfo", "-h", "-N", f"--partition={partition}", "-O", form)


def parse_free_nodes(text: str) -> tuple[FreeNode, ...]:
    """Read sinfo's answer: nodes with free CPUs on which jobs can start, each once. Other lines tell nothing."""
    found: dict[str, FreeNode] = {}
    for line in text.split("\n"):
        row, start = {}, 0
        for field, width in _WIDTHS.items():
            row[field] = line[start : start + width].strip()
            start += width
        name, cpus = clean_or_none(row["NodeList"]), _CPUS.fullmatch(row["CPUsState"])
        if name is None or cpus is None or not _USABLE.fullmatch(row["StateCompact"]) or not int(cpus[1]):
            continue
        whole, allocated = whole_number(row["Memory"]), whole_number(row["AllocMem"])
        memory_bytes = None if whole is None or allocated is None else max(0, whole - allocated) * _MIB
        features = clean_or_none(row["Features"].replace("(null)", ""))
        found[name] = FreeNode(name=name, cpus=int(cpus[1]), memory_bytes=memory_bytes, features=features)
    return tuple(found.values())


async def read_free_nodes(commands: Commands, partition: str) -> tuple[FreeNode, ...]:
    """Return the nodes of a partition, or of several, that have free CPUs.

    Raises
    ------
    SourceError
        sinfo failed, or this is no name of a partition.
    """
    if not _PARTITIONS.fullmatch(partition):
        raise SourceError(f"'{partition}' is no name of a SLURM partition")
    return parse_free_nodes((await commands.run(*free_nodes_command(partition))).checked())
