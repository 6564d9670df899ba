"""The input and output of a finding rule, and the decorator that registers a rule.

Pure: a rule reads no clock and no source, and knows of no other rule.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cached_property
from operator import attrgetter
from typing import Literal, NamedTuple

from dasktop.collectors.analysis.findings.history import FindingHistory, dask_read_at
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import workers_with_jobs
from dasktop.collectors.model.snapshot import Job, Severity, Snapshot, Worker
from dasktop.collectors.model.thresholds import Thresholds

DASK, QUEUE = "dask", "slurm.queue"
Harm = Literal["risk", "unused", "lost", "held up"]
"""What a condition does: something may go wrong · an allocation is not used · work was or will soon be lost · work will
not go on unless somebody acts."""
HARMS: tuple[Harm, ...] = ("risk", "unused", "lost", "held up")
"""From the least to the worst."""
CLOCK_SECONDS = 0.05
"""Precision of a reading's time, which is computed from its age and the snapshot's time."""


@dataclass(frozen=True)
class RuleContext:
    """The input of a rule."""

    snapshot: Snapshot
    history: FindingHistory
    """Includes this snapshot, except for what the rules find in it."""
    thresholds: Thresholds
    zone: tzinfo | None
    """Time zone for times of day in messages; ``None``: the process's local time zone."""

    @property
    def now(self) -> datetime:
        """When the snapshot was taken."""
        return self.snapshot.taken_at

    @cached_property
    def jobs(self) -> Sequence[Job]:
        """The jobs that belong to the cluster."""
        return [job for job in self.snapshot.jobs if job.evidence]

    @cached_property
    def running(self) -> Sequence[Job]:
        """The running jobs of the cluster."""
        return [job for job in self.jobs if read_state(job.state).is_running]

    @cached_property
    def workers(self) -> Sequence[tuple[Job | None, Worker]]:
        """All workers, as `workers_with_jobs` returns them."""
        return workers_with_jobs(self.snapshot)

    @property
    def dask_read_at(self) -> datetime | None:
        """When the scheduler was last read."""
        return dask_read_at(self.snapshot)

    @property
    def is_first_reading(self) -> bool:
        """Whether this is the first reading of the scheduler."""
        read_at, first_read_at = self.dask_read_at, self.history.first_read_at
        if read_at is None or first_read_at is None:
            return True
        return abs((read_at - first_read_at).total_seconds()) < CLOCK_SECONDS

    @property
    def another_reading_seconds(self) -> float:
        """How long a condition has to last so that a second reading of the scheduler confirms it; 0 for the first."""
        read_ago = self.seconds_since(self.dask_read_at)
        return 0.0 if self.is_first_reading or read_ago is None else read_ago + CLOCK_SECONDS

    def is_active(self, code: str, job_id: str | None = None, worker: str | None = None) -> bool:
        """Whether the previous snapshot had this finding. Rules with hysteresis use it."""
        return (code, job_id, worker) in self.history.active

    def seconds_since(self, then: datetime | None) -> float | None:
        """Return the time from ``then`` to the snapshot, in seconds."""
        return None if then is None else (self.now - then).total_seconds()

    def clock(self, then: datetime) -> str:
        """Return the local time of day: ``14:03``."""
        return f"{then.astimezone(self.zone):%H:%M}"


class PendingFinding(NamedTuple):
    """A condition that becomes a finding once it has lasted `after_seconds`."""

    severity: Severity
    message: str
    advice: str | None = None
    job_id: str | None = None
    worker: str | None = None
    about: str | None = None
    """Distinguishes findings with the same code that have no job and no worker."""
    job_ids: tuple[str, ...] = ()
    """All jobs concerned, if there are several."""
    workers: tuple[str, ...] = ()
    """Names of all workers concerned, if there are several."""
    task_names: tuple[str, ...] = ()
    """The task names concerned."""
    since: datetime | None = None
    """When the condition began, if the snapshot shows it; ``None``: when it was first seen."""
    after_seconds: float = 0.0
    """How long the condition has to last."""
    extent: int = 1
    """How many tasks, or CPUs of an allocation, it is about: of two with the same harm, the larger one comes first."""


Check = Callable[[RuleContext], Iterator[PendingFinding]]


class Rule(NamedTuple):
    """A registered rule."""

    code: str
    check: Check
    needs: tuple[str, ...] = (DASK, QUEUE)
    """Names of the sources that have to answer for the rule to run."""
    order: int = 0
    harm: Harm = "risk"
    """What its findings do: of errors and warnings, and of infos, the worst harm comes first."""


_registered: dict[str, Rule] = {}


def rule(
    code: str, *, order: int, needs: tuple[str, ...] = (DASK, QUEUE), harm: Harm = "risk"
) -> Callable[[Check], Check]:
    """Register the decorated function as a rule.

    Parameters
    ----------
    code
        The code of its findings, unique among the rules.
    order
        Its place among findings that are equally bad, lowest first; unique, in steps of ten.
    needs
        Names of the sources that have to answer for it to run.
    harm
        What its findings do.

    Raises
    ------
    ValueError
        Another rule has this code or this order.
    """

    def register(check: Check) -> Check:
        if code in _registered or any(order == other.order for other in _registered.values()):
            raise ValueError(f"another rule has the code {code!r} or the order {order}")
        _registered[code] = Rule(code, check, needs, order, harm)
        return check

    return register


def registered_rules() -> tuple[Rule, ...]:
    """Return all registered rules, by their order."""
    return tuple(sorted(_registered.values(), key=attrgetter("order")))
