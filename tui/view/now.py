"""What a row's workers run now: the task that a worker runs longest, of several workers the most frequent name. Pure.

Ages are in coarse steps: a cell changes at most every five seconds while the same task runs.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from dasktop.collectors.model.snapshot import Worker
from dasktop.collectors.model.task_times import TaskTimes
from dasktop.tui.draw.numbers import UNKNOWN, short_age
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.text_width import fit, printable, width
from dasktop.tui.view.rows import Row, workers_of_row

LONG = "▲"
"""Before the age of a task that has run much longer than is typical."""
IDLE, WAITING = "idle", "waiting"

_AGE_CELLS = 4
_TYPICAL_CELLS = 9
_CELLS_WITH_TYPICAL = 30
"""In a narrower column the mean time of such tasks is left out."""


class Now(NamedTuple):
    """One cell: ``""`` as name if the row has no workers."""

    name: str = ""
    """A task name or, without an age, a word for workers that run nothing; ``–``: unknown."""
    age: str = ""
    typical: str = ""
    """The mean time of tasks of that name."""
    is_long: bool = False
    """Whether a task of one of the workers has run much longer than is typical, or a finding says so."""


def now_of(row: Row, times: TaskTimes) -> Now:
    """Return what the workers of a row run."""
    workers = workers_of_row(row)
    if not workers:
        return Now()
    at_work = [worker for worker in workers if worker.longest_task_seconds is not None]
    if not at_work:
        return Now(_nothing(workers))
    names = Counter(worker.longest_task_name for worker in at_work)
    name = min(names, key=lambda one: (-names[one], one or ""))
    age = max(worker.longest_task_seconds or 0.0 for worker in at_work if worker.longest_task_name == name)
    is_long = any(_is_long(worker, times) for worker in at_work)
    return Now(UNKNOWN if name is None else name, short_age(age), _typical(times.typical_seconds(name)), is_long)


def age_step(seconds: float) -> float:
    """Return an age rounded down as `short_age` shows it. Rows with equal texts then keep their order when sorted."""
    step = 5 if seconds < 60 else 60 if seconds < 3600 else 3600
    return seconds - seconds % step


def _nothing(workers: Sequence[Worker]) -> str:
    """Return a word for workers of which no running task is known."""
    if any(worker.executing != 0 for worker in workers):
        return UNKNOWN
    return WAITING if any(worker.queued for worker in workers) else IDLE


def _is_long(worker: Worker, times: TaskTimes) -> bool:
    name, seconds = worker.longest_task_name, worker.longest_task_seconds
    if name is None or seconds is None:
        return False
    return (
        times.is_much_longer(name, seconds, times.typical_seconds(name))
        or times.is_far_longer_than_any(name, seconds)
        or times.is_reported(name, worker.name)
    )


def _typical(seconds: float | None) -> str:
    """Return ``~0.4s``, ``~12s``, ``~3m``: with few digits, since it changes with each task that finishes."""
    if seconds is None:
        return ""
    if seconds < 0.95:
        return f"~{max(seconds, 0.1):.1f}s"
    return f"~{seconds:.0f}s" if seconds < 59.5 else f"~{short_age(seconds)}"


def cells_of_now(now: Now) -> int:
    """Return the width in which the whole cell is shown, with the mean time."""
    return max(_CELLS_WITH_TYPICAL, width(printable(now.name)) + _AGE_CELLS + _TYPICAL_CELLS + 2)


def now_pieces(now: Now, cells: int) -> list[Piece]:
    """Return the cell in exactly this width: the name, then the mark and the age in a column of its own."""
    if not now.age:
        return [Piece(fit(now.name, cells), "quiet")]
    beside = (LONG if now.is_long else " ") + fit(now.age, _AGE_CELLS, "right")
    if cells >= _CELLS_WITH_TYPICAL:
        beside += fit(f" of {now.typical}" if now.typical else "", _TYPICAL_CELLS)
    role: Role = "waiting" if now.is_long else "text"
    room = max(0, cells - len(beside) - 1)
    return [Piece(fit(printable(now.name), room) + " "), Piece(fit(beside, cells - room - 1), role)]
