"""What stands between the sampler's thread and whoever shows snapshots: events, and the feed that hands them over."""

from collections.abc import Callable, Collection
from typing import Protocol

from dasktop.collectors.logs.model import LogEvent, LogWish
from dasktop.collectors.lookups import Answer, Question
from dasktop.collectors.model import Record, Snapshot
from dasktop.collectors.recording.position import ReplayPosition
from dasktop.collectors.scaling.model import Outcome, Progress, ScalePlan


class Candidate(Record, frozen=True, kw_only=True):
    """A scheduler that was found and answered."""

    address: str
    origin: str
    """How it was found, in words: ``script of job 4711``, ``process 812``, …"""
    scheduler_id: str
    """Tells whether two addresses lead to the same one."""
    workers: int | None = None
    jobs: int | None = None
    """How many of the user's jobs have scripts that send their workers there."""
    about: str = ""
    """What else tells it from others: the names of these jobs, and the program that holds it, where that runs here."""


class Choice(Record, frozen=True, kw_only=True):
    """The schedulers that were found: several at the start, when somebody has to choose; any number when asked for."""

    candidates: tuple[Candidate, ...]
    watched: str | None = None
    """The id of the scheduler that is watched, whether it was found or not; ``None``: none is yet."""
    remark: str = ""
    """Why none was found."""
    is_needed: bool = False
    """Whether nothing can be shown before one of them is chosen."""


class Switched(Record, frozen=True, kw_only=True):
    """All that is handed over from here on is of another scheduler than before."""

    address: str


class Interval(Record, frozen=True, kw_only=True):
    """How often dask is asked from now on."""

    seconds: float
    is_usual: bool
    """Whether that is what it was at the start."""


class Failure(Record, frozen=True, kw_only=True):
    """There is nothing to show, and there won't be: no scheduler at the start."""

    message: str
    exit_status: int = 3


class Notice(Record, frozen=True, kw_only=True):
    """Something that the user should know, and that nobody asked for."""

    message: str


PAST_SECONDS = 600
"""Graphs show at most this many seconds."""


class Earlier(Record, frozen=True, kw_only=True):
    """A snapshot that a replay passed over, or that was taken before the one that it jumped to: for graphs only."""

    snapshot: Snapshot
    is_last: bool = False
    """Whether graphs are complete again after a jump; it is then the snapshot that is shown."""


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
    """Where a screen gets its snapshots: the sampler, or a recording.

    ``deliver`` is called from the feed's own thread, one event at a time; it must return at once.
    """

    def start(self, deliver: Callable[[Event], None]) -> None:
        """Begin to hand over events. Returns at once."""

    def stop(self) -> None:
        """End, within a fifth of a second, whatever hangs. Nothing is delivered afterwards."""

    def look_for_schedulers(self) -> None:
        """Find out what other schedulers there are; delivers one `Choice`. What is watched goes on being watched."""

    def choose(self, address: str) -> None:
        """Answer a `Choice`. When another one was watched before, delivers `Switched`, after any plan under way."""

    def watch_threads(self, workers: Collection[str]) -> None:
        """Read the threads of these workers (addresses), and of no others, from now on."""

    def refresh(self) -> None:
        """Ask all sources as soon as their limits allow."""

    def change_interval(self, direction: int) -> None:
        """Ask dask more often (1) or less often (-1); delivers an `Interval`. SLURM is asked as often as before."""

    def carry_out(self, plan: ScalePlan, agreed: str | None = None) -> None:
        """Carry out a plan; delivers each `Progress`, and in the end one `Outcome`.

        ``agreed`` is the identity of the plan that somebody said yes to; ``None``: nobody was asked.

        One at a time: until then, another is refused by an `Outcome` of its own.
        """

    def give_up(self) -> None:
        """Interrupt what is being carried out, as far as that can be; its `Outcome` comes all the same."""

    def look_up(self, question: Question) -> None:
        """Look something up; delivers one `Answer`, within half a minute. What is asked twice may be answered once."""

    def read_log(self, wish: LogWish | None) -> None:
        """Read this of a log file instead of what was wished before; ``None``: nothing any more.

        Delivers each `LogPart` and `Searched`. A file system that hangs holds up nothing else.
        """
