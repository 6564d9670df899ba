"""How a job ended, in its row and its details: why, who released it, how long it ran, what it used."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Job
from dasktop.tui.draw.glyphs import ASCII
from dasktop.tui.view.cells import cells
from dasktop.tui.view.ended_jobs import ended_words, ran_seconds
from dasktop.tui.view.rows import JobRow
from tests.support.details_text import details_lines
from tests.support.snapshots import TAKEN_AT, ended, job, snapshot

HOUR = timedelta(hours=1)


def with_fate(**values: object) -> Job:
    made = ended("7", "CANCELLED", "cancelled by user bob")
    return replace(made, fate=replace(made.fate, **values))


def test_row_says_who_cancelled_a_job_and_how_long_it_ran() -> None:
    shown = cells(JobRow(key=("job", "7"), job=with_fate(cancelled_by="bob")), TAKEN_AT)
    assert (shown.state, shown.tone, shown.note) == ("CANCELLED", "quiet", "cancelled by user bob; ran 45 min")
    assert shown.short_note == "cancelled by user bob"


def test_row_says_what_a_job_used() -> None:
    used = with_fate(cpu_seconds=6 * 3600 + 45 * 60)
    assert ended_words(used) == "cancelled by user bob; ran 45 min, 75% CPU"
    unknown = replace(used, allocated=replace(used.allocated, cpus=None))
    assert ended_words(unknown) == "cancelled by user bob; ran 45 min"


@pytest.mark.parametrize(
    "times",
    [
        {"started_at": None},
        {"started_at": TAKEN_AT + HOUR},
    ],
)
def test_job_that_never_started_ran_for_no_time(times: dict[str, object]) -> None:
    never = replace(with_fate(), **times)
    assert ran_seconds(never) is None
    assert ended_words(never) == "cancelled by user bob"


def test_unknown_end_says_nothing_about_the_time() -> None:
    assert ended_words(with_fate(ended_at=None)) == "cancelled by user bob"
    assert ended_words(job(state="COMPLETED", reason="None")) == "None"
    assert ended_words(job(state="COMPLETED", reason=None)) == ""


def test_details_say_how_long_it_ran_and_what_it_used() -> None:
    used = with_fate(cpu_seconds=6 * 3600 + 45 * 60)
    text = " ".join(" ".join(details_lines(snapshot([used]))).split())
    assert "ran 45 min; 6 h 45 min of CPU time, 75% of 12 CPUs" in text
    allocated = replace(used, allocated=replace(used.allocated, cpus=None))
    assert "ran 45 min; 6 h 45 min of CPU time" in " ".join(" ".join(details_lines(snapshot([allocated]))).split())


def test_details_of_unknown_use_say_only_how_long_it_ran() -> None:
    text = " ".join(details_lines(snapshot([with_fate()]), glyphs=ASCII))
    assert "45 min" in text
    assert "CPU time" not in text
