"""Pure parts of the embedded SLURM: options, sizes, times, host lists, job ids and the scheduler."""

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasktop.collectors.embedded_slurm import hostlist, options, selection, units
from dasktop.collectors.embedded_slurm.options import Refused
from dasktop.collectors.embedded_slurm.records import Needs, Resources
from dasktop.collectors.embedded_slurm.scheduler import PendingJob, Plan, Reservation, place, plan
from dasktop.collectors.embedded_slurm.selection import Selector
from dasktop.collectors.embedded_slurm.units import UnreadableError

TABLE = options.table("""
    -h --noheader
    -j --jobs[=LIST]
    -n --name=NAME
    -o --format=TEXT
       --formality
       --me
""")
NOW = 1_000_000.0
NODES = {f"n{number}": Resources(4, 4000) for number in (1, 2, 3)}


@pytest.mark.parametrize(
    ("line", "values", "rest"),
    [
        (["-h", "--me"], {"noheader": "", "me": ""}, []),
        (["-hj7,8", "-n", "a b"], {"noheader": "", "jobs": "7,8", "name": "a b"}, []),
        (["-j", "7"], {"jobs": ""}, ["7"]),
        (["--jobs=7", "--nam", "x", "--name=y"], {"jobs": "7", "name": "y"}, []),
        (["-o%i", "--format="], {"format": ""}, []),
        (["a", "-h", "--", "-h"], {"noheader": ""}, ["a", "-h"]),
        (["-"], {}, ["-"]),
    ],
)
def test_valid_command_lines(line: list[str], values: dict[str, str], rest: list[str]) -> None:
    read = options.read(TABLE, line)
    assert (read.values, read.rest) == (values, rest)


def test_options_may_end_at_the_first_argument() -> None:
    assert options.read(TABLE, ["-h", "program", "-x", "--y"], permute=False).rest == ["program", "-x", "--y"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (["-x"], "invalid option -- 'x'"),
        (["--nothing"], "unrecognized option '--nothing'"),
        (["--for"], "ambiguous option '--for'"),
        (["--name"], "option '--name' requires an argument"),
        (["-n"], "option requires an argument -- 'n'"),
        (["--me=you"], "option '--me' doesn't allow an argument"),
    ],
)
def test_invalid_command_lines(line: list[str], problem: str) -> None:
    with pytest.raises(Refused) as refused:
        options.read(TABLE, line)
    assert str(refused.value) == problem


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("5", 5),
        ("0:10", 1),
        ("00:00:10", 1),
        ("1:30", 2),
        ("01:00:00", 60),
        ("1-0", 1440),
        ("1-2:3", 1563),
        ("1-02:03:04", 1564),
        ("UNLIMITED", None),
        ("infinite", None),
    ],
)
def test_time_limits(text: str, minutes: int | None) -> None:
    assert units.parse_minutes(text) == minutes


@pytest.mark.parametrize("text", ["", "x", "1:2:3:4", "1-", "-5", "1.5", "99999999999"])
def test_invalid_time_limits(text: str) -> None:
    with pytest.raises(UnreadableError):
        units.parse_minutes(text)


@pytest.mark.parametrize(
    ("seconds", "short", "padded"),
    [
        (0, "0:00", "00:00:00"),
        (59.9, "0:59", "00:00:59"),
        (3599, "59:59", "00:59:59"),
        (3600, "1:00:00", "01:00:00"),
        (93_784, "1-02:03:04", "1-02:03:04"),
        (None, "UNLIMITED", "UNLIMITED"),
        (-3, "0:00", "00:00:00"),
    ],
)
def test_durations(seconds: float | None, short: str, padded: str) -> None:
    assert units.duration(seconds) == short
    assert units.duration(seconds, padded=True) == padded


@pytest.mark.parametrize(
    ("megabytes", "text"),
    [(0, "0"), (100, "100M"), (1000, "1000M"), (1024, "1G"), (1536, "1.50G"), (4000, "4000M"), (64_000, "62.50G")],
)
def test_sizes(megabytes: int, text: str) -> None:
    assert units.size(megabytes) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (3_175_765, "3175765"), (3_276_800, "3200K"), (2**20, "1M")])
