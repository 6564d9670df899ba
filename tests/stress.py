"""Run the whole suite three times in random order on an overloaded machine.

Run by ``make test-stress``; arguments go to pytest. Exits with 1 if any run failed, and ends its busy loops however it
ends.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator

RUNS = 3
LOOPS_A_CORE = 2
# It ends when its parent process ends, even if that is killed.
BUSY_LOOP = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(100_000))"
# Random order of files, and of tests within a file: the fixtures of a file are expensive.
PYTEST = [
    "-m",
    "pytest",
    "--numprocesses=3",
    "--dist=loadfile",
    "--no-loadscope-reorder",
    "--random-order-bucket=module",
]


@contextlib.contextmanager
def busy_loops(number: int) -> Iterator[list[int]]:
    """Run so many busy loops, and yield their pids."""
    loops = [subprocess.Popen([sys.executable, "-S", "-c", BUSY_LOOP]) for _ in range(number)]
    try:
        yield [loop.pid for loop in loops]
    finally:
        for loop in loops:
            loop.kill()
        for loop in loops:
            loop.wait()


def main(*arguments: str) -> int:
    """Run the suite; return 1 if a run failed."""
    cores = os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count()
    results: dict[int, int] = {}
    with busy_loops(LOOPS_A_CORE * (cores or 1)) as loops:
        for run in range(1, RUNS + 1):
            seed = random.randrange(2**32)
            print(f"\n=== run {run} of {RUNS}: {len(loops)} busy loops, --random-order-seed={seed}", flush=True)
            command = [sys.executable, *PYTEST, f"--random-order-seed={seed}", *arguments]
            results[seed] = subprocess.run(command, check=False).returncode
    failed = [f"--random-order-seed={seed} (status {status})" for seed, status in results.items() if status]
    print(
        f"\n=== {RUNS - len(failed)} of {RUNS} runs passed{''.join(f'; failed: {run}' for run in failed)}", flush=True
    )
    return bool(failed)


def _interrupt(number: int, _: object) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    sys.exit(main(*sys.argv[1:]))
