"""What a free node lacks for a pending job: only what is certain."""

import pytest
from msgspec.structs import replace

from dasktop.collectors.analysis.node_room import lacks
from dasktop.collectors.model.queries import FreeNode
from dasktop.collectors.model.snapshot import Allocated, Job
from tests.support.snapshots import GIB, pending

NODE = FreeNode(name="n1", cpus=8, memory_bytes=16 * GIB, features="rome,a100", gpus=1, is_idle=False)


def waiting(cpus: int = 4, memory_bytes: int | None = 8 * GIB, gpus: int | None = 0, **values: object) -> Job:
    allocated = Allocated(cpus=cpus, memory_bytes=memory_bytes, gpus=gpus)
    return pending(allocated=allocated, **{"node_count": 1, "cpus_per_node": cpus} | values)


def test_a_node_that_has_enough_lacks_nothing() -> None:
    assert lacks(waiting(), NODE) == ()
    assert lacks(waiting(required_nodes=("n1",), required_features="rome&a100", gpus=1), NODE) == ()


@pytest.mark.parametrize(
    ("job", "missing"),
    [
        (waiting(cpus=9), "too few CPUs"),
        (waiting(memory_bytes=17 * GIB), "too little memory"),
        (waiting(gpus=2), "too few GPUs"),
        (waiting(required_nodes=("n2",)), "not a required node"),
        (waiting(excluded_nodes=("n1",)), "excluded"),
        (waiting(required_features="rome&milan"), "without feature milan"),
        (waiting(is_exclusive=True), "not idle"),
        (waiting(8, 80 * GIB, node_count=4, cpus_per_node=2), "too little memory"),
    ],
)
def test_what_is_missing_is_named(job: Job, missing: str) -> None:
    assert lacks(job, NODE) == (missing,)


@pytest.mark.parametrize(
    "job",
    [
        waiting(64, 80 * GIB, cpus_per_node=1),  # its tasks may be spread over several nodes
        waiting(required_nodes=("n2",), node_count=2, cpus_per_node=2),
        waiting(required_features="[rome*2&milan*1]"),
        waiting(required_features="milan|rome"),
        waiting(9, None, None, node_count=None, cpus_per_node=None),
    ],
)
def test_what_is_uncertain_is_not_said(job: Job) -> None:
    assert lacks(job, NODE) == ()


def test_planned_node_is_for_the_job_that_is_planned_there() -> None:
    planned = replace(NODE, is_planned=True)
    assert lacks(waiting(), planned) == ("planned for another job",)
    assert lacks(waiting(planned_nodes=("n1",)), planned) == ()


def test_unknown_amounts_of_a_node_prove_nothing() -> None:
    unknown = replace(NODE, memory_bytes=None, gpus=None, is_idle=None)
    assert lacks(waiting(memory_bytes=99 * GIB, gpus=4, is_exclusive=True), unknown) == ()
