"""A recording as a feed: played at its own pace, faster, step by step, and gone to any moment."""

import queue
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from dasktop.collectors.feed import Event, Failure
from dasktop.collectors.logs.model import LogPart, Tail
from dasktop.collectors.lookups import Answer, BatchScript
from dasktop.collectors.model import Snapshot, to_json
from dasktop.collectors.recording import replay
from dasktop.collectors.recording.position import ReplayPosition
from dasktop.collectors.recording.reader import Recording
from dasktop.collectors.recording.recorder import write_all
from dasktop.collectors.recording.replay import SPEEDS, ReplayFeed
from tests.fake_commands import Clock
from tests.recordings import life
from tests.snapshots import TAKEN_AT
from tests.waiting import PATIENCE_SECONDS

LIFE = list(life(jobs=2, count=400))
QUESTION = BatchScript(job_id="4000")


class Played:
    """A replay under test: what it hands over, and where it is."""

    def __init__(self, path: Path) -> None:
        self.feed = ReplayFeed(Recording(str(path)))
        self.events: queue.Queue[Event] = queue.Queue()
        self.position: ReplayPosition | None = None
        self.feed.start(self.events.put)

    def next(self, kind: type | tuple[type, ...]) -> Event:
        while True:
            event = self.events.get(timeout=PATIENCE_SECONDS)
            if isinstance(event, ReplayPosition):
                self.position = event
            if isinstance(event, kind):
                return event

    def opened(self) -> None:
        while self.position is None or self.position.is_opening:
            self.next(ReplayPosition)
        self.next(Snapshot)

    def shown(self) -> int:
        """Return which one is handed over next."""
        return LIFE.index(self.next(Snapshot))


@pytest.fixture(autouse=True)
def clock(monkeypatch) -> Clock:
    """The time, which stands still: nothing is played while a busy machine is slow to test."""
    clock = Clock()
    monkeypatch.setattr(replay, "monotonic", clock)
    return clock


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "recording.gz"
    write_all(str(path), LIFE, redact=False)
    return path


@pytest.fixture
def played(path) -> Iterator[Played]:
    played = Played(path)
    played.opened()
    yield played
    played.feed.stop()


def later(played, clock, seconds: float) -> None:
    """Let so much time go by, and wake what waits for it."""
    clock.now += seconds
    played.feed.look_up(QUESTION)


def test_it_begins_with_the_first_and_plays_on_by_itself(played, clock):
    assert played.position.number == 1
    assert played.position.count == 400
    assert played.position.is_playing
    for index in (1, 2, 3):
        later(played, clock, 2.05)  # a little more: they were taken some hundredths early or late
        assert played.shown() == index, "every two seconds, as when it was taken"


def test_fast(played, clock):
    for _ in SPEEDS:
        played.feed.change_speed(1)
    while played.position.speed != SPEEDS[-1]:
        played.next(ReplayPosition)
    for index in (30, 60, 90):
        later(played, clock, 0.201)
        assert played.shown() == index, "those between are left out"
    later(played, clock, 60)
    while played.position.is_playing:
        played.next(ReplayPosition)
    assert played.position.number == 400, "it stops at the end"


def test_steps_pause(played, clock):
    played.feed.step(1)
    assert played.shown() == 1
    assert not played.position.is_playing
    played.feed.step(5)
    played.feed.step(-2)
    assert [played.shown(), played.shown()] == [6, 4]
    played.feed.step(-100)
    assert played.shown() == 0
    played.feed.step(10_000)
    assert played.shown() == 399
    for _ in range(2):  # behind the second answer it has looked at the time since
        later(played, clock, 60)
        assert isinstance(played.next((Answer, Snapshot)), Answer)


