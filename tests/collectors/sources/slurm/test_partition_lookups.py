"""Looking up the free nodes of a partition, and a pending job's place in its queue."""

import pytest

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.queries import FreeNode, QueuePlace
from dasktop.collectors.sources.slurm.partition_lookups import (
    KEPT_SECONDS,
    PartitionReader,
    free_nodes_command,
    hides_jobs,
    parse_free_nodes,
    parse_pending,
    pending_command,
    place_of,
)
from tests.support import fake_commands
from tests.support.fake_commands import MIB, complains

WIDTHS = (80, 20, 40, 20, 20, 120, 200, 200)


def row(
    name="n1",
    state="idle",
    cpus="0/16/0/16",
    memory="64000",
    allocated="0",
    gres="(null)",
    used="gpu:0",
    features="(null)",
) -> str:
    values = (name, state, cpus, memory, allocated, gres, used, features)
    return "".join(f"{value:<{width}}" for value, width in zip(values, WIDTHS, strict=True)) + "\n"


def test_nodes_with_free_cpus_are_returned():
    text = "Welcome to Big Iron\n" + row() + row("n2", "mix", "12/4/0/16", allocated="63000", features="a100,rome")
    assert parse_free_nodes(text) == (
        FreeNode(name="n1", cpus=16, memory_bytes=64_000 * MIB, gpus=0, is_idle=True),
        FreeNode(name="n2", cpus=4, memory_bytes=1000 * MIB, features="a100,rome", gpus=0, is_idle=False),
    )


def test_node_in_two_partitions_is_returned_once():
    assert len(parse_free_nodes(row() + row())) == 1


def test_powered_down_node_is_free():
    assert [node.name for node in parse_free_nodes(row(state="idle~"))] == ["n1"]


@pytest.mark.parametrize("state", ["alloc", "drain", "drng", "down*", "idle*", "maint", "resv", "idle@"])
def test_unusable_nodes_are_skipped(state):
    assert parse_free_nodes(row(state=state)) == ()


@pytest.mark.parametrize(("state", "is_idle"), [("plnd", True), ("mix-", False), ("idle-", True)])
def test_planned_nodes_are_told_from_others(state, is_idle):
    """22.05 shows an idle node that is planned for a pending job as ``plnd``."""
    (node,) = parse_free_nodes(row(state=state))
    assert (node.is_planned, node.is_idle) == (True, is_idle)


def test_unknown_memory_stays_unknown():
    assert parse_free_nodes(row(allocated="N/A"))[0].memory_bytes is None


async def test_sinfo_is_limited_to_the_partition():
    commands = fake_commands.Commands(lambda *_: row())
    assert [node.name for node in await PartitionReader(commands).free_nodes("debug,long")] == ["n1"]
    assert commands.calls == [free_nodes_command("debug,long")]


@pytest.mark.parametrize("partition", ["", "-p", "a b", "a;b", "a\nb"])
async def test_invalid_partition_name_is_an_error(partition):
    commands = fake_commands.Commands(lambda *_: row())
    with pytest.raises(SourceError, match="is not a SLURM partition name"):
        await PartitionReader(commands).free_nodes(partition)
    assert commands.calls == []


async def test_failure_of_sinfo_is_reported():
    commands = fake_commands.Commands(lambda *_: complains("sinfo", "sinfo: error: no contact"))
    with pytest.raises(SourceError, match="no contact"):
        await PartitionReader(commands).free_nodes("debug")


@pytest.mark.parametrize(
    ("gres", "used", "free"),
    [
        ("gpu:a100:4(S:0-1)", "gpu:a100:1(IDX:0)", 3),
        ("gpu:4", "gpu:2(IDX:0,3)", 2),
        ("gpu:a100:2,gpu:v100:2,nvme:1", "gpu:a100:0(IDX:N/A),gpu:v100:1(IDX:1),nvme:1", 3),
        ("(null)", "gpu:0", 0),
        ("", "", None),
        ("gpu:4," + "x" * 120, "gpu:1", None),
    ],
)
def test_free_gpus_are_counted(gres, used, free):
    text = row(gres=gres[:120], used=used)
    assert parse_free_nodes(text)[0].gpus == free


QUEUE = "Welcome\n7\x1f90\x1fN/A\n9\x1f100\x1f1-10%2\n8\x1f90\x1fN/A\n5\x1f0\x1fN/A\nnonsense\x1f1\x1f1\n"


@pytest.mark.parametrize(
    ("job_id", "place"),
    [
        ("9", QueuePlace(number=1, of=13)),
        ("7", QueuePlace(number=11, of=13)),
        ("8", QueuePlace(number=12, of=13)),
        ("5", QueuePlace(of=13, remark="it has no priority: it is held")),
        ("6", QueuePlace(remark="it is no longer pending there")),
    ],
)
def test_place_is_by_priority_then_by_id(job_id, place):
    assert place_of(job_id, parse_pending(QUEUE)) == place


@pytest.mark.parametrize(
    ("configuration", "hides"),
    [
        ("Configuration data\nPrivateData             = none\nX = jobs\n", False),
        ("PrivateData             = accounts,jobs,usage\n", True),
        ("PrivateData             = nodes\n", False),
        ("nothing", False),
    ],
)
def test_private_data_is_read_from_the_configuration(configuration, hides):
    assert hides_jobs(configuration) == hides


def answers(configuration: str):
    def answer(program, *arguments):
        return {"scontrol": configuration, "squeue": QUEUE, "sinfo": row()}[program]

    return fake_commands.Commands(answer)


async def test_answers_are_kept_for_a_while():
    commands, now = answers("PrivateData = none\n"), [0.0]
    reader = PartitionReader(commands, clock=lambda: now[0])
    for at in (0.0, KEPT_SECONDS - 1):
        now[0] = at
        assert (await reader.queue_place("7", "debug")).number == 11
        assert (await reader.queue_place("9", "debug")).number == 1
        assert await reader.free_nodes("debug")
    once = [("scontrol", "show", "config"), pending_command("debug"), free_nodes_command("debug")]
    assert commands.calls == once
    now[0] = KEPT_SECONDS
    await reader.queue_place("7", "debug")
    await reader.free_nodes("debug")
    assert commands.calls == once + once[1:]


async def test_place_is_unknown_where_jobs_are_private():
    commands = answers("PrivateData = jobs\n")
    place = await PartitionReader(commands).queue_place("7", "debug")
    assert (place.number, place.of, "other users" in place.remark) == (None, None, True)
    assert [call[0] for call in commands.calls] == ["scontrol"]
