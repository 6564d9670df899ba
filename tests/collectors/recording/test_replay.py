"""A recording as a feed: played at recorded or other speed, stepped, and searched."""

import queue
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.feed import PAST_SECONDS, Earlier, Event, Failure, ReplayPosition, Switched
from dasktop.collectors.model.logs import LogPart, Tail
from dasktop.collectors.model.queries import Answer, BatchScript
from dasktop.collectors.model.snapshot import Snapshot, to_json
from dasktop.collectors.recording import replay
from dasktop.collectors.recording.reader import Recording
from dasktop.collectors.recording.recorder import write_all
from dasktop.collectors.recording.replay import MOST_EARLIER, SPEEDS, ReplayFeed
from dasktop.tui.view.history import CLUSTER, POINTS, History
from tests.support.fake_commands import Clock
from tests.support.recordings import busy_snapshots
from tests.support.snapshots import TAKEN_AT
from tests.support.waiting import PATIENCE_SECONDS

SNAPSHOTS = list(busy_snapshots(jobs=2, count=400))
QUESTION = BatchScript(job_id="4000")


class Played:
    """A replay under test: its events and its position."""

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

    def past(self) -> History:
        """Return the history of a screen once graphs are complete after a seek."""
        history = History()
        while True:
            match self.next((Snapshot, Earlier, Switched)):
                case Snapshot() as snapshot:
                    history.feed(snapshot)
                case Switched():
                    history.forget()
                case Earlier() as earlier:
                    history.feed(earlier.snapshot)
                    if earlier.is_last:
                        return history

    def shown(self) -> int:
        """Return the index of the next delivered snapshot."""
        return SNAPSHOTS.index(self.next(Snapshot))


@pytest.fixture(autouse=True)
def clock(monkeypatch) -> Clock:
    """A clock that does not advance, so that nothing is played while the machine is busy."""
    clock = Clock()
    monkeypatch.setattr(replay, "monotonic", clock)
    return clock


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "recording.gz"
    write_all(str(path), SNAPSHOTS, redact=False)
    return path


@pytest.fixture
def played(path) -> Iterator[Played]:
    played = Played(path)
    played.opened()
    yield played
    played.feed.stop()


def later(played, clock, seconds: float) -> None:
    """Advance the clock, and wake the replay."""
    clock.now += seconds
    played.feed.ask(QUESTION)


def test_playing_starts_with_the_first_snapshot(played, clock):
    assert played.position.number == 1
    assert played.position.count == 400
    assert played.position.is_playing
    for index in (1, 2, 3):
        later(played, clock, 2.05)  # a little more: they were taken some hundredths early or late
        assert played.shown() == index, "at the recorded interval of two seconds"


def test_playing_fast_skips_snapshots(played, clock):
    for _ in SPEEDS:
        played.feed.change_speed(1)
    while played.position.speed != SPEEDS[-1]:
        played.next(ReplayPosition)
    for index in (30, 60, 90):
        later(played, clock, 0.201)
        assert played.shown() == index, "the snapshots in between are skipped"
    later(played, clock, 60)
    while played.position.is_playing:
        played.next(ReplayPosition)
    assert played.position.number == 400, "it stops at the end"


def test_stepping_pauses(played, clock):
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
    for _ in range(2):  # after the second answer it has read the clock
        later(played, clock, 60)
        assert isinstance(played.next((Answer, Snapshot)), Answer)


def test_seek(played):
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
    played.feed.seek_to(SNAPSHOTS[123].taken_at + timedelta(seconds=1))
    assert played.shown() == 123
    played.feed.seek_to(TAKEN_AT - timedelta(days=9))
    assert played.shown() == 0


def played_to(index: int, life: list[Snapshot] = SNAPSHOTS) -> History:
    """Return the history of a screen that was shown all snapshots up to this one."""
    history = History()
    for snapshot in life[: index + 1]:
        history.feed(snapshot)
    return history


