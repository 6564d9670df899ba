"""What a rule is: a function of what there is to see, which says what it suspects, and how long that has to last."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from dasktop.collectors.analysis.findings.history import History, dask_read_at
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.snapshot import Job, Severity, Snapshot
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds

DASK, QUEUE = "dask", "slurm.queue"
CLOCK_SECONDS = 0.05
"""When something was read is known as exactly as this: ages and moments are taken one after the other."""


class RuleContext(NamedTuple):
    """What a rule may look at."""

    snapshot: Snapshot
    history: History = History()
    """With this snapshot already in it, but for what the rules tell of it."""
    thresholds: Thresholds = DEFAULTS
    zone: tzinfo | None = UTC
    """For times of day in sentences; ``None``: this process's own."""

    @property
    def now(self) -> datetime:
        """When the snapshot was taken."""
        return self.snapshot.taken_at

    @property
    def jobs(self) -> Iterator[Job]:
        """The jobs that are the cluster's."""
        return (job for job in self.snapshot.jobs if job.evidence)

    @property
    def running(self) -> Iterator[Job]:
        """Those of them that run."""
        return (job for job in self.jobs if read_state(job.state).is_running)

    @property
    def dask_read_at(self) -> datetime | None:
        """When the scheduler was read of which the snapshot tells."""
        return dask_read_at(self.snapshot)

    @property
    def is_first_reading(self) -> bool:
        """Whether the scheduler was not read before."""
        read_at, first_read_at = self.dask_read_at, self.history.first_read_at
        if read_at is None or first_read_at is None:
            return True
        return abs((read_at - first_read_at).total_seconds()) < CLOCK_SECONDS

    @property
    def another_reading_seconds(self) -> float:
        """How long something has to last for another reading of the scheduler to bear it out; in the first, 0."""
        read_ago = self.seconds_since(self.dask_read_at)
        return 0.0 if self.is_first_reading or read_ago is None else read_ago + CLOCK_SECONDS

    def is_told(self, code: str, job_id: str | None = None, worker: str | None = None) -> bool:
        """Whether the latest snapshot had this finding: what was told may have to be farther from true to be over."""
        return (code, job_id, worker) in self.history.told

    def seconds_since(self, then: datetime | None) -> float | None:
        """Return how long ago that was."""
        return None if then is None else (self.now - then).total_seconds()

    def clock(self, then: datetime) -> str:
        """Return a time of day as people here say it: ``14:03``."""
        return f"{then.astimezone(self.zone):%H:%M}"


class PendingFinding(NamedTuple):
    """What becomes a finding once it has lasted."""

    severity: Severity
    message: str
    advice: str | None = None
    job_id: str | None = None
    worker: str | None = None
    about: str | None = None
    """What else tells it from others of its kind, where there is neither a job nor a worker."""
    job_ids: tuple[str, ...] = ()
    """All jobs that it is about, where they are several."""
    workers: tuple[str, ...] = ()
    """All workers that it is about, where they are several; their names."""
    began: datetime | None = None
    """Since when, if the snapshot tells; else it counts from when it was first suspected."""
    after_seconds: float = 0.0
    """How long it has to last."""


class Rule(NamedTuple):
    """A rule, and what it rests on."""

    code: str
    suspect: Callable[[RuleContext], Iterator[PendingFinding]]
    needs: tuple[str, ...] = (DASK, QUEUE)
    """The sources without whose answers the rule knows nothing."""
