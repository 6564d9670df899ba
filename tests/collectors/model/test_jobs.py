"""Ids of array jobs for SLURM's commands, and their number."""

import pytest

from dasktop.collectors.model.jobs import array_task_of, command_id, number_of_jobs, squeue_id
from tests.support.snapshots import pending


@pytest.mark.parametrize(
    ("tasks", "named", "number"),
    [
        ("1", "39_1", 1),
        ("5-10%2", "39_[5-10]", 6),
        ("2,4,7,11", "39_[2,4,7,11]", 4),
        ("2-60:2", "39_[2-60:2]", 30),
        # Truncated by squeue (22.05): scancel must get neither the dots nor a number that may be truncated.
        ("2,4,7,11,...", "39_[2,4,7,11]", 4),
        ("2,4,7,1...", "39_[2,4,7]", 3),
    ],
)
def test_rest_of_an_array_has_id_and_number(tasks: str, named: str, number: int) -> None:
    job = pending("39", array_job_id="39", array_task_id=tasks)
    assert array_task_of(job) == named
    assert number_of_jobs([job]) == number


@pytest.mark.parametrize(("tasks", "shown"), [("1", "39_1"), ("5-10%2", "39_[5-10%2]"), ("2,4,...", "39_[2,4,...]")])
def test_shown_ids_are_spelled_as_in_squeue(tasks: str, shown: str) -> None:
    assert squeue_id(pending("39", array_job_id="39", array_task_id=tasks)) == shown


def test_a_job_outside_arrays_has_one_id() -> None:
    assert (squeue_id(pending("39")), command_id(pending("39"))) == ("39", "39")
