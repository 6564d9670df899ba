"""The size of the recording of a day, and the time to open it and to seek in it.

    python -m tests.benchmarks.bench_recording [JOBS [PROCESSES [SHARE_OF_A_DAY [TASK_NAMES]]]]
    python -m tests.benchmarks.bench_recording RECORDING

By default a day of 100 jobs of one process each that compute 60 task names, with a snapshot every two seconds; it takes
some minutes to generate. It is a worst case: all workers are busy, and the memory, CPU and heartbeat of each change in
every snapshot. The size of a day is limited by `TokenBucket`, which leaves out snapshots: their number is what differs.
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


def write(path: Path, jobs: int, processes: int, count: int, task_names: int) -> float:
    """Write a generated recording, and return the seconds of CPU time that this took."""
    writer = RecordingWriter(str(path), rate_limit=TokenBucket())
    seconds = 0.0
    for shown in busy_snapshots(jobs, count, processes, task_names=task_names):
        began_at = time.process_time()
        writer.write(shown)
        seconds += time.process_time() - began_at
    writer.close()
    return seconds


def measure(jobs: int, processes: int, share: float, task_names: int) -> None:
    """Write a recording, read it, and print its size and times."""
    count = round(SNAPSHOTS_A_DAY * share)
    with tempfile.TemporaryDirectory(prefix="dasktop-bench-") as folder:
        path = Path(folder) / "day.ndjson.gz"
        seconds = write(path, jobs, processes, count, task_names)
        megabytes = path.stat().st_size / 1e6
        print(
            f"{count:,} snapshots of {jobs} jobs, {jobs * processes} workers, {task_names} task names: "
            f"{megabytes:.1f} MB",
            end="",
        )
        print(f", {1000 * seconds / count:.1f} ms of CPU each (limit for a whole day: {MOST_MEGABYTES} MB)")
        read(path)


def read(path: Path) -> None:
    """Open a recording, seek in it, and print the times."""
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
    print(f"the first after {first_seconds:.3f} s, all after {opening_seconds:.2f} s")
    print(f"seek: median {took[SEEKS // 2]:.3f} s, longest {took[-1]:.3f} s (limit: {MOST_SECONDS} s)")
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    recording.close()


if __name__ == "__main__":
    given = sys.argv[1:]
    if given and Path(given[0]).is_file():
        read(Path(given[0]))
        sys.exit()
    measure(
        int(given[0]) if given else 100,
        int(given[1]) if given[1:] else 1,
        float(given[2]) if given[2:] else 1.0,
        int(given[3]) if given[3:] else 60,
    )
