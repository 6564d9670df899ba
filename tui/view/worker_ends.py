"""Workers that ended unexpectedly, as text: when, which, of what, and what it cost. Pure."""

import re
from collections.abc import Iterator, Sequence

from dasktop.collectors.analysis.worker_end import UNEXPLAINED
from dasktop.collectors.model.snapshot import WorkerEvent
from dasktop.collectors.model.sums import sum_of_known
from dasktop.collectors.text.format import counted
from dasktop.tui.draw.prose import Words
from dasktop.tui.draw.times import local

MOST_LISTED = 20


_JOB = re.compile(r"job \S+ (?=ended: |was requeued: )")


def without_job(cause: str, job_id: str | None) -> str:
    """Return what ended a worker without the id of its job, which is shown beside it."""
    return cause if job_id is None else _JOB.sub("its job ", cause, count=1)


def end_words(end: WorkerEvent, subject: str) -> str:
    """Return what ended the worker, the subject of the sentence, and what it cost."""
    return "; ".join(filter(None, (f"{subject}: {cause_words(end)}", cost_words(end))))


def cause_words(end: WorkerEvent) -> str:
    """Return what ended the worker."""
    is_known = end.reason is not None and end.reason not in UNEXPLAINED
    return without_job(end.reason or "", end.job_id) if is_known else "ended for an unknown reason"


def cost_words(end: WorkerEvent) -> str:
    """Return what it cost that the worker ended; empty if nothing is known."""
    cost = [
        tasks_words((end,), "it"),
        f"{counted(end.results_lost, 'result')} lost" if end.results_lost else "",
    ]
    return "; ".join(filter(None, cost))


def tasks_words(ends: Sequence[WorkerEvent], to: str) -> str:
    """Return how many tasks were assigned to workers that ended, and how many failed; empty if nothing is known."""
    assigned = sum_of_known(end.tasks_interrupted for end in ends)
    failed = sum_of_known(end.tasks_failed for end in ends)
    if not assigned:
        return f"{counted(failed, 'task')} failed" if failed else ""
    of_them = ""
    if failed:
        which = "" if failed == assigned == 1 else "all of " if failed == assigned else f"{failed:,} of "
        of_them = f", {which}which failed"
    return f"{counted(assigned, 'task')} assigned to {to}{of_them}"


def worker_end_paragraphs(ends: Sequence[WorkerEvent]) -> Iterator[list[Words]]:
    """Yield a summary, and a list with the newest first; nothing if there are no ends."""
    if not ends:
        return
    lines = [Words(f"{counted(len(ends), 'worker')} ended unexpectedly", "strong")]
    for end in reversed(ends[-MOST_LISTED:]):
        within = f" in job {end.job_id}" if end.job_id else ""
        within += f" on node {end.node}" if end.node else ""
        subject = f"worker {end.worker or end.address or 'unknown'}{within}"
        lines.append(Words(f"{local(end.at):%H:%M:%S} {end_words(end, subject)}", indent=2))
    if len(ends) > MOST_LISTED:
        lines.append(Words(f"and {len(ends) - MOST_LISTED:,} more before", "quiet", 2))
    yield lines
