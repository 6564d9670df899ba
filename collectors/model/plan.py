"""Scaling targets, and the plan for one. Frozen records without behaviour."""

from collections.abc import Callable
from hashlib import sha256

import msgspec

from dasktop.collectors.model.record import Record
from dasktop.collectors.model.snapshot import Adaptive


class Jobs(Record, frozen=True, kw_only=True):
    """A number of jobs, pending ones included."""

    count: int


class Change(Record, frozen=True, kw_only=True):
    """A number of jobs to add, or to remove if negative."""

    by: int


class Cores(Record, frozen=True, kw_only=True):
    """Target number of cores; rounded up to whole jobs."""

    count: int


class Memory(Record, frozen=True, kw_only=True):
    """Target amount of memory; rounded up to whole jobs."""

    amount_bytes: int


class Release(Record, frozen=True, kw_only=True):
    """Release these jobs."""

    job_ids: tuple[str, ...]


class ReplaceLost(Record, frozen=True, kw_only=True):
    """Resubmit jobs that have ended in SLURM but that the owner still counts."""


class Adapt(Record, frozen=True, kw_only=True):
    """Turn adaptive scaling on between these bounds, in jobs; ``None``: turn it off."""

    bounds: Adaptive | None


Target = Jobs | Change | Cores | Memory | Release | ReplaceLost | Adapt


class Size(Record, frozen=True, kw_only=True):
    """The size of a cluster. Pending jobs count, lost ones do not. The size of a job may be unknown."""

    jobs: int
    workers: int | None
    threads: int | None
    cores: int | None
    memory_bytes: int | None


class JobToRelease(Record, frozen=True, kw_only=True):
    """A job that the plan releases, and why this one."""

    job_id: str
    name: str | None
    """The owner's name for it, such as ``SLURMCluster-3``; ``None`` if no owner counts it."""
    array_task: str | None = None
    """The id of an array job, ``54_1`` or ``54_[5-10]``, for ``scancel``: the raw id of an array's last job stands for
    the whole array."""
    state: str | None
    workers: tuple[str, ...]
    """Addresses of its workers."""
    executing: int | None
    """Running tasks; ``None`` if unknown for any of its workers."""
    stored: int | None
    """Results that its workers hold; some may have copies elsewhere. ``None`` if unknown for any of its workers."""
    why: str
    """``pending``, ``without workers``, ``idle``, ``runs nothing yet``, ``ends soon``, ``least busy``, ``chosen``."""
    time_left_seconds: int | None = None


class LostJob(Record, frozen=True, kw_only=True):
    """A job that has ended in SLURM but that the owner still counts."""

    job_id: str
    name: str
    fate: str | None = None
    """How it ended, as text."""
    failed_soon: bool = False
    """Whether it failed with an exit code soon after its start and has no worker: it may fail again."""


class ScalePlan(Record, frozen=True, kw_only=True):
    """What would be done to reach a target. A plan either submits or releases jobs, except to replace lost ones.

    A plan is for one state of the cluster: its scheduler and jobs. `execute` checks it again before it acts.
    """

    scheduler_id: str
    target: str
    """The target as text: ``48 cores``."""
    reckoning: str | None
    """How the target was converted to jobs: ``48 cores = 4 jobs of 12``; or why there is nothing to do: ``no job is
    lost``."""
    through_owner: bool
    """Whether there is an owner that submits jobs; a ``LocalCluster``, for example, does not."""
    submit: int
    """How many jobs to submit in total, including those for `replace`."""
    release: tuple[JobToRelease, ...]
    """In order of preference."""
    replace: tuple[LostJob, ...]
    """Lost jobs that the owner drops, each replaced by one submitted job; at most `submit`. Scaling up replaces lost
    jobs first."""
    adapt: Adaptive | None
    """Bounds in jobs."""
    stop_adapting: bool
    before: Size
    after: Size
    """With adaptive scaling: the size after the owner has released idle jobs and those above the upper bound."""
    warnings: tuple[str, ...]
    refusal: str | None = None
    """Why the plan cannot be executed at present, and what to do first; only if the snapshot shows it for certain.
    `execute` checks again in any case."""

    @property
    def identity(self) -> str:
        """A hash of the plan's actions: plans that would do the same have the same identity.

        The user confirms an identity, and only a plan with that identity is executed.
        """
        actions = (
            self.scheduler_id,
            self.submit,
            sorted((job.job_id, job.array_task or "") for job in self.release),
            sorted((lost.job_id, lost.name) for lost in self.replace),
            # Which jobs are idle changes by the second; the user confirms that adaptive scaling releases idle jobs.
            (self.adapt, self.before.jobs) if self.adapt is not None else None,
            self.stop_adapting,
        )
        return sha256(msgspec.json.encode(actions)).hexdigest()[:12]

    @property
    def can_be_done(self) -> bool:
        """Whether there is something to do and no known reason against it."""
        return not self.changes_nothing and self.refusal is None

    @property
    def changes_nothing(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.submit or self.release or self.replace or self.adapt or self.stop_adapting)

    @property
    def takes_away(self) -> bool:
        """Whether existing jobs may be removed, now or later, by dasktop or the owner: this needs confirmation."""
        may_adapt_away = self.adapt is not None and self.adapt.minimum < self.before.jobs
        return bool(self.release) or self.after.jobs < self.before.jobs or may_adapt_away


class Agreement(Record, frozen=True, kw_only=True):
    """The user's confirmation of a plan."""

    plan: ScalePlan
    identity: str
    """The identity of the plan that was shown then."""


class Progress(Record, frozen=True, kw_only=True):
    """One step of a running plan, to be shown."""

    step: str
    """``stop new tasks``, ``drain``, ``replicate``, ``release``, ``submit``, ``wait for SLURM``, ``done``."""
    message: str


ReportProgress = Callable[[Progress], None]
"""Called with each step; must return immediately."""


class Outcome(Record, frozen=True, kw_only=True):
    """How a plan ended."""

    done: bool
    message: str
    """One or two sentences: what was done; if not, why, and what was left unchanged."""
    submitted: tuple[str, ...] = ()
    """Ids of the submitted jobs, as far as known."""
    released: tuple[str, ...] = ()
    is_outdated: bool = False
    """Whether nothing was done because the cluster has changed: a new plan is needed."""
