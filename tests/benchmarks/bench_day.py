"""The recording of a day: its size, the time to open it and to seek in it, and the time of a usage report on it.

100 jobs of one process each that compute 60 task names, with a snapshot every two seconds; it takes some minutes to
generate. It is a worst case: all workers are busy, and the memory, CPU and heartbeat of each change in every snapshot.
The size of a day is limited by `TokenBucket`, which leaves out snapshots: their number is what differs.
"""

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from dasktop.collectors.analysis.usage import FIELDS, UsageAccumulator, report_json, usual_seconds
from dasktop.collectors.recording.reader import Recording
from dasktop.collectors.recording.recorder import RecordingWriter, TokenBucket
from dasktop.tui.cli.report import MAX_SNAPSHOTS
from dasktop.tui.report.html import html_report
from dasktop.tui.report.text import plain_report
from tests.benchmarks.row import Row
from tests.support.recordings import busy_snapshots

JOBS, TASK_NAMES = 100, 60
SNAPSHOTS_A_DAY = 43_200
SEEKS = 200


def rows(*, tiny: bool) -> Iterator[Row]:
    """Yield the rows."""
    with tempfile.TemporaryDirectory(prefix="dasktop-bench-") as folder:
        path = Path(folder) / "day.ndjson.gz"
        write(path, 20 if tiny else SNAPSHOTS_A_DAY)
        yield Row.of_amount("day-size", path.stat().st_size / 1e6, "MB", 50)
        opening, longest_seek = read(path)
        yield Row.of_amount("day-opening", opening, "s", 10)
        yield Row.of_amount("day-seek", longest_seek, "s", 1)
        yield Row.of_amount("day-report", report(path), "s of CPU", 60)


def write(path: Path, count: int) -> None:
    """Write a generated recording."""
    writer = RecordingWriter(str(path), rate_limit=TokenBucket())
    for shown in busy_snapshots(JOBS, count, task_names=TASK_NAMES):
        writer.write(shown)
    writer.close()


def read(path: Path) -> tuple[float, float]:
    """Return the seconds to open a recording, and those of the longest seek."""
    with closing(Recording(str(path))) as recording:
        began_at = time.perf_counter()
        for _ in recording.scan():
            pass
        opening = time.perf_counter() - began_at
        chance = random.Random(1)
        longest = 0.0
        for _ in range(SEEKS):
            began_at = time.perf_counter()
            recording.snapshot(chance.randrange(len(recording.entries)))
            longest = max(longest, time.perf_counter() - began_at)
        return opening, longest


def report(path: Path) -> float:
    """Return the CPU seconds of a report on a recording in all its forms."""
    began_at = time.process_time()
    with closing(Recording(str(path))) as recording:
        for _ in recording.scan():
            pass
        indices = recording.evenly(MAX_SNAPSHOTS)
        moments = [recording.entries[index].taken_at for index in indices]
        usage = UsageAccumulator(usual_seconds(moments), skipped=len(recording.entries) - len(indices))
        for shown in recording.snapshots(indices, FIELDS, usage.add_memory):
            usage.add(shown)
        found = usage.report()
    for make in (report_json, plain_report, html_report):
        make(found)
    return time.process_time() - began_at