@pytest.mark.parametrize(
    "jump",
    [
        lambda feed: feed.seek_by((SNAPSHOTS[200].taken_at - SNAPSHOTS[0].taken_at).total_seconds()),
        lambda feed: feed.seek_to(SNAPSHOTS[200].taken_at),
        lambda feed: feed.seek_share(0.502),
        lambda feed: feed.step(200),
        lambda feed: [feed.seek_to(SNAPSHOTS[201].taken_at), feed.step(-1)],
        lambda feed: [feed.seek_to(SNAPSHOTS[190].taken_at), feed.step(9), feed.step(1)],
        lambda feed: [feed.seek_to(SNAPSHOTS[399].taken_at), feed.seek_to(SNAPSHOTS[200].taken_at), feed.toggle()],
    ],
    ids=["by", "to", "share", "on", "back", "further", "interrupted"],
)
def test_graphs_after_a_seek_are_complete(played, jump):
    jump(played.feed)
    while played.position.number != 201:
        played.next(ReplayPosition)
    past = played.past()
    for key in (CLUSTER, ("job", "4000"), ("worker", SNAPSHOTS[200].jobs[0].tasks[0].workers[0].address)):
        assert past.of(key) == played_to(200).of(key)
        assert len(past.of(key).cpu_percent) == 80


def test_reads_only_what_graphs_show(played):
    played.feed.seek_to(SNAPSHOTS[-1].taken_at)
    earlier = [played.next(Earlier)]
    while not earlier[-1].is_last:
        earlier.append(played.next(Earlier))
    times = [one.snapshot.taken_at for one in earlier]
    assert times == [one.taken_at for one in SNAPSHOTS[-len(earlier) :]]
    assert times[1] > SNAPSHOTS[-1].taken_at - timedelta(seconds=PAST_SECONDS) >= times[0]
    history = played_to(0, [one.snapshot for one in earlier[:1]])
    for one in earlier:
        history.feed(one.snapshot)
    assert len(history.of(CLUSTER).cpu_percent) == POINTS


def test_many_earlier_snapshots_are_sampled(tmp_path):
    path = tmp_path / "often.ndjson"
    seconds = [number * 3 / 4 for number in range(800)]
    often = [replace(SNAPSHOTS[0], taken_at=TAKEN_AT + timedelta(seconds=number)) for number in seconds]
    write_all(str(path), often, redact=False)
    played = Played(path)
    played.opened()
    played.feed.seek_to(often[-1].taken_at)
    played.next(Snapshot)
    earlier = [played.next(Earlier)]
    while not earlier[-1].is_last:
        earlier.append(played.next(Earlier))
    assert len(earlier) <= MOST_EARLIER + 1
    assert [one.snapshot for one in earlier[-3:]] == [often[796], often[798], often[799]]
    played.feed.stop()


def test_graphs_exclude_other_schedulers(tmp_path):
    path = tmp_path / "switched.ndjson"
    life = [
        replace(one, cluster=replace(one.cluster, scheduler_address="tcp://a:1" if number < 30 else "tcp://b:1"))
        for number, one in enumerate(SNAPSHOTS[:60])
    ]
    write_all(str(path), life, redact=False)
    played = Played(path)
    played.opened()
    played.feed.seek_to(life[59].taken_at)
    assert played.past().of(CLUSTER) == played_to(29, life[30:]).of(CLUSTER)
    played.feed.seek_to(life[25].taken_at)
    assert played.past().of(CLUSTER) == played_to(25, life).of(CLUSTER)
    played.feed.stop()


def test_skipped_snapshots_are_in_graphs(played, clock):
    for _ in SPEEDS:
        played.feed.change_speed(1)
    while played.position.speed != SPEEDS[-1]:
        played.next(ReplayPosition)
    later(played, clock, 0.201)
    history, shown = played_to(0), None
    while not isinstance(shown, Snapshot):
        shown = played.next((Earlier, Snapshot))
        history.feed(shown if isinstance(shown, Snapshot) else shown.snapshot)
    points = history.of(CLUSTER).cpu_percent
    assert len(points) == 12
    assert None not in points


