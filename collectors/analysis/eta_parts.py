"""Makes the ranges of task names, computations and the whole consistent: the whole ends when its last part does. Pure.

Each range is estimated by itself: that of a task name supposes less about the order in which tasks run than that of the
whole. So no part ends later than the whole; and if the ranges of all parts are known, the last part has that of the
whole. The ranges of the whole are left as they are: these are tested with recorded runs.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

from msgspec.structs import replace

from dasktop.collectors.model.work import Computation, Eta, TaskName, Work

_Part = TypeVar("_Part", Computation, TaskName)


def with_consistent_parts(work: Work, left: Collection[str]) -> Work:
    """Return the work with ranges of the parts that do not contradict that of the whole.

    ``left`` are the task names with tasks that will be done when the whole is.
    """
    whole = work.eta
    if whole is None:
        return work
    computations = tuple(replace(one, eta=_within(one.eta, whole)) for one in work.computations)
    running = [one.id for one in computations if one.ended_at is None and any(name in left for name in one.task_names)]
    listed = {name for one in computations if one.id in running for name in one.task_names}
    if listed.issuperset(left):
        computations = _ending_with(whole, computations, {one.id: one for one in computations}, running)
    ends = _ends_by_name(computations)
    names = tuple(replace(name, eta=_within(_within(name.eta, ends.get(name.name)), whole)) for name in work.task_names)
    times = Counter(name for one in computations if one.id in running for name in set(one.task_names))
    for one in computations:
        own = [name for name in one.task_names if name in left]
        if one.id in running and one.eta is not None and all(times[name] == 1 for name in own):
            names = _ending_with(one.eta, names, {name.name: name for name in names}, own)
    names = _ending_with(whole, names, {name.name: name for name in names}, left)
    return replace(work, computations=computations, task_names=names)


def _ending_with(
    whole: Eta, all_parts: tuple[_Part, ...], by_key: Mapping[str, _Part], left: Iterable[str]
) -> tuple[_Part, ...]:
    """Return the parts, the last of those that are left with the range of the whole; unchanged if one is unknown."""
    parts = [by_key[key] for key in left if key in by_key]
    etas = [part.eta for part in parts if part.eta is not None]
    if not etas or len(etas) < len(parts):
        return all_parts
    latest = max(etas, key=lambda eta: (eta.latest, eta.earliest))
    last = next(part for part in parts if part.eta is latest)
    eta = replace(latest, earliest=max(latest.earliest, whole.earliest), latest=max(latest.latest, whole.latest))
    return tuple(replace(part, eta=eta) if part is last else part for part in all_parts)


def _within(eta: Eta | None, whole: Eta | None) -> Eta | None:
    """Return the range of a part, which ends no later than the whole."""
    if eta is None or whole is None or (eta.earliest <= whole.earliest and eta.latest <= whole.latest):
        return eta
    return replace(eta, earliest=min(eta.earliest, whole.earliest), latest=min(eta.latest, whole.latest))


def _ends_by_name(computations: Iterable[Computation]) -> dict[str, Eta | None]:
    """Return when the last computation that has this task name will be done; ``None`` if unknown of one of them."""
    found: dict[str, Eta | None] = {}
    for computation in computations:
        eta = computation.eta
        if computation.ended_at is not None:
            continue
        for name in computation.task_names:
            other = found.get(name, eta)
            if other is eta or other is None or eta is None:
                found[name] = None if other is None else eta
            else:
                found[name] = replace(
                    eta, earliest=max(eta.earliest, other.earliest), latest=max(eta.latest, other.latest)
                )
    return found