def test_seeking(played):
    played.feed.toggle()
    played.shown()
    for seconds, index in (
        (10, 4),
        (10, 9),
        (600, 309),
        (-10, 304),
        (0.001, 305),
        (-0.001, 304),
        (-1e6, 0),
        (1e6, 399),
    ):
        played.feed.seek_by(seconds)
        assert abs(played.shown() - index) <= 1, seconds
    played.feed.seek_share(0.5)
    assert abs(played.shown() - 200) <= 1
    played.feed.seek_to(LIFE[123].taken_at + timedelta(seconds=1))
    assert played.shown() == 123
    played.feed.seek_to(TAKEN_AT - timedelta(days=9))
    assert played.shown() == 0


def test_there_is_nothing_behind_the_end_of_all_time(tmp_path):
    last = datetime.max.replace(tzinfo=UTC)
    path = tmp_path / "edited.ndjson"
    write_all(
        str(path),
        [replace(LIFE[0], taken_at=last - timedelta(seconds=seconds)) for seconds in (60, 30, 0)],
        redact=False,
    )
    played = Played(path)
    played.opened()
    for seconds, number in ((600, 3), (-1e13, 1), (1e13, 3)):
        played.feed.seek_by(seconds)
        played.next(Snapshot)
        assert played.position.number == number
    played.feed.stop()


def test_to_the_next_finding_and_back(played):
    played.feed.seek_mark(1)
    assert played.shown() == 300
    assert not played.position.is_playing
    assert [mark.code for mark in played.position.marks] == ["lost-job"]
    played.feed.step(5)
    played.feed.seek_mark(-1)
    assert [played.shown(), played.shown()] == [305, 300]


def test_at_the_end_it_begins_again(played):
    played.feed.step(10_000)
    assert played.shown() == 399
    played.feed.toggle()
    assert played.shown() == 0
    assert played.position.is_playing


def test_what_is_not_in_it_is_told(played):
    played.feed.look_up(QUESTION)
    answer = played.next(Answer)
    assert answer.question == QUESTION
    assert "recording" in answer.error
    played.feed.read_log(Tail(path="/x"))
    assert "recording" in played.next(LogPart).problem


def test_lines_that_are_no_good_are_passed_by(tmp_path):
    path = tmp_path / "recording"
    write_all(str(path), LIFE[:20], redact=False)
    lines = path.read_bytes().split(b"\n")
    for number in (3, 4, 20):
        lines[number] = lines[number].replace(b'"columns":{', b'"columns":{"nosuch":{},')
    path.write_bytes(b"\n".join(lines))
    played = Played(path)
    played.opened()
    played.feed.step(2)
    assert played.shown() == 4, "on, past two"
    played.feed.step(-1)
    assert played.shown() == 1, "back, past two"
    played.feed.step(100)
    assert played.shown() == 18, "there is none behind it"
    assert "3 lines left out" in played.position.remark
    played.feed.stop()


def test_when_no_line_is_any_good_it_ends_with_the_reason(tmp_path):
    path = tmp_path / "recording"
    path.write_bytes(to_json(LIFE[0]).replace(b'"jobs":[', b'"jobs":[7,') + b"\n")
    played = Played(path)
    failure = played.next(Failure)
    assert failure.exit_status == 2
    assert str(path) in failure.message


def test_a_clock_that_was_set_back(tmp_path):
    path = tmp_path / "recording"
    back = [replace(shown, taken_at=shown.taken_at - timedelta(hours=1)) for shown in LIFE[10:20]]
    write_all(str(path), [*LIFE[:10], *back], redact=False)
    played = Played(path)
    played.opened()
    played.feed.step(15)
    assert played.next(Snapshot) == back[5]
    played.feed.step(4)
    assert played.next(Snapshot) == back[9]
    played.feed.stop()


def test_it_ends_and_nobody_waits_for_what_hangs(path):
    hangs, is_over = threading.Event(), threading.Event()

    def hang(event: Event) -> None:
        hangs.set()
        is_over.wait(PATIENCE_SECONDS)

    feed = ReplayFeed(Recording(str(path)))
    feed.start(hang)
    assert hangs.wait(PATIENCE_SECONDS)
    feed.stop()
    assert feed._thread.is_alive(), "and still it is back"
    is_over.set()
    feed._thread.join(PATIENCE_SECONDS)
    assert not feed._thread.is_alive()
