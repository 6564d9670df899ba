"""What it costs to record a snapshot of a busy cluster, and to redact it."""

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.recording.recorder import RecordingWriter
from tests.benchmarks.row import Row, cpu_seconds, yardstick
from tests.support.recordings import busy_snapshots

WORKERS_OF_A_JOB = 4
TASK_NAMES = 60


def rows(*, tiny: bool) -> Iterator[Row]:
    """Yield the rows."""
    count, jobs = (3, 2) if tiny else (30, 250)
    plain, redacted = of_snapshots(jobs, count)
    yield Row.of_time("recording", plain, yardstick(), 10)
    yield Row.of_time("redacting", redacted - plain, yardstick(), 15)


def of_snapshots(jobs: int, count: int) -> tuple[float, float]:
    """Return the CPU seconds to write a snapshot, and to write one redacted, as medians."""
    with tempfile.TemporaryDirectory(prefix="dasktop-bench-") as folder:
        writers = [
            RecordingWriter(str(Path(folder) / f"{redact}.ndjson.gz"), redact=redact) for redact in (False, True)
        ]

        def write(writer: RecordingWriter, shown: Snapshot) -> float:
            return cpu_seconds(lambda: writer.write(shown))

        shown = busy_snapshots(jobs, count, WORKERS_OF_A_JOB, task_names=TASK_NAMES)
        found = [[write(writer, one) for writer in writers] for one in itertools.islice(shown, count)]
        for writer in writers:
            writer.close()
    plain, redacted = (median(column[1:]) for column in zip(*found, strict=True))
    return plain, redacted
