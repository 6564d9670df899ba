"""Parsing SLURM's counts, sizes, durations and times; any text is accepted."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasktop.collectors.model.readings import step_name
from dasktop.collectors.sources.slurm import values
from dasktop.collectors.sources.slurm.values import Resources

GIB = 1 << 30
MIB = 1 << 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("402256K", 402256 << 10),
        ("62.50G", 64000 * MIB),
        ("1.50K", 1536),
        ("17532K", 17532 << 10),
        ("0", 0),
        (" 5M ", 5 * MIB),
        ("2T", 2 << 40),
        ("16?", None),
        ("", None),
        ("-3M", None),
        ("3MM", None),
        ("1e9", None),
        ("٣", None),
    ],
)
def test_sizes(text, expected):
    assert values.size_bytes(text) == expected


def test_bare_number_is_in_the_default_unit():
    assert values.size_bytes("100", default_unit="M") == 100 * MIB
    assert values.size_bytes("100G", default_unit="M") == 100 * GIB


def test_abbreviated_counts_are_parsed():
    assert values.count("1K") == 1024
    assert values.count("12") == 12


@pytest.mark.parametrize(
    ("text", "nodes", "cpus", "expected"),
    [
        ("300M", 2, 8, 600 * MIB),
        ("4000Mn", 3, 8, 12000 * MIB),
        ("2Gc", 1, 12, 24 * GIB),
        ("4000", 1, 1, 4000 * MIB),
        ("0", 2, 8, None),  # all memory of a node
        ("2Gc", 1, None, None),
        ("2G", None, 12, None),
        ("", 1, 1, None),
    ],
)
def test_requested_memory_is_for_the_whole_job(text, nodes, cpus, expected):
    assert values.requested_memory_bytes(text, nodes, cpus) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1-02:03:04", 93784),
        ("02:03:04", 7384),
        ("1:00:00", 3600),
        ("10:00", 600),
        ("0:42", 42),
        ("1-00:00:00", 86400),
        ("00:10:00", 600),
        ("UNLIMITED", None),
        ("NOT_SET", None),
        ("Partition_Limit", None),
        ("INVALID", None),
        ("12", None),
        ("", None),
    ],
)
def test_durations(text, expected):
    assert values.duration_seconds(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1795383875", datetime(2026, 11, 22, 21, 44, 35, tzinfo=UTC)),
        ("0", None),
        ("N/A", None),
        ("Unknown", None),
        ("None", None),
        ("NONE", None),
        ("", None),
        ("999999999999", None),
        ("2026-13-45T99:99:99", None),
    ],
)
def test_times(text, expected):
    assert values.moment(text) == expected


@pytest.fixture
def _berlin(monkeypatch):
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_berlin")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T22:44:35", datetime(2026, 11, 22, 21, 44, 35, tzinfo=UTC)),
        ("2026-07-22T23:44:35", datetime(2026, 7, 22, 21, 44, 35, tzinfo=UTC)),
        ("2026-10-25T02:30:00", None),  # end of daylight saving time: it exists twice
        ("2026-03-29T02:30:00", None),  # start of daylight saving time: it does not exist
        ("0001-01-01T00:00:00", None),
    ],
)
def test_time_without_zone_is_local(text, expected):
    assert values.moment(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cpu=4,mem=1200M,node=2,billing=4", Resources(cpus=4, memory_bytes=1200 * MIB, gpus=0)),
        ("cpu=64,mem=62.50G,node=4", Resources(cpus=64, memory_bytes=64000 * MIB, gpus=0)),
        ("cpu=8,mem=1G,gres/gpu=2,gres/gpu:a100=2", Resources(cpus=8, memory_bytes=GIB, gpus=2)),
        ("cpu=8,mem=1G,gres/gpu:a100=2,gres/gpu:v100=1", Resources(cpus=8, memory_bytes=GIB, gpus=3)),
        ("billing=4,cpu=4,mem=100", Resources(cpus=4, memory_bytes=100 * MIB, gpus=0)),
        ("", Resources()),
        ("N/A", Resources()),
    ],
)
def test_trackable_resources(text, expected):
    assert values.resources(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gpu:2", 2),
        ("gres:gpu:2", 2),
        ("gres/gpu:4", 4),
        ("gres/gpu=1", 1),
        ("gpu:a100:2(S:0-1)", 2),
        ("gres:gpu:a100:2,gres:nvme:1", 2),
        ("gpu:a100:1,gpu:v100:2", 3),
        ("nvme:1", None),
        ("N/A", None),
        ("", None),
    ],
)
def test_gpus_per_node(text, expected):
    assert values.gpus_per_node(text) == expected


READERS = [
    values.size_bytes,
    values.count,
    values.whole_number,
    values.duration_seconds,
    values.moment,
    values.resources,
    values.gpus_per_node,
    lambda text: values.requested_memory_bytes(text, 2, 3),
]
ALMOST_VALUES = st.text(alphabet="0123456789KMGTPE.:-,=/()gpumres cpuT", max_size=40)


@given(text=st.text() | ALMOST_VALUES)
def test_any_text_can_be_parsed(text):
    for reader in READERS:
        reader(text)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("-4", "extern"),
        ("-5", "batch"),
        ("-6", "interactive"),
        ("4294967292", "extern"),
        ("4294967291", "batch"),
        ("4294967290", "interactive"),
        ("0", "0"),
        ("5", "5"),
        ("-3", "-3"),  # a pending step
        ("batch", "batch"),
        ("", ""),
        ("٥", "٥"),
    ],
)
def test_special_step_numbers_have_names(text, name):
    assert step_name(text) == name