def test_seek_beyond_the_range_of_datetime(tmp_path):
    last = datetime.max.replace(tzinfo=UTC)
    path = tmp_path / "edited.ndjson"
    write_all(
        str(path),
        [replace(SNAPSHOTS[0], taken_at=last - timedelta(seconds=seconds)) for seconds in (60, 30, 0)],
        redact=False,
    )
    played = Played(path)
    played.opened()
    for seconds, number in ((600, 3), (-1e13, 1), (1e13, 3)):
        played.feed.seek_by(seconds)
        played.next(Snapshot)
        assert played.position.number == number
    played.feed.stop()


def test_seek_to_next_and_previous_finding(played):
    played.feed.seek_mark(1)
    assert played.shown() == 300
    assert not played.position.is_playing
    assert [mark.code for mark in played.position.marks] == ["lost-job"]
    played.feed.step(5)
    played.feed.seek_mark(-1)
    assert [played.shown(), played.shown()] == [305, 300]


def test_playing_at_the_end_restarts(played):
    played.feed.step(10_000)
    assert played.shown() == 399
    played.feed.toggle()
    assert played.shown() == 0
    assert played.position.is_playing


def test_unrecorded_data_are_reported(played):
    played.feed.ask(QUESTION)
    answer = played.next(Answer)
    assert answer.question == QUESTION
    assert "recording" in answer.error
    played.feed.request_log(Tail(path="/x"))
    assert "recording" in played.next(LogPart).problem


def test_damaged_lines_are_skipped(tmp_path):
    path = tmp_path / "recording"
    write_all(str(path), SNAPSHOTS[:20], redact=False)
    lines = path.read_bytes().split(b"\n")
    for number in (3, 4, 20):
        lines[number] = lines[number].replace(b'"columns":{', b'"columns":{"nosuch":{},')
    path.write_bytes(b"\n".join(lines))
    played = Played(path)
    played.opened()
    played.feed.step(2)
    assert played.shown() == 4, "two invalid lines are skipped forwards"
    played.feed.step(-1)
    assert played.shown() == 1, "two invalid lines are skipped backwards"
    played.feed.step(100)
    assert played.shown() == 18, "the last line is invalid"
    assert "3 lines skipped" in played.position.remark
    played.feed.stop()


def test_no_valid_line_is_a_failure(tmp_path):
    path = tmp_path / "recording"
    path.write_bytes(to_json(SNAPSHOTS[0]).replace(b'"jobs":[', b'"jobs":[7,') + b"\n")
    played = Played(path)
    failure = played.next(Failure)
    assert failure.exit_status == 2
    assert str(path) in failure.message


def test_clock_that_was_set_back(tmp_path):
    path = tmp_path / "recording"
    back = [replace(shown, taken_at=shown.taken_at - timedelta(hours=1)) for shown in SNAPSHOTS[10:20]]
    write_all(str(path), [*SNAPSHOTS[:10], *back], redact=False)
    played = Played(path)
    played.opened()
    played.feed.step(15)
    assert played.next(Snapshot) == back[5]
    played.feed.step(4)
    assert played.next(Snapshot) == back[9]
    played.feed.stop()


def test_stop_does_not_wait_for_a_hang(path):
    hangs, is_over = threading.Event(), threading.Event()

    def hang(event: Event) -> None:
        hangs.set()
        is_over.wait(PATIENCE_SECONDS)

    feed = ReplayFeed(Recording(str(path)))
    feed.start(hang)
    assert hangs.wait(PATIENCE_SECONDS)
    feed.stop()
    assert feed._thread.is_alive(), "stop() returned although the thread hangs"
    is_over.set()
    feed._thread.join(PATIENCE_SECONDS)
    assert not feed._thread.is_alive()
