"""Parsing sstat: steps and their processes. The fixture is from a real sstat."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasktop.collectors.model.readings import Step
from dasktop.collectors.sources.slurm import steps

SSTAT = (Path(__file__).parents[3] / "fixtures" / "slurm" / "sstat.txt").read_text()


def test_steps_with_several_tasks_and_nodes():
    found = {(step.job_id, step.step_id): step for step in steps.parse_steps(SSTAT)}
    assert len(found) == 10
    assert found["104", "0"] == Step(
        job_id="104", step_id="0", ntasks=2, nodes=("n1", "n2"), pids=(32417, 32418), max_rss_bytes=1560 << 10
    )
    assert found["104", "batch"].pids == (32396, 32390, 32391, 32389)


def test_steps_are_known_without_process_accounting():
    assert steps.parse_steps("7.batch|1||||\n") == (Step(job_id="7", step_id="batch", ntasks=1),)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:00:29", 29), ("1-02:03:04", 93784), ("21:34.567", 1294), ("00:00:00", None), ("", None)],
)
def test_cpu_time_is_unknown_if_not_gathered(text, seconds):
    (step,) = steps.parse_steps(f"7.0|2|{text}|1K|n1|9\n")
    assert step.cpu_seconds == seconds


def test_zero_tasks_are_unknown():
    assert steps.parse_steps("7.0|0|||n1|\n") == (Step(job_id="7", step_id="0", nodes=("n1",)),)


@pytest.mark.parametrize(
    "line", ["", "7|1|0|1K|n1|9", "x.0|1|0|1K|n1|9", "7.|1|0|1K|n1|9", "7.0|1", "7.0|1|0|1K|n1|9|8|7"]
)
def test_malformed_rows_are_skipped(line):
    assert steps.parse_steps(line) == ()


def test_messages_about_one_job_are_not_failures():
    about_jobs = ["sstat: error: No steps running for job 98", "sstat: error: couldn't get steps for job 999"]
    assert steps.first_error(about_jobs) is None
    refused = "sstat: error: problem getting step_layout for StepId=77.0: Invalid user id"
    assert steps.first_error([*about_jobs, refused]) == refused
    assert steps.is_permission_error(refused)


@given(text=st.text() | st.text(alphabet="70.|batchKn[1-2],\n", max_size=80))
def test_any_text_can_be_parsed(text):
    steps.parse_steps(text)
