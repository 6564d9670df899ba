"""A feed whose events a test emits, and which records the calls of the screen."""

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

from dasktop.collectors.model.feed import Event
from dasktop.collectors.model.logs import LogRequest
from dasktop.collectors.model.plan import ScalePlan
from dasktop.collectors.model.queries import Question


class FakeFeed:
    """A `Feed` without sources."""

    def __init__(self) -> None:
        self.deliver: Callable[[Event], None] | None = None
        self.chosen: list[str] = []
        self.watched: list[set[str]] = []
        self.hidden: set[str] = set()
        self.refreshes = 0
        self.looks = 0
        self.interval_changes: list[int] = []
        self.stops = 0
        self.plans: list[ScalePlan] = []
        self.agreed: list[str | None] = []
        self.cancellations = 0
        self.questions: list[Question] = []
        self.log_requests: list[LogRequest | None] = []

    def start(self, deliver: Callable[[Event], None]) -> None:
        self.deliver = deliver

    def stop(self) -> None:
        self.stops += 1

    def look_for_schedulers(self) -> None:
        self.looks += 1

    def choose(self, address: str) -> None:
        self.chosen.append(address)

    def watch_threads(self, workers: Collection[str], hidden: Collection[str] = ()) -> None:
        self.watched.append(set(workers))
        self.hidden = set(hidden)

    def refresh(self) -> None:
        self.refreshes += 1

    def change_interval(self, direction: int) -> None:
        self.interval_changes.append(direction)

    def execute(self, plan: ScalePlan, agreed: str | None = None) -> None:
        self.plans.append(plan)
        self.agreed.append(agreed)

    def cancel_execution(self) -> None:
        self.cancellations += 1

    def ask(self, question: Question) -> None:
        self.questions.append(question)

    def request_log(self, request: LogRequest | None) -> None:
        self.log_requests.append(request)

    def emit(self, *events: Event) -> None:
        """Deliver events from another thread, as a sampler does; return when all are in the queue of the screen."""
        deliver = self.deliver
        assert deliver is not None, "the screen has not started the feed"
        with ThreadPoolExecutor(max_workers=1) as other_thread:
            other_thread.submit(lambda: [deliver(event) for event in events]).result()
