"""Parsing sinfo: nodes with free CPUs."""

import pytest

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.queries import FreeNode
from dasktop.collectors.sources.slurm.free_nodes import free_nodes_command, parse_free_nodes, read_free_nodes
from tests.support.fake_commands import MIB, Commands, complains

WIDTHS = (80, 20, 40, 20, 20, 200)


def row(name="n1", state="idle", cpus="0/16/0/16", memory="64000", allocated="0", features="(null)") -> str:
    values = (name, state, cpus, memory, allocated, features)
    return "".join(f"{value:<{width}}" for value, width in zip(values, WIDTHS, strict=True)) + "\n"


def test_nodes_with_free_cpus_are_returned():
    text = "Welcome to Big Iron\n" + row() + row("n2", "mix", "12/4/0/16", allocated="63000", features="a100,rome")
    assert parse_free_nodes(text) == (
        FreeNode(name="n1", cpus=16, memory_bytes=64_000 * MIB),
        FreeNode(name="n2", cpus=4, memory_bytes=1000 * MIB, features="a100,rome"),
    )


def test_node_in_two_partitions_is_returned_once():
    assert len(parse_free_nodes(row() + row())) == 1


def test_powered_down_node_is_free():
    assert [node.name for node in parse_free_nodes(row(state="idle~"))] == ["n1"]


@pytest.mark.parametrize(
    "state", ["alloc", "drain", "drng", "down*", "idle*", "mix-", "plnd", "maint", "resv", "idle@"]
)
def test_unusable_nodes_are_skipped(state):
    assert parse_free_nodes(row(state=state)) == ()


def test_unknown_memory_stays_unknown():
    assert parse_free_nodes(row(allocated="N/A"))[0].memory_bytes is None


async def test_sinfo_is_limited_to_the_partition():
    commands = Commands(lambda *_: row())
    assert [node.name for node in await read_free_nodes(commands, "debug,long")] == ["n1"]
    assert commands.calls == [free_nodes_command("debug,long")]


@pytest.mark.parametrize("partition", ["", "-p", "a b", "a;b", "a\nb"])
async def test_invalid_partition_name_is_an_error(partition):
    commands = Commands(lambda *_: row())
    with pytest.raises(SourceError, match="is not a SLURM partition name"):
        await read_free_nodes(commands, partition)
    assert commands.calls == []


async def test_failure_of_sinfo_is_reported():
    commands = Commands(lambda *_: complains("sinfo", "sinfo: error: no contact"))
    with pytest.raises(SourceError, match="no contact"):
        await read_free_nodes(commands, "debug")
