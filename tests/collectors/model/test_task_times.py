"""Which tasks have run much longer than others of their name."""

import pytest

from dasktop.collectors.model.task_times import TaskTimes
from dasktop.collectors.model.thresholds import Thresholds
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


def test_few_finished_tasks_prove_nothing() -> None:
    few = TaskTimes([task_name(finished_total=19)])
    assert not few.is_much_longer("regrid", 9000.0, 2.5)
    assert TaskTimes([task_name(finished_total=19)], Thresholds(task_longer_samples=19)).is_much_longer(
        "regrid", 9000.0, 2.5
    )
