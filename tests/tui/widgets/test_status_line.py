"""The status line: how long each kind of message stays."""

import pytest

from dasktop.tui.draw.glyphs import UNICODE
from dasktop.tui.widgets.status_line import READING_SECONDS, StatusLine


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def status(clock: Clock) -> StatusLine:
    return StatusLine(UNICODE, clock)


def test_result_of_a_key_ends_with_next_key(status: StatusLine) -> None:
    status.show_result("nothing to do")
    assert status.lines(80)
    status.next_key()
    assert status.lines(80) == []


def test_announcement_stays_long_enough_to_read(status: StatusLine, clock: Clock) -> None:
    status.announce("2 jobs are gone")
    status.next_key()
    clock.now += READING_SECONDS - 0.1
    status.next_key()
    assert status.lines(80)
    clock.now += 0.1
    status.next_key()
    assert status.lines(80) == []


def test_running_operation_stays_shown(status: StatusLine, clock: Clock) -> None:
    status.show("draining", hint="esc cancels")
    clock.now += 1000
    status.next_key()
    assert status.lines(80)
