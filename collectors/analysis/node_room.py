"""What a free node lacks for a pending job, as far as that is certain. Pure.

A job may get several nodes, in parts that only SLURM decides. So a node without a lack may still not be enough.
"""

import re
from collections.abc import Iterator

from dasktop.collectors.model.queries import FreeNode
from dasktop.collectors.model.snapshot import Job

_ALL_OF = re.compile(r"[\w.-]+(?:&[\w.-]+)*")
"""The constraints that are read here. Others have alternatives, numbers of nodes, or brackets."""


def lacks(job: Job, node: FreeNode) -> tuple[str, ...]:
    """Return in words why this node cannot be one of the job's now; empty if nothing is known to prevent it."""
    return tuple(_lacks(job, node))


def _lacks(job: Job, node: FreeNode) -> Iterator[str]:
    required, nodes = job.required_nodes or (), job.node_count
    if required and node.name not in required and nodes is not None and nodes <= len(required):
        yield "not a required node"
    if node.name in (job.excluded_nodes or ()):
        yield "excluded"
    if node.is_planned and node.name not in job.planned_nodes:
        yield "planned for another job"
    wanted = job.required_features
    if wanted is not None and _ALL_OF.fullmatch(wanted):
        missing = set(wanted.split("&")) - set((node.features or "").split(","))
        yield from (f"without feature {feature}" for feature in sorted(missing))
    if job.is_exclusive and node.is_idle is False:
        yield "not idle"
    if job.cpus_per_node is not None and node.cpus < job.cpus_per_node:
        yield "too few CPUs"
    memory_bytes, gpus = _per_node(job, job.allocated.memory_bytes), _per_node(job, job.allocated.gpus)
    if memory_bytes is not None and node.memory_bytes is not None and node.memory_bytes < memory_bytes:
        yield "too little memory"
    if gpus is not None and node.gpus is not None and node.gpus < gpus:
        yield "too few GPUs"


def _per_node(job: Job, amount: int | None) -> float | None:
    """Return how much of an amount the job needs on each node, if its CPUs cannot be spread over more nodes."""
    cpus, nodes, least = job.allocated.cpus, job.node_count, job.cpus_per_node
    if amount is None or not cpus or not nodes or least is None or cpus != least * nodes:
        return None
    return amount / nodes
