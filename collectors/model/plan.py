"""What can be asked for, and the plan that answers it. Frozen records; they decide and do nothing."""

from collections.abc import Callable
from hashlib import sha256

import msgspec

from dasktop.collectors.model.snapshot import Adaptive, Record


class Jobs(Record, frozen=True, kw_only=True):
    """So many jobs, pending ones counted."""

    count: int


class Change(Record, frozen=True, kw_only=True):
    """So many jobs more, or fewer where it is below 0."""

    by: int


class Cores(Record, frozen=True, kw_only=True):
    """At least so many cores, rounded up to whole jobs."""

    count: int


class Memory(Record, frozen=True, kw_only=True):
    """At least so much memory, rounded up to whole jobs."""

    amount_bytes: int


class Release(Record, frozen=True, kw_only=True):
    """Give back these jobs."""

    job_ids: tuple[str, ...]


class ReplaceLost(Record, frozen=True, kw_only=True):
    """Submit anew what the owner still counts and SLURM has ended."""


class Adapt(Record, frozen=True, kw_only=True):
    """Let the owner scale by itself between these bounds, in jobs; ``None``: not any more."""

    bounds: Adaptive | None


Target = Jobs | Change | Cores | Memory | Release | ReplaceLost | Adapt


class Size(Record, frozen=True, kw_only=True):
    """How large a cluster is. Lost jobs don't count; pending ones do. What a job brings may be unknown."""

    jobs: int
    workers: int | None
    threads: int | None
    cores: int | None
    memory_bytes: int | None


class JobToRelease(Record, frozen=True, kw_only=True):
    """A job that the plan gives back, and why this one."""

    job_id: str
    name: str | None
    """The owner's name of it, such as ``SLURMCluster-3``; ``None`` where no owner counts it."""
    array_task: str | None = None
    """Of an array's job, its id as in ``54_1`` or ``54_[5-10]``. Only that names it alone to ``scancel``: the raw id of
    an array's last job is the whole array's."""
    state: str | None
    workers: tuple[str, ...]
    """Addresses."""
    executing: int | None
    """``None``: of one of its workers it isn't known."""
    stored: int | None
    """Results that its workers hold; some may have copies elsewhere. ``None`` as above."""
    why: str
    """``pending``, ``without workers``, ``idle``, ``runs nothing yet``, ``ends soon``, ``least busy``, ``chosen``."""
    time_left_seconds: int | None = None


class LostJob(Record, frozen=True, kw_only=True):
    """A job that the owner counts and SLURM has ended."""

    job_id: str
    name: str
    fate: str | None = None
    """How it ended, in words."""
    failed_soon: bool = False
    """Whether it failed with an exit code soon after its start, and no worker of it is there: it may do so again."""


class ScalePlan(Record, frozen=True, kw_only=True):
    """What would be done for a target. `submit` and `release` are never both given, except when jobs are replaced.

    A plan fits one state of the cluster: `scheduler_id` and the jobs in it. `carry_out` checks again when it acts.
    """

    scheduler_id: str
    target: str
    """In words, as asked: ``48 cores``."""
    reckoning: str | None
    """How the target became jobs, where it wasn't given in jobs: ``48 cores = 4 jobs of 12``; or why there is nothing
    to do: ``no job is lost``."""
    through_owner: bool
    """Whether there is an owner that starts jobs. One that doesn't, such as a ``LocalCluster``, is none here."""
    submit: int
    """How many jobs to submit in all, those for `replace` among them."""
    release: tuple[JobToRelease, ...]
    """In the order in which they were chosen."""
    replace: tuple[LostJob, ...]
    """What the owner must forget, one job being submitted for each; never more than `submit`. Growing replaces lost
    jobs first."""
    adapt: Adaptive | None
    """Bounds in jobs."""
    stop_adapting: bool
    before: Size
    after: Size
    """Under adaptive scaling, what is left once the owner has given back what is idle or above the upper bound."""
    warnings: tuple[str, ...]
    refusal: str | None = None
    """Why it can't be carried out as things are, and what has to be done first; only where that is certain as far as
    the snapshot tells. `carry_out` looks again all the same, and has the last word."""

    @property
    def identity(self) -> str:
        """What of the plan would be done, as one word: plans that would do the same to a cluster share it.

        What is agreed to is a plan of one identity, and only such a plan is carried out.
        """
        deeds = (
            self.scheduler_id,
            self.submit,
            sorted((victim.job_id, victim.array_task or "") for victim in self.release),
            sorted((lost.job_id, lost.name) for lost in self.replace),
            # Which jobs have nothing to do changes by the second; that an adapting owner gives such back is agreed to.
            (self.adapt, self.before.jobs) if self.adapt is not None else None,
            self.stop_adapting,
        )
        return sha256(msgspec.json.encode(deeds)).hexdigest()[:12]

    @property
    def can_be_done(self) -> bool:
        """Whether there is something to do, and nothing known that forbids it."""
        return not self.changes_nothing and self.refusal is None

    @property
    def changes_nothing(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.submit or self.release or self.replace or self.adapt or self.stop_adapting)

    @property
    def takes_away(self) -> bool:
        """Whether anything that exists may go, at once or later, by us or the owner: that is shown and asked for."""
        may_adapt_away = self.adapt is not None and self.adapt.minimum < self.before.jobs
        return bool(self.release) or self.after.jobs < self.before.jobs or may_adapt_away


class Agreement(Record, frozen=True, kw_only=True):
    """A yes to a plan that was shown."""

    plan: ScalePlan
    identity: str
    """Of the plan that was shown when it was said."""


class Progress(Record, frozen=True, kw_only=True):
    """One step of carrying a plan out, for people to see."""

    step: str
    """``stop new tasks``, ``drain``, ``replicate``, ``hand back``, ``submit``, ``seen gone``, ``done``."""
    message: str


Report = Callable[[Progress], None]
"""Called with each step; must return at once."""


class Outcome(Record, frozen=True, kw_only=True):
    """How it ended."""

    done: bool
    message: str
    """One or two sentences: what happened, and if not done, why, and what was left as it was."""
    submitted: tuple[str, ...] = ()
    """Job ids, where they are known."""
    released: tuple[str, ...] = ()
    is_outdated: bool = False
    """Whether nothing was done because the plan no longer fits what runs: it has to be made and shown anew."""
