"""Which tasks have run much longer than others of their name."""

import pytest

from dasktop.collectors.model.snapshot import Finding
from dasktop.collectors.model.task_times import TaskTimes
from dasktop.collectors.model.thresholds import Thresholds
from dasktop.collectors.model.work import TaskName
from tests.support.work import task_name, work

TIMES = TaskTimes.of(work(task_names=(task_name(seconds_mean=20.0, finished_total=20), task_name("new"))))


def test_mean_of_a_name() -> None:
    assert TIMES.typical_seconds("regrid") == 20.0
    assert TIMES.typical_seconds("gone") is None
    assert TIMES.typical_seconds(None) is None
    assert TaskTimes.of(None).typical_seconds("regrid") is None


@pytest.mark.parametrize(
    ("name", "seconds", "typical", "is_longer"),
    [
        ("regrid", 200.0, 20.0, True),
        ("regrid", 199.0, 20.0, False),
        ("regrid", 119.0, 1.0, False),
        ("regrid", 120.0, 1.0, True),
        ("regrid", 9000.0, None, False),
        ("gone", 9000.0, 20.0, False),
    ],
)
def test_much_longer_is_a_multiple_of_the_mean(
    name: str, seconds: float, typical: float | None, is_longer: bool
) -> None:
    assert TIMES.is_much_longer(name, seconds, typical) is is_longer


HUNG = task_name("fill", seconds_mean=None, finished_total=0)
QUICK = task_name("load", seconds_mean=3.0, finished_total=400)


@pytest.mark.parametrize(
    ("names", "seconds", "is_longer"),
    [
        ((QUICK, HUNG), 120.0, True),
        ((QUICK, HUNG), 119.0, False),
        ((task_name("load", seconds_mean=7.0), HUNG), 139.0, False),
        ((task_name("load", seconds_mean=7.0), HUNG), 140.0, True),
        ((QUICK, task_name("fill", seconds_mean=8.0, finished_total=2)), 159.0, False),
        ((QUICK, task_name("fill", seconds_mean=8.0, finished_total=2)), 160.0, True),
        ((QUICK, task_name("fill", seconds_mean=1.0, finished_total=20)), 9000.0, False),
        ((HUNG,), 9000.0, False),
        ((QUICK,), 9000.0, False),
    ],
)
def test_longer_than_any_other_if_none_of_its_name_has_finished(
    names: tuple[TaskName, ...], seconds: float, is_longer: bool
) -> None:
    assert TaskTimes(names).is_far_longer_than_any("fill", seconds) is is_longer


def test_forgotten_names_count_as_others() -> None:
    shown = work(task_names=(HUNG,), forgotten_seconds_mean=3.0)
    assert TaskTimes.of(shown).is_far_longer_than_any("fill", 120.0)


@pytest.mark.parametrize(("code", "is_reported"), [("tasks-stuck", True), ("tasks-failed", False)])
def test_findings_about_slow_tasks(code: str, is_reported: bool) -> None:
    said = Finding(
        code=code,
        severity="warning",
        job_id=None,
        worker=None,
        workers=("w-1",),
        task_names=("fill",),
        message="it hangs",
        since=None,
    )
    assert TaskTimes.of(None, findings=[said]).is_reported("fill", "w-1") is is_reported
    assert not TaskTimes.of(None, findings=[said]).is_reported("fill", "w-2")


def test_few_finished_tasks_prove_nothing() -> None:
    few = TaskTimes([task_name(finished_total=19)])
    assert not few.is_much_longer("regrid", 9000.0, 2.5)
    assert TaskTimes([task_name(finished_total=19)], Thresholds(task_longer_samples=19)).is_much_longer(
        "regrid", 9000.0, 2.5
    )
