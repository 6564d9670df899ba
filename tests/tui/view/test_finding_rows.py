"""The list of findings: order, what each is about, details, columns, and the same list as text."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Finding
from dasktop.tui.draw.glyphs import ASCII, UNICODE, Glyphs
from dasktop.tui.draw.prose import Fact, lay_out
from dasktop.tui.draw.text_width import width
from dasktop.tui.view.finding_columns import (
    finding_heads,
    finding_line,
    finding_texts,
    fit_finding_layout,
    widest_about,
)
from dasktop.tui.view.finding_rows import (
    FindingRow,
    FindingsRow,
    finding_rows,
    finding_sections,
    finding_title,
    places_to_look,
    plain_words,
    summary,
)
from dasktop.tui.view.plain import plain_tree
from tests.support.screen import HOSTILE
from tests.support.snapshots import TAKEN_AT, busy_job, job, snapshot, source


def found(message: str = "job 4701 is lost", **values: object) -> Finding:
    given: dict[str, object] = {"code": "x", "severity": "warning", "job_id": None, "worker": None, "since": TAKEN_AT}
    return Finding(**given | {"message": message} | values)


def rows_of(*findings: Finding, pattern: str = "") -> list[FindingsRow]:
    return finding_rows(snapshot([busy_job("4709", 0)], findings=findings), pattern=pattern)


def about(finding: Finding) -> str:
    [row] = rows_of(finding)
    assert isinstance(row, FindingRow)
    return row.about.text


def text_of(row: FindingsRow, cells: int, glyphs: Glyphs = UNICODE) -> str:
    pieces = finding_line(finding_texts(row, TAKEN_AT), fit_finding_layout(cells), glyphs)
    return "".join(piece.text for piece in pieces)


def test_a_finding_is_about_its_workers_else_its_jobs() -> None:
    assert about(found()) == ""
    assert about(found(job_id="4701")) == "job 4701"
    assert about(found(job_id="4701", worker="w-1")) == "worker w-1"
    assert about(found(workers=("a", "b", "c"), job_ids=("1",))) == "3 workers"
    assert about(found(job_ids=("1", "2"))) == "2 jobs"
    assert about(found(job_ids=("1",), workers=("a",), task_names=("mean",))) == "task name mean"
    assert about(found(job_id="1", workers=("a",), task_names=("mean",))) == "job 1"


def test_places_to_look_begin_with_the_best() -> None:
    def places(**values: object) -> list[str]:
        return list(places_to_look(found(**values)))

    assert places() == []
    assert places(job_id="1") == ["tree"]
    assert places(code="tasks-failed", worker="w", task_names=("mean",)) == ["failures", "tree"]
    assert places(code="task-much-longer", worker="w", task_names=("mean",)) == ["work", "tree"]
    assert places(code="tasks-unrunnable") == ["work"]
    assert places(code="threads-only-wait", job_id="1", task_names=("mean",)) == ["tree", "work"]
    assert places(code="worker-died", worker="w") == ["tree", "failures"]


def test_array_jobs_are_spelled_as_in_squeue() -> None:
    of_array = job("55", array_job_id="54", array_task_id="1")
    [row] = finding_rows(snapshot([of_array], findings=(found(job_id="55"),)))
    assert isinstance(row, FindingRow)
    assert row.about.text == "job 54_1"


def test_errors_of_sources_come_last_unless_a_finding_says_them() -> None:
    sources = (source("dask", error="refused", state="stale"), source("slurm.queue", error="slow", state="stale"))
    stale = found("the scheduler does not answer (refused)", code="source-stale", severity="error")
    rows = finding_rows(snapshot([], findings=(stale, found("mild")), sources=sources))
    assert [row.message for row in rows] == [stale.message, "mild", "slow"]
    assert summary(rows) == "1 error · 1 warning · 1 source error"
    assert summary([]) == ""


def test_a_finding_keeps_its_key_when_its_words_change() -> None:
    before = rows_of(found("idle for 10 min", job_id="1"), found("idle for 2 min", job_id="2"))
    after = rows_of(found("idle for 3 min", job_id="2"), found("idle for 11 min", job_id="1"))
    assert before[0].key == after[1].key != before[1].key == after[0].key
    twins = rows_of(found("one"), found("two"))
    assert len({row.key for row in twins}) == 2


def test_filter_finds_words_advice_codes_and_names() -> None:
    findings = (found("one", advice="scancel"), found("two", code="idle-allocation"), found("three", worker="w-7"))

    def matches(pattern: str) -> list[str]:
        return [row.message for row in rows_of(*findings, pattern=pattern)]

    assert matches("scancel") == ["one"]
    assert matches("idle-") == ["two"]
    assert matches("w-7") == ["three"]
    assert matches("!two") == ["one", "three"]


def test_details_have_the_whole_message_advice_and_all_names() -> None:
    finding = found("m" * 300, advice="a" * 200, job_ids=tuple(str(number) for number in range(40)), severity="error")
    [row] = rows_of(finding)
    assert finding_title(row) == "finding: jobs 0, 1, 2 and 37 more"
    lines = lay_out(finding_sections(row, TAKEN_AT), 60, UNICODE)
    text = "".join(piece.text for line in lines for piece in line).replace(" ", "")
    assert "m" * 300 in text
    assert "a" * 200 in text
    assert "error:x,since12:00today" in text
    assert "jobs0,1,2" in text
    assert text.endswith("39")
    [row] = rows_of(found(job_id="1", worker="w", task_names=("mean",)))
    [section] = finding_sections(row, TAKEN_AT)
    facts = [(entry.label, entry.text) for entry in section.entries if isinstance(entry, Fact)]
    assert facts == [("task name", "mean"), ("worker", "w"), ("job", "1")]


def test_rebound_key_replaces_the_command() -> None:
    [row] = rows_of(
        found("2 tasks failed", code="tasks-failed", severity="error", advice="dasktop failures prints them")
    )
    lines = lay_out(finding_sections(row, TAKEN_AT, {"failures": "f8"}), 60, UNICODE)
    text = " ".join("".join(piece.text for piece in line).strip() for line in lines)
    assert text.startswith("! 2 tasks failed f8 shows them error: tasks-failed")


def test_columns_give_way_to_the_message() -> None:
    [row] = rows_of(found("w is silent", worker="SLURMCluster-0-3", since=TAKEN_AT - timedelta(minutes=5)))
    assert text_of(row, 40) == " ! w is silent".ljust(40)
    assert text_of(row, 75).split() == ["!", "w", "is", "silent", "SLURMCluster-0-3", "11:55:00"]
    assert text_of(row, 115).split()[:3] == ["!", "warning", "w"]
    assert "worker SLURMCluster-0-3" in text_of(row, 115)
    assert text_of(row, 75, ASCII).isascii()


def test_what_it_is_about_takes_no_more_than_the_longest_text() -> None:
    rows = rows_of(found(job_id="1"), found(job_id="4711"))
    assert widest_about(rows) == len("job 4711")
    assert widest_about([]) == 0
    layout = fit_finding_layout(76, widest_about(rows))
    assert (layout.about, layout.message) == (8, 76 - 3 - 9 - 10)
    assert fit_finding_layout(76, 0).about == len("ABOUT")
    assert fit_finding_layout(200, 99).about == 30


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("cells", [0, 1, 5, 40, 60, 76, 120, 300])
def test_lines_have_the_width_of_their_heads(text: str, cells: int) -> None:
    layout = fit_finding_layout(cells)
    for row in rows_of(found(text, workers=(text,), code=text), replace(found(text), since=None)):
        assert width(text_of(row, cells)) == width("".join(piece.text for piece in finding_heads(layout)))
        assert width(text_of(row, cells)) <= max(3, cells)


def test_the_same_list_is_printed() -> None:
    findings = (
        found("job 4709 is lost", job_id="4709", advice="replace it"),
        found("all are idle", job_ids=("1", "2", "3", "4")),
    )
    shown = snapshot([busy_job("4709", 0)], findings=findings, sources=(source("dask", error="refused"),))
    listed = ["! job 4709 is lost: replace it", "! all are idle (jobs 1, 2, 3 and 1 more)", "! refused"]
    assert [plain_words(row) for row in finding_rows(shown)] == listed
    assert [line.strip() for line in plain_tree(shown).splitlines() if line.startswith(" !")] == listed
