"""How often the range of the ETA contained the true end of recorded work, and how narrow it was.

    python -m tests.benchmarks.bench_eta [RECORDING...]

By default, tests the runs that `record_eta` recorded; no constant was chosen with those named ``validation-``.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from dasktop.collectors.analysis.estimates import estimated
from dasktop.collectors.analysis.work_history import WorkHistory
from dasktop.collectors.analysis.work_left import remaining_tasks
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.recording.reader import Recording

FOLDER = Path(__file__).parents[1] / "fixtures" / "eta"
FIRST_PART = 0.1


class Score(NamedTuple):
    """Shares of the moments after the first tenth of a run."""

    moments: int
    estimated: float
    """With an ETA."""
    covered: float
    """The true end is in the range; a moment without a range is not covered."""
    narrow: float
    """The range is narrower than half of what is left."""


def left_of(snapshot: Snapshot) -> int:
    """Return how many tasks are not done."""
    names = snapshot.work.task_names if snapshot.work else ()
    return sum(remaining_tasks(name.states) for name in names)


def back_test(snapshots: Iterable[Snapshot]) -> Score:
    """Return how good the ETAs of the whole were at each snapshot of one run."""
    run = list(snapshots)
    busy = [at for at, each in enumerate(run) if left_of(each)]
    begin, end = run[busy[0]].taken_at, run[busy[-1] + 1].taken_at
    history = WorkHistory()
    moments = has_eta = covered = narrow = 0
    for each in run[: busy[-1] + 1]:
        work, history = estimated(each.work, each.taken_at, each.totals.threads, each.cluster.scheduler_id, history)
        if each.taken_at < begin + (end - begin) * FIRST_PART:
            continue
        moments += 1
        eta = work.eta if work else None
        if eta is None:
            continue
        has_eta += 1
        covered += eta.earliest <= end and run[busy[-1]].taken_at <= eta.latest
        narrow += (eta.latest - eta.earliest) < (end - each.taken_at) / 2
    return Score(moments, has_eta / moments, covered / moments, narrow / moments)


def snapshots_of(path: Path) -> Iterable[Snapshot]:
    """Return all snapshots of a recording."""
    recording = Recording(str(path))
    try:
        for _ in recording.scan():
            pass
        for index in range(len(recording.entries)):
            yield recording.snapshot(index)
    finally:
        recording.close()


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:] or sorted(map(str, FOLDER.glob("*.ndjson.gz")))):
        score = back_test(snapshots_of(path))
        print(
            f"{path.name:32} {score.moments:4} moments  estimated {score.estimated:4.0%}"
            f"  covered {score.covered:4.0%}  narrow {score.narrow:4.0%}"
        )
