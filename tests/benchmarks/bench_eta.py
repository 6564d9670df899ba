"""How often the range of the ETA contained the true end of work, and how narrow it was.

    python -m tests.benchmarks.bench_eta [RECORDING...]
    python -m tests.benchmarks.bench_eta --simulated [RUNS]

By default, tests the runs that `record_eta` recorded; those named ``validation-`` have other seeds and parameters.
"""

import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from random import Random
from statistics import mean
from typing import NamedTuple

from dasktop.collectors.analysis.estimates import estimated
from dasktop.collectors.analysis.work_history import WorkHistory
from dasktop.collectors.analysis.work_left import remaining_tasks
from dasktop.collectors.model.work import Work
from dasktop.collectors.recording.reader import Recording
from tests.benchmarks.simulated_work import SHAPES, Moment

FOLDER = Path(__file__).parents[1] / "fixtures" / "eta"
FIRST_PART = 0.1
LEAST_COVERED = 0.8
LEAST_NARROW = 0.5


class Score(NamedTuple):
    """Shares of the moments after the first tenth of a run."""

    moments: int
    estimated: float
    """With an ETA."""
    covered: float
    """The true end is in the range; a moment without a range is not covered."""
    narrow: float
    """The range is narrower than half of what is left."""


def left_of(work: Work | None) -> int:
    """Return how many tasks are not done."""
    return sum(remaining_tasks(name.states) for name in work.task_names) if work else 0


def back_test(run: list[Moment]) -> Score:
    """Return how good the ETAs of the whole were at each moment of one run."""
    busy = [index for index, moment in enumerate(run) if left_of(moment.work)]
    begin, end, not_before = run[busy[0]].at, run[busy[-1] + 1].at, run[busy[-1]].at
    history = WorkHistory()
    moments = has_eta = covered = narrow = 0
    for at, reported, threads in run[: busy[-1] + 1]:
        work, history = estimated(reported, at, threads, "scheduler", history)
        if at < begin + (end - begin) * FIRST_PART:
            continue
        moments += 1
        eta = work.eta if work else None
        if eta is None:
            continue
        has_eta += 1
        covered += eta.earliest <= end and not_before <= eta.latest
        narrow += (eta.latest - eta.earliest) < (end - at) / 2
    return Score(moments, has_eta / moments, covered / moments, narrow / moments)


def covered_names(run: list[Moment]) -> float:
    """Return how often the range of a task name contained its true end."""
    last_left: dict[str, datetime] = {}
    done: dict[str, datetime] = {}
    for at, reported, _ in run:
        for name in reported.task_names if reported else ():
            if remaining_tasks(name.states):
                last_left[name.name] = at
                done.pop(name.name, None)
            else:
                done.setdefault(name.name, at)
    history, covered = WorkHistory(), []
    for at, reported, threads in run:
        work, history = estimated(reported, at, threads, "scheduler", history)
        for name in work.task_names if work else ():
            if name.eta is not None:
                end = done.get(name.name, run[-1].at)
                covered.append(name.eta.earliest <= end and last_left[name.name] <= name.eta.latest)
    return mean(covered)


def moments_of(path: Path) -> list[Moment]:
    """Return what a recording has of the work."""
    recording = Recording(str(path))
    try:
        for _ in recording.scan():
            pass
        snapshots = map(recording.snapshot, range(len(recording.entries)))
        return [Moment(each.taken_at, each.work, each.totals.threads) for each in snapshots]
    finally:
        recording.close()


def simulated_scores(shape: str, runs: int) -> list[Score]:
    """Return the scores of this many simulated runs of one shape, with different seeds."""
    return [back_test(SHAPES[shape](Random(seed))) for seed in range(runs)]


def main(arguments: list[str]) -> None:
    """Print one line for each recording, or for each shape of simulated work."""
    if arguments[:1] == ["--simulated"]:
        for shape in SHAPES:
            scores = simulated_scores(shape, int(arguments[1]) if arguments[1:] else 40)
            _print(f"{shape} ({len(scores)} runs, mean)", scores)
            enough = [score.covered >= LEAST_COVERED for score in scores]
            print(f"{'':36} runs that are covered at {LEAST_COVERED:.0%} of the moments: {mean(enough):.0%}")
        return
    paths: Iterable[Path] = map(Path, arguments) if arguments else sorted(FOLDER.glob("*.ndjson.gz"))
    for path in paths:
        _print(path.name, [back_test(moments_of(path))])


def _print(title: str, scores: list[Score]) -> None:
    moments = sum(score.moments for score in scores)
    means = [mean(getattr(score, field) for score in scores) for field in ("estimated", "covered", "narrow")]
    print(f"{title:36} {moments:5} moments  estimated {means[0]:4.0%}  covered {means[1]:4.0%}  narrow {means[2]:4.0%}")


if __name__ == "__main__":
    main(sys.argv[1:])
