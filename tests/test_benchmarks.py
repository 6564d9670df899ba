"""Each benchmark runs at a tiny size and prints valid lines; what it measures is not looked at."""

import os
import subprocess
import sys

import msgspec

from tests.benchmarks.__main__ import NAMES, TINY
from tests.benchmarks.bench_growth import SIZES, UNITS
from tests.benchmarks.row import Row
from tests.support.waiting import PATIENCE_SECONDS

EXPECTED = {
    *("poll-time", "poll-bytes", "poll-with-work"),
    *("threads", "sampler", "analysis", "analysis-growth", "analysis-idle", "analysis-50000"),
    *("scontrol-processes", "slurm-rpcs", "cpu-steady", "terminal", "start", "snapshot", "recording", "redacting"),
    *("snapshot-folded", "snapshot-sorted", "snapshot-filtered", "snapshot-flat-sorted"),
    *("key-41000-rows", "key-41000-rows-growth", "key-50000-workers"),
    *("follows-50000", "follows-50000-cpu", "follows-50000-key"),
    *("day-size", "day-opening", "day-seek", "day-report"),
    "joining",
    *(f"{name}-{size}" for name in UNITS for size in SIZES),
}


def test_benchmarks_print_their_rows() -> None:
    # In a process of its own: a benchmark replaces parts of asyncio and distributed.
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", TINY, *NAMES],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [msgspec.json.decode(line, type=Row) for line in done.stdout.splitlines()]
    assert sorted(row.name for row in found) == sorted(EXPECTED)


def test_row_of_a_ratio_meets_its_bound() -> None:
    row = Row.of_ratio("poll-time", 1.25, "ms", "identity", 5.0, 0.25)
    assert (row.ratio, row.base, row.is_met) == (0.25, "identity: 5 ms", True)
    assert not Row.of_ratio("poll-time", 1.26, "ms", "identity", 5.0, 0.25).is_met


def test_row_of_a_time_is_in_milliseconds() -> None:
    row = Row.of_time("sampler", 0.1504, 0.01, 150)
    assert (row.measured, row.unit, row.ratio, row.is_met) == (150.0, "ms", 15.0, False)
