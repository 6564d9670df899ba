"""A feed that records its snapshots. The screen sees them, and the recorder's errors as a source."""

from collections.abc import Callable, Collection

from msgspec.structs import replace

from dasktop.collectors.model.feed import Event, Feed
from dasktop.collectors.model.logs import LogRequest
from dasktop.collectors.model.plan import ScalePlan
from dasktop.collectors.model.queries import Question
from dasktop.collectors.model.snapshot import Snapshot, Source
from dasktop.collectors.recording.recorder import Recorder

SOURCE = "recording"


class RecordedFeed:
    """Another `Feed`, recorded.

    Parameters
    ----------
    feed
        The source of snapshots.
    recorder
        Closed when the feed is stopped.
    """

    def __init__(self, feed: Feed, recorder: Recorder) -> None:
        self._feed = feed
        self._recorder = recorder

    def start(self, deliver: Callable[[Event], None]) -> None:
        """Start to deliver events, each snapshot to the recorder first."""

        def record_and_deliver(event: Event) -> None:
            if isinstance(event, Snapshot):
                self._recorder.take(event)
                event = with_fault(event, self._recorder.fault)
            deliver(event)

        self._feed.start(record_and_deliver)

    def stop(self) -> None:
        """Stop, and close the recording."""
        self._feed.stop()
        self._recorder.close()

    def look_for_schedulers(self) -> None:
        """Search for other schedulers."""
        self._feed.look_for_schedulers()

    def choose(self, address: str) -> None:
        """Answer a `Choice`. The recording continues with the snapshots of that scheduler."""
        self._feed.choose(address)

    def watch_threads(self, workers: Collection[str], hidden: Collection[str] = ()) -> None:
        """Read the threads of these workers; they are recorded too."""
        self._feed.watch_threads(workers, hidden)

    def refresh(self) -> None:
        """Poll all sources."""
        self._feed.refresh()

    def change_interval(self, direction: int) -> None:
        """Poll dask more often, or less often."""
        self._feed.change_interval(direction)

    def execute(self, plan: ScalePlan, agreed: str | None = None) -> None:
        """Execute a plan."""
        self._feed.execute(plan, agreed)

    def cancel_execution(self) -> None:
        """Interrupt the running operation."""
        self._feed.cancel_execution()

    def ask(self, question: Question) -> None:
        """Look something up; answers are not recorded."""
        self._feed.ask(question)

    def request_log(self, request: LogRequest | None) -> None:
        """Read a log file; that is not recorded."""
        self._feed.request_log(request)


def with_fault(snapshot: Snapshot, fault: str | None) -> Snapshot:
    """Return the snapshot with the recorder's error as another source; that entry is not recorded."""
    if fault is None:
        return snapshot
    failed = Source(name=SOURCE, state="error", age_seconds=None, latency_seconds=None, error=f"recording: {fault}")
    return replace(snapshot, sources=(*snapshot.sources, failed))
