"""The workers that left, as text: how and why each ended, how long ago, and what it cost. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, get_args

from dasktop.collectors.analysis.worker_end import UNEXPLAINED
from dasktop.collectors.model.jobs import ended_badly
from dasktop.collectors.model.snapshot import Job, Snapshot, WorkerEvent
from dasktop.collectors.model.sums import sum_of_known
from dasktop.collectors.text.format import counted, plain_duration
from dasktop.tui.draw.times import ago
from dasktop.tui.view.worker_ends import cause_words, cost_words, tasks_words

How = Literal["killed", "died", "job ended", "requeued", "restarted", "lost", "closed", "left"]
"""In one word, the worst first. ``died``: says the log of its job; ``lost``: unexpectedly, for an unknown reason;
``closed``: as the scheduler expected, such as by scaling down; ``left``: the scheduler does not report why."""

DIED: tuple[How, ...] = ("killed", "died", "lost")
_UNEXPLAINED: Mapping[str | None, How] = {"expected": "closed", "unexpected": "lost", None: "left"}
_MOST_CAUSES = 6


def left_workers(snapshot: Snapshot) -> tuple[WorkerEvent, ...]:
    """Return the removals of workers in the last hours, expected ones too, the newest first."""
    return tuple(one for one in reversed(snapshot.worker_events or ()) if one.kind == "removed")


def how_it_left(end: WorkerEvent) -> How:
    """Return in a word how a worker ended."""
    reason = end.reason
    if reason in UNEXPLAINED:
        return _UNEXPLAINED[reason]
    if reason.startswith("killed "):
        return "killed"
    if reason.startswith("restarted "):
        return "restarted"
    if reason.startswith("job "):
        return "requeued" if " was requeued: " in reason else "job ended"
    return "died"


def is_bad_end(end: WorkerEvent, job: Job | None) -> bool:
    """Return whether the end of a worker of this job is worth a look: not if its job ended as it should."""
    how = how_it_left(end)
    if how == "job ended":
        return job is None or job.fate is None or ended_badly(job)
    return how in DIED


def why_it_left(end: WorkerEvent) -> str:
    """Return what ended a worker, in words."""
    return "closed as the scheduler expected" if end.reason == "expected" else cause_words(end)


def ran_words(end: WorkerEvent) -> str:
    """Return how long a worker ran; empty if that is unknown."""
    return "" if end.started_at is None else plain_duration((end.at - end.started_at).total_seconds())


def left_words(end: WorkerEvent, now: datetime) -> str:
    """Return when and why a worker ended, how long it ran, and what its end cost; its job is shown beside it."""
    when = ago(max(0.0, (now - end.at).total_seconds()))
    ran = f"ran {ran}" if (ran := ran_words(end)) else ""
    return "; ".join(filter(None, (f"{when}: {why_it_left(end)}", ran, cost_words(end))))


def left_words_in_short(end: WorkerEvent, now: datetime) -> str:
    """Return the same in fewer words, for a narrow row whose state says `how_it_left`."""
    when = ago(max(0.0, (now - end.at).total_seconds())).replace("less than ", "<")
    cause = why_it_left(end).removeprefix("killed by its nanny because of its ").replace("memory use: ", "memory ", 1)
    for words in ("its job ended: ", "its job was requeued: ", "closed " if end.reason == "expected" else ""):
        cause = cause.removeprefix(words)
    failed = f" ({end.tasks_failed:,} failed)" if end.tasks_failed else ""
    cost = [f"{counted(end.tasks_interrupted, 'task')}{failed}" if end.tasks_interrupted else ""]
    cost.append(f"{counted(end.results_lost, 'result')} lost" if end.results_lost else "")
    return "; ".join(filter(None, (f"{when}: {cause}", ", ".join(filter(None, cost)))))


def left_counts(ends: Iterable[WorkerEvent]) -> str:
    """Return how many workers ended how, the worst first: ``2 killed, 8 closed``."""
    counts = Counter(how_it_left(end) for end in ends)
    return ", ".join(f"{counts[how]:,} {how}" for how in get_args(How) if counts[how])


def total_cost(ends: Sequence[WorkerEvent]) -> str:
    """Return what it cost that these workers ended, as far as known; empty if nothing is known."""
    results = sum_of_known(end.results_lost for end in ends)
    parts = (
        tasks_words(ends, "it" if len(ends) == 1 else "them"),
        f"{counted(results, 'result')} lost" if results else "",
    )
    return "; ".join(filter(None, parts))


def commonest_causes(ends: Iterable[WorkerEvent]) -> Sequence[tuple[str, int]]:
    """Return the most common causes in words, and how many workers each ended."""
    return Counter(why_it_left(end) for end in ends).most_common(_MOST_CAUSES)
