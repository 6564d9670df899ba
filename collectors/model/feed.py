"""The interface between a feed and the screen: events, the position of a replay, and the `Feed` that delivers them."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Protocol

from dasktop.collectors.model.logs import LogEvent, LogRequest
from dasktop.collectors.model.plan import Outcome, Progress, ScalePlan
from dasktop.collectors.model.queries import Answer, Question
from dasktop.collectors.model.record import Record
from dasktop.collectors.model.snapshot import Severity, Snapshot


class Mark(Record, frozen=True, kw_only=True):
    """The time at which a finding begins."""

    at: datetime
    code: str
    severity: Severity
    message: str


class ReplayPosition(Record, frozen=True, kw_only=True):
    """The shown moment, and the extent of the recording."""

    at: datetime
    begins_at: datetime
    ends_at: datetime
    number: int
    """Number of the snapshot, from 1."""
    count: int
    """Number of snapshots; it grows while ``is_opening``."""
    is_playing: bool
    speed: float
    marks: tuple[Mark, ...] = ()
    is_opening: bool = False
    """Whether the recording is still being indexed."""
    is_redacted: bool = False
    remark: str | None = None
    """The problems of the file, in one line; ``None``: no problem."""


class Candidate(Record, frozen=True, kw_only=True):
    """A scheduler that was found and answered."""

    address: str
    origin: str
    """How it was found: ``script of job 4711``, ``process 812``, …"""
    scheduler_id: str
    """Equal for two addresses of the same scheduler."""
    workers: int | None = None
    jobs: int | None = None
    """How many of the user's jobs have scripts that start workers for it."""
    about: str = ""
    """Further description: the names of these jobs, and the program that runs the scheduler, if it is on this host."""


class Choice(Record, frozen=True, kw_only=True):
    """The schedulers that were found: several at the start, when the user has to choose; any number on request."""

    candidates: tuple[Candidate, ...]
    watched: str | None = None
    """The id of the current scheduler, whether it was found or not; ``None``: there is none yet."""
    remark: str = ""
    """Why none was found."""
    is_needed: bool = False
    """Whether nothing can be shown until one of them is chosen."""


class Switched(Record, frozen=True, kw_only=True):
    """All later events belong to another scheduler."""

    address: str


class Interval(Record, frozen=True, kw_only=True):
    """The new interval at which dask is polled."""

    seconds: float
    """The chosen one."""
    is_usual: bool
    """Whether it is the initial interval."""
    is_chosen: bool = True
    """Whether the user has just chosen it."""
    lengthened_seconds: float | None = None
    """The actual interval, if it is longer because polls take long."""
    poll_seconds: float | None = None
    """How long a poll with its snapshot takes, if that is why."""


class Failure(Record, frozen=True, kw_only=True):
    """Nothing can be shown: no scheduler at the start. The program ends."""

    message: str
    exit_status: int = 3


class Notice(Record, frozen=True, kw_only=True):
    """A message for the user that no request caused."""

    message: str


PAST_SECONDS = 600
"""Longest time that graphs cover."""


class Earlier(Record, frozen=True, kw_only=True):
    """A snapshot that a replay skipped, or that precedes the one it jumped to: for graphs only."""

    snapshot: Snapshot
    is_last: bool = False
    """Whether graphs are complete after a jump; this is then also the snapshot to show."""


Event = (
    Snapshot
    | Earlier
    | Choice
    | Switched
    | Interval
    | Failure
    | Notice
    | Progress
    | Outcome
    | Answer
    | LogEvent
    | ReplayPosition
)


class Feed(Protocol):
    """The screen's source of snapshots: the sampler, or a recording.

    ``deliver`` is called from the feed's own thread, one event at a time; it must return immediately.
    """

    def start(self, deliver: Callable[[Event], None]) -> None:
        """Start to deliver events. Returns immediately."""

    def stop(self) -> None:
        """Stop within 0.2 s, even if a source hangs. Nothing is delivered afterwards."""

    def look_for_schedulers(self) -> None:
        """Search for schedulers; delivers one `Choice`. The current scheduler is still watched."""

    def choose(self, address: str) -> None:
        """Answer a `Choice`. Delivers `Switched` if there was another scheduler, once a running plan has ended."""

    def watch_threads(self, workers: Collection[str], hidden: Collection[str] = ()) -> None:
        """Read the threads of these workers (addresses) from now on, and of no others; of ``hidden`` ones rarely."""

    def refresh(self) -> None:
        """Poll all sources as soon as their limits allow."""

    def change_interval(self, direction: int) -> None:
        """Poll dask more often (1) or less often (-1); delivers an `Interval`. SLURM's interval does not change."""

    def execute(self, plan: ScalePlan, agreed: str | None = None) -> None:
        """Execute a plan; delivers each `Progress`, and one `Outcome` at the end.

        ``agreed`` is the identity of the plan that the user confirmed; ``None``: no confirmation was needed.

        Only one plan runs at a time: until it has ended, another one is refused with its own `Outcome`.
        """

    def cancel_execution(self) -> None:
        """Cancel the running plan as far as possible; its `Outcome` is still delivered."""

    def ask(self, question: Question) -> None:
        """Answer a question; delivers one `Answer` within 30 s. A question asked twice may be answered once."""

    def request_log(self, request: LogRequest | None) -> None:
        """Start this request for a log file and cancel the one before; ``None``: only cancel.

        Delivers each `LogPart`, `Searched` and `Counted`. A hanging file system blocks nothing else.
        """
