"""Keeps the early end of an estimate in place until something is learnt: else it would run with the clock. Pure.

While no task finishes, and neither threads nor tasks come or go, an estimate is the same number of seconds from now at
each poll. That the running tasks have not finished yet makes the late end later, but says nothing of the early one.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from msgspec.structs import replace

from dasktop.collectors.model.record import Record
from dasktop.collectors.model.work import Computation, Eta, TaskName, Work

_Part = TypeVar("_Part", Computation, TaskName)
_LEFT = ("processing", "queued", "waiting", "no-worker")


class HeldEnds(Record, frozen=True, kw_only=True):
    """The early ends of the last estimates."""

    known: tuple[int, int, int] = (0, 0, 0)
    """What they are based on: the number of threads, of finished tasks, and of tasks that are left."""
    whole: datetime | None = None
    computations: Mapping[str, datetime] = {}
    """By id."""
    names: Mapping[str, datetime] = {}
    """By task name."""


def with_held_ends(work: Work, threads: int, before: HeldEnds) -> tuple[Work, HeldEnds]:
    """Return the work with early ends no later than before if nothing was learnt since; and the ends to pass in next.

    An early end may then be in the past: the work could have been done by then.
    """
    finished = sum(name.finished_total or 0 for name in work.task_names)
    left = sum(name.states.get(state, 0) for name in work.task_names for state in _LEFT)
    known = (threads, finished, left)
    held = before if before.known == known else HeldEnds()
    work = replace(
        work,
        eta=_held(work.eta, held.whole),
        computations=tuple(_with_end(one, held.computations.get(one.id)) for one in work.computations),
        task_names=tuple(_with_end(name, held.names.get(name.name)) for name in work.task_names),
    )
    return work, HeldEnds(
        known=known,
        whole=None if work.eta is None else work.eta.earliest,
        computations={one.id: one.eta.earliest for one in work.computations if one.eta is not None},
        names={name.name: name.eta.earliest for name in work.task_names if name.eta is not None},
    )


def _with_end(part: _Part, end: datetime | None) -> _Part:
    eta = _held(part.eta, end)
    return part if eta is part.eta else replace(part, eta=eta)


def _held(eta: Eta | None, end: datetime | None) -> Eta | None:
    return eta if eta is None or end is None or eta.earliest <= end else replace(eta, earliest=end)
