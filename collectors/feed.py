"""What stands between the sampler's thread and whoever shows snapshots: events, and the feed that hands them over."""

from collections.abc import Callable, Collection
from typing import Protocol

from dasktop.collectors.model import Record, Snapshot


class Candidate(Record, frozen=True, kw_only=True):
    """A scheduler that was found and answered."""

    address: str
    origin: str
    """How it was found, in words: ``script of job 4711``, ``process 812 on this host``, …"""
    scheduler_id: str
    """Tells whether two addresses lead to the same one."""


class Choice(Record, frozen=True, kw_only=True):
    """Several schedulers were found: somebody has to choose."""

    candidates: tuple[Candidate, ...]


class Failure(Record, frozen=True, kw_only=True):
    """There is nothing to show, and there won't be: no scheduler at the start."""

    message: str
    exit_status: int = 3


Event = Snapshot | Choice | Failure


class Feed(Protocol):
    """Where a screen gets its snapshots: the sampler, or a recording.

    ``deliver`` is called from the feed's own thread, one event at a time; it must return at once.
    """

    def start(self, deliver: Callable[[Event], None]) -> None:
        """Begin to hand over events. Returns at once."""

    def stop(self) -> None:
        """End, within a fifth of a second, whatever hangs. Nothing is delivered afterwards."""

    def choose(self, address: str) -> None:
        """Answer a `Choice`."""

    def watch_threads(self, workers: Collection[str]) -> None:
        """Read the threads of these workers (addresses), and of no others, from now on."""

    def refresh(self) -> None:
        """Ask all sources as soon as their limits allow."""
