"""Hours out of seconds: what was granted, told apart by what became of it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from dasktop.collectors.waste.model import Hours
from dasktop.collectors.waste.run import Seconds, Sum

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
    measured_seconds: float


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
        return Use(by_slurm, "slurm", measured_seconds)
    return Use(by_dask, None if by_dask is None else "dask", measured_seconds)


def hours_of(granted: float | None, seconds: Seconds, use: Use) -> Hours:
    """Return where a run's hours went, where so much was granted: cores, or GiB."""
    if granted is None or seconds.elapsed is None:
        return _hours({"used": use.total})
    without_workers = (seconds.waiting or 0.0) + seconds.without_workers
    if use.source == "slurm":  # that is the whole time's, observed or not
        unobserved_seconds = 0.0
        idle = granted * (seconds.elapsed - without_workers) - (use.total or 0.0)
    else:
        unobserved_seconds = seconds.elapsed - without_workers - use.measured_seconds
        idle = granted * use.measured_seconds - (use.total or 0.0)
    return _hours(
        {
            "granted": granted * seconds.elapsed,
            "used": use.total,
            "idle": None if use.total is None else max(0.0, idle),
            "without_tasks": granted * seconds.without_tasks if seconds.observed else None,
            "waiting_for_first_worker": None if seconds.waiting is None else granted * seconds.waiting,
            "without_workers": granted * seconds.without_workers,
            "unobserved": granted * max(0.0, unobserved_seconds),
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
