"""What other threads hand over, the feed's above all, as messages in Textual's queue; handled by the screen."""

from collections.abc import Callable
from threading import Lock

from textual.message import Message

from dasktop.collectors.model.feed import Choice, Earlier, Event, Failure, Interval, Notice, Switched
from dasktop.collectors.model.logs import LogEvent, LogPart, Searched
from dasktop.collectors.model.plan import Outcome, Progress
from dasktop.collectors.model.queries import Answer
from dasktop.collectors.model.replay import ReplayPosition
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.runtime.saving import Saved


class SnapshotArrived(Message):
    """The feed handed over a snapshot; a newer one may take its place until the message is taken."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot


class PastArrived(Message):
    """Graphs are complete again."""


class ChoiceArrived(Message):
    """The feed found several schedulers."""

    def __init__(self, choice: Choice) -> None:
        super().__init__()
        self.choice = choice


class SwitchArrived(Message):
    """What the feed hands over from here on is of another scheduler."""

    def __init__(self, switched: Switched) -> None:
        super().__init__()
        self.switched = switched


class IntervalArrived(Message):
    """The feed asks dask at another interval."""

    def __init__(self, interval: Interval) -> None:
        super().__init__()
        self.interval = interval


class StepArrived(Message):
    """The feed tells how the carrying out of a plan goes, or how it ended."""

    def __init__(self, step: Progress | Outcome) -> None:
        super().__init__()
        self.step = step


class AnswerArrived(Message):
    """The feed answers a question."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class LogArrived(Message):
    """The feed has read of a log file."""

    def __init__(self, event: LogEvent) -> None:
        super().__init__()
        self.event = event


class SavingEnded(Message):
    """Something was saved, or could not be."""

    def __init__(self, saved: Saved) -> None:
        super().__init__()
        self.saved = saved


class NoticeArrived(Message):
    """The feed has something to tell that nobody asked for."""

    def __init__(self, notice: Notice) -> None:
        super().__init__()
        self.notice = notice


class FailureArrived(Message):
    """The feed has nothing to show, and won't."""

    def __init__(self, failure: Failure) -> None:
        super().__init__()
        self.failure = failure


class PositionArrived(Message):
    """The replay is somewhere else; a newer place may take this one's until the message is taken."""

    def __init__(self, position: ReplayPosition) -> None:
        super().__init__()
        self.position = position


class Mailbox:
    """Makes messages of what a feed hands over. At most one of them is a snapshot that the screen hasn't taken yet.

    A screen that is held up, however long, finds the newest one, and the others are gone. Of a replay's positions the
    same is true.

    Parameters
    ----------
    post
        Puts a message into the screen's queue; called from the feed's thread.
    """

    def __init__(self, post: Callable[[Message], object]) -> None:
        self._post = post
        self._lock = Lock()
        self._snapshot: SnapshotArrived | None = None
        self._position: PositionArrived | None = None

    def deliver(self, event: Event | Saved) -> None:
        """Have an event handled, after those before it."""
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
                    self._snapshot, self._position = message, None  # a position is told behind its snapshot
                case PositionArrived():
                    self._position = message
                case _:  # what comes next stays behind this
                    self._snapshot = self._position = None
        self._post(message)

    def take(self, message: SnapshotArrived | PositionArrived) -> None:
        """Note that a message is being handled: what comes from now on takes another."""
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
        case LogPart() | Searched():
            return LogArrived(event)
        case Saved():
            return SavingEnded(event)
        case ReplayPosition():
            return PositionArrived(event)
