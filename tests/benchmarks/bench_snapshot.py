"""The time of ``dasktop snapshot``, compared with ``python -c "import distributed"`` and one ``squeue``.

    python -m tests.benchmarks.bench_snapshot [ADDRESS]

With the address of a scheduler, SLURM's commands must be on PATH. Without one, it starts a scheduler and skips squeue.
"""

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from tests.support.dask_processes import Scheduler

ROUNDS = 9
PYTHON = sys.executable


def seconds(command: Sequence[str]) -> float:
    started_at = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - started_at


def compare(address: str, *options: str) -> None:
    """Run the commands in turn, so that all have the same load of the machine; print medians and their ratio."""
    squeue = [] if "--no-slurm" in options else [shutil.which("squeue") or "squeue"]
    snapshot = [PYTHON, "-m", "dasktop.tui", "snapshot", address, *options]
    rounds = []
    for _ in range(ROUNDS + 1):
        base = seconds([PYTHON, "-c", "import distributed"])
        queue = seconds(squeue) if squeue else 0.0
        rounds.append((base, queue, seconds(snapshot)))
    base, queue, whole = (statistics.median(column) for column in zip(*rounds[1:], strict=True))
    ratio = statistics.median((whole - queue) / base for base, queue, whole in rounds[1:])
    print(f"import distributed {base:.3f} s · squeue {queue:.3f} s · dasktop snapshot {whole:.3f} s")
    print(f"(snapshot - squeue) / import, median of {ROUNDS}: {ratio:.2f}   (limit: 1.5)")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        compare(sys.argv[1])
    else:
        with Scheduler() as scheduler:
            compare(scheduler.address, "--no-slurm")
