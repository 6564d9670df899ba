"""Hours out of seconds: what was granted, told apart by what became of it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from dasktop.collectors.analysis.usage.run import Seconds, Sum
from dasktop.collectors.model.report import Hours

Source = Literal["dask", "slurm"]

_SECONDS_AN_HOUR = 3600
_FIELDS = Hours.__struct_fields__
_DIGITS = 6

NOTHING = Hours(**dict.fromkeys(_FIELDS, 0.0))
"""Of a job that has not started."""


class Use(NamedTuple):
    """How much of something was in use over a run's time."""

    total: float | None
    """Cores or GiB, times seconds."""
    source: Source | None
    watched_seconds: float
    """With workers, and looked at: only of this time can it be told what was not used."""
    told_by_slurm_alone: float = 0.0
    """Part of the total that no worker has measured. When it was used, SLURM doesn't tell."""


def use_of(seconds: Seconds, measured: Sum, by_slurm: float | None = None) -> Use:
    """Return what was in use.

    SLURM's figure is taken where it is more than what the workers measured: both may miss something, and neither tells
    too much. Where somebody looked and there was no worker, nothing was used as far as dask can tell.
    """
    measured_seconds = min(measured.seconds, seconds.with_workers)
    by_dask = measured.total if measured.seconds else None
    if by_dask is None and seconds.observed and not seconds.with_workers:
        by_dask = 0.0
    if by_slurm is not None and (by_dask is None or by_slurm > by_dask):
        return Use(by_slurm, "slurm", seconds.with_workers, by_slurm - (by_dask or 0.0))
    return Use(by_dask, None if by_dask is None else "dask", measured_seconds)


def hours_of(granted: float | None, seconds: Seconds, use: Use) -> Hours:
    """Return where a run's hours went, where so much was granted: cores, or GiB.

    What nobody watched is never idle: there may have been no worker yet. Of that time it is known at most how much was
    used: what SLURM alone tells was used in it, as far as it has room for that, and else under the workers' eyes, by
    programs that tasks start.
    """
    if granted is None or seconds.elapsed is None:
        return _hours({"used": use.total})
    without_workers = (seconds.waiting or 0.0) + seconds.without_workers
    unwatched = granted * max(0.0, seconds.elapsed - without_workers - use.watched_seconds)
    used_unwatched = min(use.told_by_slurm_alone, unwatched)
    idle = granted * use.watched_seconds - ((use.total or 0.0) - used_unwatched)
    somebody_looked = seconds.observed > 0
    return _hours(
        {
            "granted": granted * seconds.elapsed,
            "used": use.total,
            "idle": max(0.0, idle) if somebody_looked and use.total is not None else None,
            "without_tasks": granted * seconds.without_tasks if somebody_looked else None,
            "waiting_for_first_worker": granted * seconds.waiting
            if somebody_looked and seconds.waiting is not None
            else None,
            "without_workers": granted * seconds.without_workers if somebody_looked else None,
            "unobserved": unwatched - used_unwatched,
        }
    )


def sum_of(parts: Iterable[Hours]) -> Hours:
    """Return the sums of what is known; ``None`` where it is of none."""
    parts = tuple(parts)
    return _hours({field: sum_of_known(getattr(part, field) for part in parts) for field in _FIELDS}, 1.0)


def sum_of_known(values: Iterable[float | None]) -> float | None:
    """Return the sum of what is known; ``None`` where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _hours(values: Mapping[str, float | None], per_hour: float = _SECONDS_AN_HOUR) -> Hours:
    return Hours(
        **{
            field: None if (value := values.get(field)) is None else round(value / per_hour, _DIGITS)
            for field in _FIELDS
        }
    )
