"""The time and the memory of ``dasktop report`` on the recording of a day.

    python -m tests.benchmarks.bench_report [RECORDING]

Without an argument it first generates a recording of 100 busy jobs, which takes some minutes.
"""

import resource
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from dasktop.collectors.analysis.usage import FIELDS, UsageAccumulator, report_json, usual_seconds
from dasktop.collectors.recording.reader import Recording
from dasktop.tui.cli.report import MAX_SNAPSHOTS
from dasktop.tui.report.html import html_report
from dasktop.tui.report.text import plain_report
from tests.benchmarks.bench_recording import SNAPSHOTS_A_DAY, write

JOBS = 100
MOST_SECONDS = 60


def measure(path: Path) -> None:
    """Report on a recording, and print the times and the memory."""
    took: dict[str, float] = {}

    def lap(name: str, began_at: float) -> float:
        now = time.process_time()
        took[name] = took.get(name, 0.0) + now - began_at
        return now

    at = time.process_time()
    with closing(Recording(str(path))) as recording:
        for _ in recording.scan():
            pass
        at = lap("scanning", at)
        indices = recording.evenly(MAX_SNAPSHOTS)
        moments = [recording.entries[index].taken_at for index in indices]
        tally = UsageAccumulator(usual_seconds(moments), skipped=len(recording.entries) - len(indices))
        for shown in recording.snapshots(indices, FIELDS, tally.add_memory):
            at = lap("reading", at)
            tally.add(shown)
            at = lap("summing up", at)
        megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        report = tally.report()
    for make in (report_json, plain_report, html_report):
        make(report)
    lap("writing", at)
    print(f"{report.snapshots:,} snapshots, {report.totals.jobs:,} jobs, {path.stat().st_size / 1e6:.1f} MB")
    parts = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in took.items())
    print(f"{sum(took.values()):.1f} s of CPU (limit: {MOST_SECONDS} s): {parts}")
    print(f"peak memory: {megabytes:.0f} MB; HTML page: {len(html_report(report)) / 1e6:.2f} MB")


if __name__ == "__main__":
    if sys.argv[1:]:
        measure(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory(prefix="dasktop-bench-") as folder:
            made = Path(folder) / "day.ndjson.gz"
            write(made, JOBS, 1, SNAPSHOTS_A_DAY)
            measure(made)
