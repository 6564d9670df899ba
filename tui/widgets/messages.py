"""Events from the feed's and other threads, as messages in Textual's queue. Handles none itself."""

from collections.abc import Callable
from threading import Lock

from textual.message import Message

from dasktop.collectors.model.feed import Choice, Earlier, Event, Failure, Interval, Notice, ReplayPosition, Switched
from dasktop.collectors.model.logs import Counted, LogEvent, LogPart, Searched
from dasktop.collectors.model.plan import Outcome, Progress
from dasktop.collectors.model.queries import Answer
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.runtime.saving import Saved


class SnapshotArrived(Message):
    """The feed delivered a snapshot; a newer one may replace it until the message is handled."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot


class PastArrived(Message):
    """The history is complete: graphs can be redrawn."""


class ChoiceArrived(Message):
    """The feed found several schedulers."""

    def __init__(self, choice: Choice) -> None:
        super().__init__()
        self.choice = choice


class SwitchArrived(Message):
    """Events from here on are of another scheduler."""

    def __init__(self, switched: Switched) -> None:
        super().__init__()
        self.switched = switched


class IntervalArrived(Message):
    """The poll interval of dask changed."""

    def __init__(self, interval: Interval) -> None:
        super().__init__()
        self.interval = interval


class StepArrived(Message):
    """The feed reports progress or the outcome of a scaling operation."""

    def __init__(self, step: Progress | Outcome) -> None:
        super().__init__()
        self.step = step


class AnswerArrived(Message):
    """The feed answers a query."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class LogArrived(Message):
    """The feed has read lines of a log file, or searched it."""

    def __init__(self, event: LogEvent) -> None:
        super().__init__()
        self.event = event


class SavingEnded(Message):
    """A file was saved, or could not be."""

    def __init__(self, saved: Saved) -> None:
        super().__init__()
        self.saved = saved


class NoticeArrived(Message):
    """The feed has a message for the user."""

    def __init__(self, notice: Notice) -> None:
        super().__init__()
        self.notice = notice


class FailureArrived(Message):
    """The feed failed: there is nothing to show."""

    def __init__(self, failure: Failure) -> None:
        super().__init__()
        self.failure = failure


class PositionArrived(Message):
    """The position of the replay; a newer one may replace it until the message is handled."""

    def __init__(self, position: ReplayPosition) -> None:
        super().__init__()
        self.position = position


class Mailbox:
    """Turns events into messages, with at most one unhandled snapshot in the queue.

    A newer snapshot replaces the unhandled one, so a busy screen gets only the newest. The same applies to positions
    of a replay.

    Parameters
    ----------
    post
        Posts a message to the screen; called from the feed's thread.
    """

    def __init__(self, post: Callable[[Message], object]) -> None:
        self._post = post
        self._lock = Lock()
        self._snapshot: SnapshotArrived | None = None
        self._position: PositionArrived | None = None

    def deliver(self, event: Event | Saved) -> None:
        """Post an event, in order."""
        with self._lock:
            if isinstance(event, Snapshot) and self._snapshot is not None:
                self._snapshot.snapshot = event
                return
            if isinstance(event, ReplayPosition) and self._position is not None:
                self._position.position = event
                return
            message = message_for(event)
            match message:
                case SnapshotArrived():
                    self._snapshot, self._position = message, None  # a position follows its snapshot
                case PositionArrived():
                    self._position = message
                case _:  # later snapshots must not overtake this event
                    self._snapshot = self._position = None
        self._post(message)

    def take(self, message: SnapshotArrived | PositionArrived) -> None:
        """Note that a message is being handled: the next event needs a new message."""
        with self._lock:
            if self._snapshot is message:
                self._snapshot = None
            elif self._position is message:
                self._position = None


def message_for(event: Event | Saved) -> Message:
    """Return the message that carries an event."""
    match event:
        case Snapshot():
            return SnapshotArrived(event)
        case Earlier():
            return PastArrived()
        case Choice():
            return ChoiceArrived(event)
        case Switched():
            return SwitchArrived(event)
        case Notice():
            return NoticeArrived(event)
        case Interval():
            return IntervalArrived(event)
        case Failure():
            return FailureArrived(event)
        case Progress() | Outcome():
            return StepArrived(event)
        case Answer():
            return AnswerArrived(event)
        case LogPart() | Searched() | Counted():
            return LogArrived(event)
        case Saved():
            return SavingEnded(event)
        case ReplayPosition():
            return PositionArrived(event)
