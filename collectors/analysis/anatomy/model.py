"""The anatomy of a job: one quantity after the other, from what was asked to what runs. Holds, and decides nothing."""

from typing import Literal

from dasktop.collectors.model.snapshot import Record

Verdict = Literal["unknown", "agrees", "rounded", "differs"]
"""Of all that could be compared: ``agrees`` · ``rounded`` agrees but for a rounding, which is told · ``differs``."""

BY_WEIGHT: tuple[Verdict, ...] = ("unknown", "agrees", "rounded", "differs")


class Part(Record, frozen=True, kw_only=True):
    """One quantity on its way, in words; ``None``: not known there, or not said."""

    name: str
    asked: str | None
    """In the call: ``cores=12``, ``12 ÷ 4 = 3``."""
    script: str | None
    """As it stands there: ``--cpus-per-task=12``."""
    granted: str | None
    """By SLURM; of a job that waits, what it asks for."""
    running: str | None
    """In dask."""
    verdict: Verdict
    notes: tuple[str, ...]
    """What differs, or how it was rounded."""


class Anatomy(Record, frozen=True, kw_only=True):
    """All parts of one job."""

    job_id: str
    call: str | None
    """``SLURMCluster(cores=12, memory="16GB", processes=4)``; ``None`` where nothing of it is known."""
    is_implied: bool
    """Whether no owner tells of the call, so that it was made up from the script."""
    starts_workers: bool | None
    """Whether the script does, as far as can be read; ``None``: no script is known."""
    parts: tuple[Part, ...]
