"""A recording as a feed: hands over its snapshots at the pace at which they were taken, or as one likes."""

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta
from math import ceil
from time import monotonic

from dasktop.collectors.errors import RecordingError
from dasktop.collectors.feed import PAST_SECONDS, Choice, Earlier, Event, Failure, Switched
from dasktop.collectors.logs.model import LogPart, LogWish
from dasktop.collectors.lookups import Answer, Question
from dasktop.collectors.model import Snapshot
from dasktop.collectors.recording.position import ReplayPosition
from dasktop.collectors.recording.reader import Recording
from dasktop.collectors.scaling.model import Outcome, ScalePlan

SPEEDS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
SECONDS_BETWEEN_SNAPSHOTS = 0.2
"""At least, when playing fast: those between are left out."""
MOST_EARLIER = 400
"""After a jump so many are read for graphs at most: all of `PAST_SECONDS` where they are two seconds apart."""
MOST_PASSED_OVER = 24
"""Between two snapshots when playing fast, so many are read for graphs at most: one in four seconds."""
STOP_SECONDS = 0.2
NOT_RECORDED = "this is a recording, and that isn't in it"
_LINES_AT_ONCE = 500
_USAGE = 2


class ReplayFeed:
    """Plays a recording, in a thread of its own.

    Every method but `start` may be called from the screen's thread at any time, and returns at once.

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
        # Of the replay's thread alone:
        self._index = 0
        self._is_opening = True
        self._is_playing = True
        self._speed = 1.0
        self._address: str | None = None
        self._earlier: Iterator[Earlier] | None = None  # what is still to be told after a jump
        self._since = (monotonic(), 0.0)  # when playing began, or was set anew, and where in the recording that was

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
        """Tell that there is none but those in the recording."""
        self._tell(lambda: self._deliver(Choice(candidates=(), remark=NOT_RECORDED)))

    def choose(self, address: str) -> None:
        """Do nothing: there is nothing to choose in a recording."""
        del address

    def watch_threads(self, workers: Collection[str]) -> None:
        """Do nothing: what was read is in the recording."""
        del workers

    def refresh(self) -> None:
        """Do nothing."""

    def change_interval(self, direction: int) -> None:
        """Do nothing: snapshots come as they were taken. See `change_speed`."""
        del direction

    def carry_out(self, plan: ScalePlan, agreed: str | None = None) -> None:
        """Refuse."""
        del plan, agreed
        self._tell(lambda: self._deliver(Outcome(done=False, message="this is a recording: nothing can be changed")))

    def give_up(self) -> None:
        """Do nothing."""

    def look_up(self, question: Question) -> None:
        """Answer that it isn't in the recording."""
        self._tell(lambda: self._deliver(Answer(question=question, error=NOT_RECORDED)))

    def read_log(self, wish: LogWish | None) -> None:
        """Tell that it isn't in the recording."""
        if wish is not None:
            self._tell(lambda: self._deliver(LogPart(path=wish.path, problem=NOT_RECORDED)))

    # -- what one does with a recording

    def toggle(self) -> None:
        """Pause or go on; at the end, begin again."""
        self._tell(self._toggle)

    def step(self, count: int) -> None:
        """Pause, so many snapshots further on, or back."""
        self._tell(lambda: self._pause_at(self._index + count, 1 if count >= 0 else -1))

    def seek_by(self, seconds: float) -> None:
        """Go so far on, or back, in the recording's time. Always goes at least one snapshot."""
        self._tell(lambda: self._seek_by(seconds))

    def seek_to(self, moment: datetime) -> None:
        """Go to what was shown at that moment."""
        self._tell(lambda: self._show(self._recording.index_at(moment)))

    def seek_share(self, share: float) -> None:
        """Go to a share, 0…1, of the recording's time."""
        self._tell(lambda: self._seek_share(share))

    def seek_mark(self, direction: int) -> None:
        """Pause where the next finding begins (1), or the one before (-1)."""
        self._tell(lambda: self._seek_mark(direction))

    def change_speed(self, direction: int) -> None:
        """Play faster (1) or slower (-1)."""
        self._tell(lambda: self._change_speed(direction))

    def _tell(self, command: Callable[[], None]) -> None:
        with self._wakes:
            self._commands.append(command)
            self._wakes.notify()

    # -- the replay's thread

    def _run(self) -> None:
        try:
            self._open()
            while not self._is_stopped:
                self._obey()
                if self._earlier is not None:  # one at a time: another command may come
                    self._tell_of_earlier(self._earlier)
                else:
                    self._play()
                    self._wait()
        except RecordingError as error:
            self._hand_over(Failure(message=str(error), exit_status=_USAGE))
        finally:
            self._recording.close()

    def _open(self) -> None:
        """Look through the recording; what it begins with is shown meanwhile."""
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
        """Show what is due, if it is another than what is shown."""
        if not self._is_playing:
            return
        if self._is_at_end:
            self._is_playing = False
            self._tell_position()
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
        self._tell_position()

    def _show(self, index: int, direction: int = 1, *, goes_on: bool = False) -> None:
        """Show a snapshot or, if it is no good, the next that is, this way or else the other."""
        index = min(max(index, 0), len(self._recording.entries) - 1)
        found = self._recording.good_snapshot(index, direction) or self._recording.good_snapshot(index, -direction)
        if found is None:
            if not self._is_opening:
                raise RecordingError(self._recording.remark or f"{self._recording.path} holds no snapshot")
            return
        before, (self._index, snapshot) = self._index, found
        if not goes_on:
            self._set_clock()
        self._tell_position()
        self._tell_of_switch(snapshot.cluster.scheduler_address)
        if goes_on:
            self._tell_of_passed_over(before)
        self._hand_over(snapshot)
        if self._earlier is not None or not (goes_on or before <= self._index <= before + 1):
            self._earlier = self._before(snapshot)

    def _tell_of_passed_over(self, before: int) -> None:
        """Tell of what was left out since the snapshot that was shown before."""
        passed_over = self._recording.snapshots(_thinned(range(before + 1, self._index), MOST_PASSED_OVER))
        for snapshot in passed_over:
            if self._is_of_this_scheduler(snapshot):
                self._hand_over(Earlier(snapshot=snapshot))

    def _tell_of_earlier(self, earlier: Iterator[Earlier]) -> None:
        """Tell of the next snapshot before the one that was jumped to, if there is another."""
        told = next(earlier, None)
        if told is None:
            self._earlier = None
        else:
            self._hand_over(told)

    def _before(self, shown: Snapshot) -> Iterator[Earlier]:
        """Yield what was before the snapshot that is shown, the oldest first, as if it had been played."""
        begins = self._recording.index_at(_after(self._recording.moment(self._index), -PAST_SECONDS))
        for snapshot in self._recording.snapshots(_thinned(range(begins, self._index), MOST_EARLIER)):
            if self._is_of_this_scheduler(snapshot):
                yield Earlier(snapshot=snapshot)
        yield Earlier(snapshot=shown, is_last=True)

    def _is_of_this_scheduler(self, snapshot: Snapshot) -> bool:
        return snapshot.cluster.scheduler_address in (None, self._address)

    def _tell_of_switch(self, address: str | None) -> None:
        """Tell if what is shown next is of another scheduler than what was shown; of some it isn't known (yet)."""
        if address is not None and self._address not in (None, address):
            self._hand_over(Switched(address=address))
        self._address = address or self._address

    def _set_clock(self) -> None:
        """Play on from what is shown."""
        self._since = monotonic(), (self._recording.moment(self._index) - self._first).total_seconds()

    def _tell_position(self) -> None:
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
    """Return at most this many of them, evenly spaced, including the last."""
    return indices[:: -max(1, ceil(len(indices) / most))][::-1]


def _after(moment: datetime, seconds: float) -> datetime:
    """Return a moment so much later, or earlier; there is none behind the end of all time, nor before its beginning."""
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return (datetime.max if seconds > 0 else datetime.min).replace(tzinfo=UTC)