def test_measured_sizes(number: int, text: str) -> None:
    assert units.measured(number) == text


@pytest.mark.parametrize(("text", "megabytes"), [("100", 100), ("2G", 2048), ("512K", 1), ("1t", 2**20), ("3MB", 3)])
def test_requested_sizes(text: str, megabytes: int) -> None:
    assert units.parse_megabytes(text) == megabytes


def test_timestamps() -> None:
    now = time.mktime((2026, 3, 4, 5, 6, 7, 0, 0, -1))
    assert units.timestamp(now, None, "") == "2026-03-04T05:06:07"
    assert units.timestamp(now, "%s", "") == str(int(now))
    assert units.timestamp(None, "%s", "Unknown") == "Unknown"
    assert units.parse_timestamp("2026-03-04T05:06:07", now) == now
    assert units.parse_timestamp("now-2hours", now) == now - 7200
    assert units.timestamp(units.parse_timestamp("midnight", now), None, "") == "2026-03-04T00:00:00"
    assert units.timestamp(units.parse_timestamp("04:05", now), None, "") == "2026-03-04T04:05:00"
    with pytest.raises(UnreadableError):
        units.parse_timestamp("yesteryear", now)


@pytest.mark.parametrize(
    ("short", "names"),
    [
        ("n1", ["n1"]),
        ("n[1-3]", ["n1", "n2", "n3"]),
        ("n[1,3-4],login", ["n1", "n3", "n4", "login"]),
        ("nid0[0099,0156-0157]", ["nid00099", "nid00156", "nid00157"]),
        ("r[1-2]n[8-9]", ["r1n8", "r1n9", "r2n8", "r2n9"]),
    ],
)
def test_host_lists(short: str, names: list[str]) -> None:
    assert hostlist.expand(short) == names


@pytest.mark.parametrize("text", ["n[", "n]", "n[a]", "n[1-", "n[]", "n[1-99999999999]"])
def test_invalid_host_lists(text: str) -> None:
    with pytest.raises(UnreadableError):
        hostlist.expand(text)


@given(st.sets(st.integers(0, 300)), st.sampled_from([0, 3]))
def test_host_lists_round_trip(numbers: set[int], width: int) -> None:
    names = {f"node-{number:0{width}}" for number in numbers}
    assert set(hostlist.expand(hostlist.compress(names))) == names


@given(st.sets(st.integers(0, 1000), min_size=1))
def test_array_indexes_round_trip(numbers: set[int]) -> None:
    assert hostlist.read_indexes(hostlist.write_indexes(numbers)) == sorted(numbers)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", Selector(12)),
        ("12_3", Selector(12, (3,))),
        ("12_[1-3,5%2]", Selector(12, (1, 2, 3, 5))),
        ("12.batch", Selector(12, None, "batch")),
        ("12_3.0", Selector(12, (3,), "0")),
        ("12+0", Selector(12)),
    ],
)
def test_job_ids(text: str, expected: Selector) -> None:
    assert selection.parse(text) == expected


@pytest.mark.parametrize("text", ["", "x", "12_", "12.x", "-1", "12;13"])
def test_invalid_job_ids(text: str) -> None:
    with pytest.raises(UnreadableError):
        selection.parse(text)


def wait(
    job_id: int, tasks: int = 1, minutes: float = 10, nodes: int | None = None, partition: str = "p"
) -> PendingJob:
    return PendingJob(job_id, Needs(tasks=tasks, nodes=nodes, memory_per_cpu_mb=100), minutes * 60, partition)


def taken(tasks: dict[str, int], minutes: float) -> Reservation:
    return Reservation(
        NOW - 60, NOW + minutes * 60, {name: Resources(cpus, 100 * cpus) for name, cpus in tasks.items()}
    )


