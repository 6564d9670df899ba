"""Times and ages as text."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from dasktop.tui.draw.times import ago, moment, zone
from tests.support.snapshots import TAKEN_AT


@pytest.fixture(autouse=True)
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("away", "words"),
    [
        (timedelta(0), "13:00 today"),
        (timedelta(hours=10, minutes=59), "23:59 today"),
        (timedelta(hours=11), "00:00 tomorrow"),
        (timedelta(hours=-14), "23:00 yesterday"),
        (timedelta(days=-2), "13:00 on Thu 20 Nov"),
        (timedelta(days=60), "13:00 on Wed 21 Jan 2026"),
    ],
)
def test_moments_are_in_local_time(away: timedelta, words: str) -> None:
    assert moment(TAKEN_AT + away, TAKEN_AT) == words


def test_unknown_moment_is_a_dash() -> None:
    assert moment(None, TAKEN_AT) == "–"


def test_time_zone_has_its_local_name() -> None:
    assert zone(TAKEN_AT) == "CET"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (0.4, "less than 5 s ago"),
        (5, "less than 10 s ago"),
        (59, "less than 60 s ago"),
        (60, "1 min ago"),
    ],
)
def test_ages_are_rounded_up_to_steps(seconds: float | None, words: str) -> None:
    assert ago(seconds) == words
