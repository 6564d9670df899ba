"""The history of values on the screen, and sparklines."""

from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.tui.draw.bars import sparkline
from dasktop.tui.draw.glyphs import ASCII, UNICODE
from dasktop.tui.view import history
from dasktop.tui.view.history import CLUSTER, POINTS, SECONDS_PER_POINT, History, Past
from tests.support.snapshots import GIB, TAKEN_AT, job, snapshot, source, task, thread, worker

WORKER = ("worker", "tcp://10.1.0.7/a")


def at(seconds: float, cpu_percent: float | None = 50.0, **values: object) -> Snapshot:
    """Return a snapshot of one worker, some seconds after the first."""
    one = worker("a", cpu_percent=cpu_percent, memory_bytes=GIB)
    return replace(snapshot([job("1", [task([one])])], taken_at=TAKEN_AT + timedelta(seconds=seconds)), **values)


def fed(*snapshots: Snapshot) -> History:
    past = History()
    for one in snapshots:
        past.feed(one)
    return past


def test_point_is_the_mean_of_five_seconds() -> None:
    past = fed(at(0, 10), at(2, 30))
    assert past.of(WORKER) == Past()
    past.feed(at(SECONDS_PER_POINT, 99))
    assert past.of(WORKER) == Past((20.0,), (float(GIB),))


def test_every_row_has_a_history() -> None:
    one = worker("a", cpu_percent=50.0, threads=(thread(7, cpu_percent=40.0),))
    two = worker("b", cpu_percent=30.0)
    whole = [job("1", [task([one, two])])]
    past = fed(snapshot(whole), snapshot(whole, taken_at=TAKEN_AT + timedelta(seconds=SECONDS_PER_POINT)))
    keys = [CLUSTER, ("job", "1"), ("task", "1", "batch", 0), WORKER, ("thread", "tcp://10.1.0.7/a", 7)]
    assert [past.of(key).cpu_percent for key in keys] == [(80.0,), (80.0,), (80.0,), (50.0,), (40.0,)]
    assert past.of(("thread", "tcp://10.1.0.7/a", 7)).memory_bytes == (None,)
    assert past.of(("job", "2")) == Past()


def test_unknown_is_never_zero() -> None:
    past = fed(at(0, None), at(5, 10), at(10))
    assert past.of(WORKER).cpu_percent == (None, 10.0)


def test_stale_values_are_not_added_to_history() -> None:
    silent = (source("dask", state="stale"),)
    past = fed(at(0, 10), at(5, 10, sources=silent), at(10))
    assert past.of(WORKER).cpu_percent == (10.0, None)


def test_a_pause_is_a_gap() -> None:
    past = fed(at(0, 10), at(3.5 * SECONDS_PER_POINT, 20), at(4 * SECONDS_PER_POINT))
    assert past.of(WORKER).cpu_percent == (10.0, None, None, 20.0)


def test_values_count_until_the_next_of_rare_snapshots() -> None:
    past = fed(at(0, 10), at(11, 20), at(22, 30), at(33, 40), at(44))
    assert past.of(WORKER).cpu_percent == (10, None, 20, 20, 30, 30, 40, 40)
    past.feed(at(64, 50))
    assert past.of(WORKER).cpu_percent[-4:] == (50.0, None, None, None), "it took longer than usual"


def test_a_second_pause_is_a_gap_too() -> None:
    past = fed(at(0, 10), at(5, 10), at(10, 10), at(300, 10), at(305, 10), at(600, 10), at(605))
    assert sum(value is not None for value in past.of(WORKER).cpu_percent) < 10


def test_departed_rows_are_forgotten() -> None:
    past = fed(at(0), at(5), snapshot([], taken_at=TAKEN_AT + timedelta(seconds=6)), at(10))
    assert past.of(WORKER) == Past()


def test_going_back_in_time_starts_over() -> None:
    past = fed(at(100), at(105), at(0, 70))
    assert past.of(WORKER) == Past()
    past.feed(at(5))
    assert past.of(WORKER).cpu_percent == (70.0,)


def test_history_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    past = fed(*(at(SECONDS_PER_POINT * number, number) for number in range(3 * POINTS)))
    points = past.of(WORKER).cpu_percent
    assert len(points) == POINTS
    assert points[-1] == 3 * POINTS - 2
    past.feed(at(10_000_000))
    assert past.of(WORKER).cpu_percent == (None,) * POINTS
    monkeypatch.setattr(history, "MAX_KEYS", 2)
    past.feed(at(10_000_001))
    assert len(past._tracks) == 2


def test_sparkline_shows_the_values() -> None:
    assert sparkline((0, 50, 100), 3, UNICODE, 100) == "▁▅█"
    assert sparkline((0, 50, 100), 3, ASCII, 100) == "_=#"
    assert sparkline((0, None, 100), 5, UNICODE, 100) == "  ▁ █"
    assert sparkline((1, 2, 4), 2, UNICODE) == "▅█"
    assert sparkline((300.0,), 1, UNICODE, 100) == "█"
    assert sparkline((0, 0), 2, UNICODE) == "▁▁"
    assert sparkline((), 3, UNICODE) == "   "
    assert sparkline((1,), 0, UNICODE) == ""


@given(
    st.lists(st.none() | st.floats(0, 1e15)),
    st.integers(0, 40),
    st.sampled_from([UNICODE, ASCII]),
    st.none() | st.floats(0, 1e15),
)
@example([1.0], 1, UNICODE, 2.2250738585072014e-308)
def test_sparkline_has_the_requested_width(
    points: list[float | None], cells: int, glyphs: object, top: float | None
) -> None:
    assert isinstance(glyphs, type(UNICODE))
    picture = sparkline(points, cells, glyphs, top)
    assert len(picture) == cells
    assert glyphs.is_unicode or picture.isascii()
