"""How large a day's recording is, and how long it takes to open it and to go anywhere in it.

    python -m tests.benchmarks.bench_recording [JOBS [PROCESSES [SHARE_OF_A_DAY]]]
    python -m tests.benchmarks.bench_recording RECORDING

By default a whole day of 100 jobs of one process each, a snapshot every two seconds; that takes some minutes to make.
The made-up cluster is as restless as can be: all workers are busy, and each one's memory, CPU and last sign of life are
others in every snapshot.
"""

import random
import resource
import sys
import tempfile
import time
from pathlib import Path

from dasktop.collectors.recording.reader import Recording
from dasktop.collectors.recording.recorder import RecordingWriter, TokenBucket
from tests.support.recordings import busy_snapshots

SNAPSHOTS_A_DAY = 43_200
SEEKS = 200
MOST_MEGABYTES = 50
MOST_SECONDS = 1.0


def write(path: Path, jobs: int, processes: int, count: int) -> float:
    """Write such a recording, and return how many seconds of CPU that took."""
    writer = RecordingWriter(str(path), rate_limit=TokenBucket())
    seconds = 0.0
    for shown in busy_snapshots(jobs, count, processes):
        began_at = time.process_time()
        writer.write(shown)
        seconds += time.process_time() - began_at
    writer.close()
    return seconds


def measure(jobs: int, processes: int, share: float) -> None:
    """Write a recording and read it, and print figures."""
    count = round(SNAPSHOTS_A_DAY * share)
    with tempfile.TemporaryDirectory(prefix="dasktop-bench-") as folder:
        path = Path(folder) / "day.ndjson.gz"
        seconds = write(path, jobs, processes, count)
        megabytes = path.stat().st_size / 1e6
        print(f"{count:,} snapshots of {jobs} jobs, {jobs * processes} workers: {megabytes:.1f} MB", end="")
        print(f", {1000 * seconds / count:.1f} ms of CPU each (a whole day may have {MOST_MEGABYTES} MB)")
        read(path)


def read(path: Path) -> None:
    """Open a recording, go here and there in it, and print figures."""
    recording = Recording(str(path))
    began_at = time.perf_counter()
    first_seconds = None
    for found in recording.scan():
        if found and first_seconds is None:
            recording.snapshot(0)
            first_seconds = time.perf_counter() - began_at
    opening_seconds = time.perf_counter() - began_at
    chance = random.Random(1)
    took = []
    for _ in range(SEEKS):
        began_at = time.perf_counter()
        recording.snapshot(chance.randrange(len(recording.entries)))
        took.append(time.perf_counter() - began_at)
    took.sort()
    print(f"{len(recording.entries):,} snapshots in it, {path.stat().st_size / 1e6:.1f} MB; ", end="")
    print(f"the first one after {first_seconds:.3f} s, all found after {opening_seconds:.2f} s")
    print(f"going anywhere: median {took[SEEKS // 2]:.3f} s, longest {took[-1]:.3f} s (may be {MOST_SECONDS} s)")
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    recording.close()


if __name__ == "__main__":
    given = sys.argv[1:]
    if given and Path(given[0]).is_file():
        read(Path(given[0]))
        sys.exit()
    measure(int(given[0]) if given else 100, int(given[1]) if given[1:] else 1, float(given[2]) if given[2:] else 1.0)
