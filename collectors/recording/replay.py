"""A recording as a feed: delivers its snapshots at the original or another speed. Never writes."""

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from math import ceil
from time import monotonic

from dasktop.collectors.model.errors import RecordingError
from dasktop.collectors.model.feed import PAST_SECONDS, Choice, Earlier, Event, Failure, ReplayPosition, Switched
from dasktop.collectors.model.logs import LogPart, LogRequest
from dasktop.collectors.model.plan import Outcome, ScalePlan
from dasktop.collectors.model.queries import Answer, Question
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.recording.reader import Recording

SPEEDS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
SECONDS_BETWEEN_SNAPSHOTS = 0.2
"""The minimum when playing fast: snapshots in between are skipped."""
MOST_EARLIER = 400
"""After a seek, at most this many are read for graphs: all of `PAST_SECONDS` at two seconds each."""
MOST_SKIPPED = 24
"""When playing fast, at most this many skipped snapshots are read for graphs between two that are shown."""
STOP_SECONDS = 0.2
NOT_RECORDED = "not available in a recording"
_LINES_AT_ONCE = 500
_USAGE = 2


class ReplayFeed:
    """Plays a recording, in a thread of its own.

    Every method but `start` may be called from the screen's thread at any time, and returns immediately.

    Parameters
    ----------
    recording
        Open, not scanned yet. Closed when the feed ends.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._deliver: Callable[[Event], None] = lambda _: None
        self._thread = threading.Thread(target=self._run, name="replay", daemon=True)
        self._wakes = threading.Condition()
        self._commands: deque[Callable[[], None]] = deque()
        self._is_stopped = False
        # Used only in the replay's thread:
        self._index = 0
        self._is_opening = True
        self._is_playing = True
        self._speed = 1.0
        self._address: str | None = None
        self._earlier: Iterator[Earlier] | None = None  # snapshots still to be delivered after a seek
        self._since = (monotonic(), 0.0)  # when playing started or was reset, and the position in the recording then

    # -- Feed

    def start(self, deliver: Callable[[Event], None]) -> None:
        """Begin to play."""
        self._deliver = deliver
        self._thread.start()

    def stop(self) -> None:
        """End."""
        with self._wakes:
            self._is_stopped = True
            self._wakes.notify()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def look_for_schedulers(self) -> None:
        """Report that a recording has no other schedulers."""
        self._enqueue(lambda: self._deliver(Choice(candidates=(), remark=NOT_RECORDED)))

    def choose(self, address: str) -> None:
        """Do nothing: a recording has no choice of schedulers."""
        del address

    def watch_threads(self, workers: Collection[str], hidden: Collection[str] = ()) -> None:
        """Do nothing: the threads that were read are in the recording."""
        del workers, hidden

    def refresh(self) -> None:
        """Do nothing."""

    def change_interval(self, direction: int) -> None:
        """Do nothing: snapshots come at the recorded interval. See `change_speed`."""
        del direction

    def execute(self, plan: ScalePlan, agreed: str | None = None) -> None:
        """Refuse."""
        del plan, agreed
        self._enqueue(lambda: self._deliver(Outcome(done=False, message="this is a recording: it cannot be scaled")))

    def cancel_execution(self) -> None:
        """Do nothing."""

    def ask(self, question: Question) -> None:
        """Answer that it is not in the recording."""
        self._enqueue(lambda: self._deliver(Answer(question=question, error=NOT_RECORDED)))

    def request_log(self, request: LogRequest | None) -> None:
        """Report that it is not in the recording."""
        if request is not None:
            self._enqueue(lambda: self._deliver(LogPart(path=request.path, problem=NOT_RECORDED)))

    # -- replay controls

    def toggle(self) -> None:
        """Pause or resume; at the end, restart."""
        self._enqueue(self._toggle)

    def step(self, count: int) -> None:
        """Pause, and go this many snapshots forward, or back."""
        self._enqueue(lambda: self._pause_at(self._index + count, 1 if count >= 0 else -1))

    def seek_by(self, seconds: float) -> None:
        """Seek forward, or back, in the recording's time; at least one snapshot."""
        self._enqueue(lambda: self._seek_by(seconds))

    def seek_to(self, moment: datetime) -> None:
        """Seek to a moment."""
        self._enqueue(lambda: self._show(self._recording.index_at(moment)))

    def seek_share(self, share: float) -> None:
        """Seek to a fraction, 0…1, of the recording's time."""
        self._enqueue(lambda: self._seek_share(share))

    def seek_mark(self, direction: int) -> None:
        """Pause at the start of the next finding (1), or the previous one (-1)."""
        self._enqueue(lambda: self._seek_mark(direction))

    def change_speed(self, direction: int) -> None:
        """Play faster (1) or slower (-1)."""
        self._enqueue(lambda: self._change_speed(direction))

    def _enqueue(self, command: Callable[[], None]) -> None:
        with self._wakes:
            self._commands.append(command)
            self._wakes.notify()

    # -- the replay's thread

    def _run(self) -> None:
        try:
            self._open()
            while not self._is_stopped:
                self._obey()
                if self._earlier is not None:  # one at a time: a command may arrive
                    self._deliver_earlier(self._earlier)
                else:
                    self._play()
                    self._wait()
        except RecordingError as error:
            self._hand_over(Failure(message=str(error), exit_status=_USAGE))
        finally:
            self._recording.close()

    def _open(self) -> None:
        """Index the recording; show its first snapshot during that."""
        has_shown = False
        for lines, count in enumerate(self._recording.scan()):
            if count and not has_shown:
                has_shown = True
                self._show(0)
            if lines % _LINES_AT_ONCE == 0 and self._is_stopped:
                return
        self._is_opening = False
        self._show(self._index)

    def _obey(self) -> None:
        while self._commands and not self._is_stopped:
            self._commands.popleft()()

    def _wait(self) -> None:
        """Wait for a command or, when playing, for the next snapshot to be due."""
        seconds = self._seconds_to_next() if self._is_playing else None
        with self._wakes:
            if not self._commands and not self._is_stopped:
                self._wakes.wait(seconds)

    def _play(self) -> None:
        """Show the snapshot that is due, if it is not shown already."""
        if not self._is_playing:
            return
        if self._is_at_end:
            self._is_playing = False
            self._report_position()
            return
        began_at, began_with = self._since
        moment = began_with + (monotonic() - began_at) * self._speed
        due = self._recording.index_at(_after(self._first, moment))
        if due > self._index:
            self._show(due, goes_on=True)

    def _seconds_to_next(self) -> float:
        if self._is_at_end:
            return 0.0
        began_at, began_with = self._since
        moment = (self._recording.moment(self._index + 1) - self._first).total_seconds()
        wait = began_at + (moment - began_with) / self._speed - monotonic()
        return max(SECONDS_BETWEEN_SNAPSHOTS, wait)

    @property
    def _first(self) -> datetime:
        return self._recording.moment(0)

    @property
    def _is_at_end(self) -> bool:
        return self._index >= len(self._recording.entries) - 1

    def _toggle(self) -> None:
        self._is_playing = not self._is_playing
        if self._is_playing and self._is_at_end:
            self._index = 0
        self._show(self._index)

    def _pause_at(self, index: int, direction: int = 1) -> None:
        self._is_playing = False
        self._show(index, direction)

    def _seek_by(self, seconds: float) -> None:
        index = self._recording.index_at(_after(self._recording.moment(self._index), seconds))
        direction = 1 if seconds > 0 else -1
        self._show(index if index != self._index else index + direction, direction)

    def _seek_share(self, share: float) -> None:
        length = self._recording.moment(-1) - self._first
        self._show(self._recording.index_at(self._first + length * min(max(share, 0.0), 1.0)))

    def _seek_mark(self, direction: int) -> None:
        now = self._recording.moment(self._index)
        marks = [mark.at for mark in self._recording.marks if (mark.at > now if direction > 0 else mark.at < now)]
        if marks:
            self._pause_at(self._recording.index_at(min(marks) if direction > 0 else max(marks)), direction)

    def _change_speed(self, direction: int) -> None:
        place = SPEEDS.index(self._speed) + direction
        self._speed = SPEEDS[min(max(place, 0), len(SPEEDS) - 1)]
        self._set_clock()
        self._report_position()

    def _show(self, index: int, direction: int = 1, *, goes_on: bool = False) -> None:
        """Show a snapshot or, if it is damaged, the next valid one in this direction, else in the other."""
        index = min(max(index, 0), len(self._recording.entries) - 1)
        found = self._recording.good_snapshot(index, direction) or self._recording.good_snapshot(index, -direction)
        if found is None:
            if not self._is_opening:
                raise RecordingError(self._recording.remark or f"{self._recording.path} has no snapshot")
            return
        before, (self._index, snapshot) = self._index, found
        if not goes_on:
            self._set_clock()
        self._report_position()
        self._report_switch(snapshot.cluster.scheduler_address)
        if goes_on:
            self._deliver_skipped(before)
        self._hand_over(snapshot)
        if self._earlier is not None or not (goes_on or before <= self._index <= before + 1):
            self._earlier = self._before(snapshot)

    def _deliver_skipped(self, before: int) -> None:
        """Deliver snapshots skipped since the previously shown one."""
        skipped = self._recording.snapshots(_thinned(range(before + 1, self._index), MOST_SKIPPED))
        for snapshot in skipped:
            if self._is_of_this_scheduler(snapshot):
                self._hand_over(Earlier(snapshot=snapshot))

    def _deliver_earlier(self, earlier: Iterator[Earlier]) -> None:
        """Deliver the next of the snapshots before the seek position, if any is left."""
        event = next(earlier, None)
        if event is None:
            self._earlier = None
        else:
            self._hand_over(event)

    def _before(self, shown: Snapshot) -> Iterator[Earlier]:
        """Yield the snapshots before the one that is shown, oldest first, as if they had been played."""
        begins = self._recording.index_at(_after(self._recording.moment(self._index), -PAST_SECONDS))
        for snapshot in self._recording.snapshots(_thinned(range(begins, self._index), MOST_EARLIER)):
            if self._is_of_this_scheduler(snapshot):
                yield Earlier(snapshot=snapshot)
        yield Earlier(snapshot=shown, is_last=True)

    def _is_of_this_scheduler(self, snapshot: Snapshot) -> bool:
        return snapshot.cluster.scheduler_address in (None, self._address)

    def _report_switch(self, address: str | None) -> None:
        """Report if the next snapshot is of another scheduler than the last; it may be unknown."""
        if address is not None and self._address not in (None, address):
            self._hand_over(Switched(address=address))
        self._address = address or self._address

    def _set_clock(self) -> None:
        """Reset the clock to the snapshot that is shown."""
        self._since = monotonic(), (self._recording.moment(self._index) - self._first).total_seconds()

    def _report_position(self) -> None:
        recording = self._recording
        self._hand_over(
            ReplayPosition(
                at=recording.moment(self._index),
                begins_at=self._first,
                ends_at=recording.moment(-1),
                number=self._index + 1,
                count=len(recording.entries),
                is_playing=self._is_playing,
                speed=self._speed,
                marks=() if self._is_opening else tuple(recording.marks),
                is_opening=self._is_opening,
                is_redacted=recording.is_redacted,
                remark=recording.remark,
            )
        )

    def _hand_over(self, event: Event) -> None:
        if not self._is_stopped:
            self._deliver(event)


def _thinned(indices: range, most: int) -> range:
    """Return at most this many of the indices, evenly spaced, including the last."""
    return indices[:: -max(1, ceil(len(indices) / most))][::-1]


def _after(moment: datetime, seconds: float) -> datetime:
    """Return a moment this much later, or earlier, clamped to the range of `datetime`."""
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return (datetime.max if seconds > 0 else datetime.min).replace(tzinfo=UTC)