def test_jobs_start_in_order_of_submission() -> None:
    result = plan(NOW, [wait(1, 4), wait(2, 4), wait(3, 4), wait(4, 4)], [], NODES)
    assert [list(placement.tasks) for placement in result.starts.values()] == [["n1"], ["n2"], ["n3"]]
    assert (result.reasons, result.expected) == ({4: "Resources"}, {4: NOW + 600})


def test_only_first_job_waits_for_resources() -> None:
    full = [taken({"n1": 4, "n2": 4, "n3": 4}, 5)]
    result = plan(NOW, [wait(1), wait(2), wait(3, partition="q"), wait(4, partition="q")], full, NODES)
    assert result.reasons == {1: "Resources", 2: "Priority", 3: "Resources", 4: "Priority"}
    assert set(result.expected.values()) == {NOW + 300}


def test_backfill_delays_no_job() -> None:
    half = [taken({"n1": 4, "n2": 4}, 30)]
    result = plan(NOW, [wait(1, 12, nodes=3), wait(2, 2, minutes=30), wait(3, 2, minutes=31)], half, NODES)
    assert set(result.starts) == {2}
    assert result.reasons == {1: "Resources", 3: "Priority"}
    assert result.expected[1] == NOW + 1800


def test_no_expected_start_after_unlimited_jobs() -> None:
    result = plan(NOW, [wait(1, 12)], [taken({"n1": 1}, math.inf)], NODES)
    assert (result.reasons, result.expected) == ({1: "Resources"}, {})


def test_memory_and_gpus_are_counted() -> None:
    free = {"n1": Resources(4, 1000, 0), "n2": Resources(4, 4000, 1)}
    placement = place(Needs(memory_per_node_mb=2000), free)
    assert placement is not None
    assert list(placement.shares) == ["n2"]
    assert place(Needs(memory_per_node_mb=2000, nodes=2, tasks=2), free) is None
    assert place(Needs(gpus_per_node=1, nodes=2, tasks=2), free) is None


needs = st.builds(
    Needs,
    tasks=st.integers(1, 14),
    nodes=st.none() | st.integers(1, 4),
    cpus_per_task=st.none() | st.integers(1, 5),
    tasks_per_node=st.none() | st.integers(1, 4),
    memory_per_node_mb=st.none() | st.integers(1, 5000),
)


@given(st.lists(st.tuples(needs, st.sampled_from([1, 5, 60, math.inf])), max_size=12))
def test_resources_are_never_allocated_twice(jobs: list[tuple[Needs, float]]) -> None:
    queue = [PendingJob(number, need, minutes * 60, "p") for number, (need, minutes) in enumerate(jobs)]
    result: Plan = plan(NOW, queue, [], NODES)
    assert result.starts.keys() | result.reasons.keys() == {job.id for job in queue}
    assert not result.starts.keys() & result.reasons.keys()
    left = dict(NODES)
    for job_id, placement in result.starts.items():
        need = queue[job_id].needs
        assert sum(placement.tasks.values()) == need.tasks
        assert need.nodes in {None, len(placement.tasks)}
        assert all(count <= (need.tasks_per_node or count) for count in placement.tasks.values())
        for name, share in placement.shares.items():
            assert left[name].covers(share)
            left[name] -= share


@given(st.lists(st.tuples(needs, st.sampled_from([1, 5, 60])), min_size=1, max_size=8))
def test_later_job_never_delays_earlier_one(jobs: list[tuple[Needs, float]]) -> None:
    queue = [PendingJob(number, need, minutes * 60, "p") for number, (need, minutes) in enumerate(jobs)]
    busy = [taken({"n1": 3, "n2": 1}, 7)]
    whole, without_last = plan(NOW, queue, busy, NODES), plan(NOW, queue[:-1], busy, NODES)
    for job in queue[:-1]:
        assert whole.expected.get(job.id) == without_last.expected.get(job.id)
        assert (job.id in whole.starts) == (job.id in without_last.starts)
