"""A dismissed finding stays away while its numbers tick, and comes back when it changes."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from dasktop.collectors.analysis.findings import RULES
from dasktop.collectors.model.snapshot import Finding
from dasktop.tui.view.dismissed import _REASONS, Dismissed, dismissed_words
from tests.support.snapshots import TAKEN_AT

FAILED = "{} tasks failed within 30 min{}: regrid ({}): ValueError('no grid')"


def found(message: str = "job 4711 is lost", **values: object) -> Finding:
    given: dict[str, object] = {"code": "lost-job", "severity": "warning", "job_id": None, "worker": None}
    given["since"] = None
    return Finding(**given | {"message": message} | values)


def comes_back(before: Finding, now: Finding) -> bool:
    dismissed = Dismissed()
    dismissed.dismiss(before, TAKEN_AT)
    assert dismissed.remaining([before]) == ()
    return dismissed.remaining([now]) == (now,)


def many(number: int, start: int = 0) -> dict[str, object]:
    return {"workers": tuple(f"w-{each}" for each in range(start, start + number))}


@pytest.mark.parametrize(
    ("code", "before", "now"),
    [
        (
            "worker-silent",
            "worker w has sent no heartbeat for 15 s",
            "worker w has sent no heartbeat for 2 min",
        ),
        ("walltime-ending", "job 3 ends in 4 min with 2 tasks running", "job 3 ends in 1 min with 9 tasks running"),
        ("idle-allocation", "job 3 has been idle for 10 min (4 CPUs)", "job 3 has been idle for 1 h 30 min (4 CPUs)"),
        ("memory-near-limit", "worker w uses 90 % of 4 GiB", "worker w uses 95 % of 4 GiB"),
        (
            "job-pending-long",
            "job 7 has been pending for 1 h 30 min: waits for resources",
            "job 7 has been pending for 2 h: waits for resources; starts about 14:05",
        ),
        ("tasks-failed", FAILED.format(10, "", 10), FAILED.format(14, ", 13 of them on worker w", 14)),
        ("tasks-failed", FAILED.format(10, "", 10), "1 task failed within 30 min: regrid (1): ValueError('no grid')"),
        ("tasks-failed", FAILED.format(10, "", 10), f"{FAILED.format(10, '', 10)}; 3 tasks are blocked by them"),
        ("source-stale", "no answer (refused)", "no answer (refused); showing data from 14:05"),
        (
            "task-much-longer",
            "1 task of mean (20 finished after 12 s on average) has run for 2 min on w",
            "1 task of mean (900 finished after 3 s on average) has run for 3 h on w",
        ),
    ],
)
def test_a_ticking_number_does_not_bring_it_back(code: str, before: str, now: str) -> None:
    assert not comes_back(found(before, code=code), found(now, code=code))


@pytest.mark.parametrize(
    ("code", "before", "now"),
    [
        ("tasks-failed", FAILED.format(10, "", 10), FAILED.format(15, "", 15)),
        (
            "tasks-failed",
            "1 task failed within 30 min: a (1): E",
            "2 tasks failed within 30 min: a (2): E",
        ),
        ("tasks-failed", FAILED.format(10, "", 10), f"{FAILED.format(11, '', 10)}; load (1): OSError"),
        (
            "job-pending-long",
            "job 7 has been pending for 1 h: priority",
            "job 7 has been pending for 2 h: node is down",
        ),
        ("source-stale", "the scheduler does not answer (refused)", "the scheduler does not answer (no route)"),
        ("worker-died", "worker w died: killed by signal 9", "worker w died: exit status 3: MemoryError"),
        ("idle-allocation", "all 2 jobs have been idle", "all 3 jobs have been idle"),
    ],
)
def test_it_comes_back_when_it_changes(code: str, before: str, now: str) -> None:
    assert comes_back(found(before, code=code), found(now, code=code))


def test_other_codes_and_higher_severities_are_shown() -> None:
    assert comes_back(found(), found(code="job-failed"))
    assert comes_back(found(), found(severity="error"))
    assert not comes_back(found(), found(severity="info"))


@pytest.mark.parametrize(
    ("before", "now", "is_back"),
    [
        (many(1), many(1), False),
        (many(1), many(1, 1), True),
        (many(1), many(2), True),
        (many(10), many(14), False),
        (many(10), many(15), True),
        (many(10), many(3), False),
        (many(4), many(4, 3), True),
        ({"job_ids": ("1",)}, {"job_ids": ("2",)}, True),
        ({"job_id": "1"}, {"job_ids": ("1",)}, False),  # as older versions wrote it
        ({"task_names": ("a",)}, {"task_names": ("b",)}, True),
        ({"task_names": ("a", "b")}, {"task_names": ("b",)}, False),
    ],
)
def test_it_comes_back_if_it_is_about_others(before: dict[str, object], now: dict[str, object], is_back: bool) -> None:
    assert comes_back(found(**before), found(**now)) == is_back


def test_each_of_several_is_dismissed_alone() -> None:
    one, other = found(job_id="1"), found(job_id="2")
    dismissed = Dismissed()
    assert dismissed.remaining([one, other]) == (one, other)
    dismissed.dismiss(one, TAKEN_AT)
    assert dismissed.remaining([one, other]) == (other,)
    dismissed.dismiss(other, TAKEN_AT)
    assert dismissed.remaining([one, other]) == ()
    dismissed.forget()
    assert dismissed.remaining([one, other]) == (one, other)


def test_slow_growth_brings_it_back() -> None:
    """It is compared with what was dismissed, not with the snapshot before."""
    dismissed = Dismissed()
    dismissed.dismiss(found(**many(4)), TAKEN_AT)
    for number, is_back in ((5, False), (6, True)):
        now = found(**many(number))
        dismissed.follow([now], TAKEN_AT)
        assert bool(dismissed.remaining([now])) == is_back


def test_one_that_ended_is_new_when_it_comes_back() -> None:
    for gone_seconds, is_back in ((300, False), (301, True), (-400, True)):
        dismissed = Dismissed()
        dismissed.dismiss(found(), TAKEN_AT)
        seen_at = TAKEN_AT + timedelta(minutes=20)
        dismissed.follow([found()], seen_at)
        dismissed.follow([], seen_at + timedelta(seconds=gone_seconds))
        assert bool(dismissed.remaining([found()])) == is_back


def test_codes_with_a_reason_exist() -> None:
    assert {rule.code for rule in RULES} >= _REASONS


def test_words_count_the_dismissed() -> None:
    assert dismissed_words(0, "U") == ""
    assert dismissed_words(1, "U") == "1 dismissed until it changes: U shows it again"
    assert dismissed_words(2, "f8") == "2 dismissed until they change: f8 shows them again"


def test_since_does_not_matter() -> None:
    assert not comes_back(found(since=TAKEN_AT), replace(found(), since=TAKEN_AT + timedelta(hours=1)))
