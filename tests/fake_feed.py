"""A feed that hands over what a test gives it, from a thread of its own, and notes what it is asked."""

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

from dasktop.collectors.feed import Event


class FakeFeed:
    """A `Feed` without sources."""

    def __init__(self) -> None:
        self.deliver: Callable[[Event], None] | None = None
        self.chosen: list[str] = []
        self.watched: list[set[str]] = []
        self.refreshes = 0
        self.stops = 0

    def start(self, deliver: Callable[[Event], None]) -> None:
        self.deliver = deliver

    def stop(self) -> None:
        self.stops += 1

    def choose(self, address: str) -> None:
        self.chosen.append(address)

    def watch_threads(self, workers: Collection[str]) -> None:
        self.watched.append(set(workers))

    def refresh(self) -> None:
        self.refreshes += 1

    def hand_over(self, *events: Event) -> None:
        """Deliver from another thread, as a sampler does; returns when all are in the screen's queue."""
        deliver = self.deliver
        assert deliver is not None, "the screen has not started the feed"
        with ThreadPoolExecutor(max_workers=1) as other_thread:
            other_thread.submit(lambda: [deliver(event) for event in events]).result()
