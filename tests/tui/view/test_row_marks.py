"""Marks in the margin of the rows that findings refer to, by severity."""

from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Finding, Severity
from dasktop.tui.view.plain import plain_tree
from dasktop.tui.view.row_marks import RowMarks
from dasktop.tui.view.rows import AskingRow
from dasktop.tui.view.visible_rows import visible_rows
from dasktop.tui.widgets.header import FindingsBanner
from tests.support.screen import running
from tests.support.snapshots import busy_job, job, snapshot, worker


def found(severity: Severity = "warning", **values: object) -> Finding:
    given = Finding(code="x", severity=severity, job_id=None, worker=None, message="m", since=None)
    return replace(given, **values)


def marked(findings: list[Finding], unfolded: bool = True) -> dict[str, str]:
    """Return the marks of an array, a job with workers and a worker outside SLURM, by row identity."""
    array = [job(number, array_job_id="7") for number in ("7", "8")]
    shown = snapshot([*array, busy_job("1", 0)], [worker("laptop")])
    marks = {row.key: RowMarks(findings).mark(row) for row in visible_rows(shown, lambda _: unfolded)}
    return {"/".join(map(str, key)): mark.text for key, mark in marks.items() if mark is not None}


def test_no_findings_no_marks():
    assert marked([]) == {}


def test_worker_and_its_parents_are_marked():
    at = worker("SLURMCluster-0-2").address
    expected = {"job/1": "!", f"worker/{at}": "!"}
    assert marked([found(job_id="1", worker="SLURMCluster-0-2")]) == expected
    assert marked([found(job_id="1", worker="SLURMCluster-0-2")], unfolded=False) == {"job/1": "!"}


def test_group_has_the_mark_of_its_worst_finding():
    assert marked([found("error", job_id="8"), found("info", job_id="7")]) == {
        "array/7": "!",
        "job/7": "·",
        "job/8": "!",
    }
    assert marked([found("info", worker="laptop")], unfolded=False) == {"outside": "·"}


def test_every_subject_of_a_finding_is_marked():
    assert marked([found("info", job_ids=("1", "8"))], unfolded=False) == {"array/7": "·", "job/1": "·"}
    several = found(worker="laptop", job_ids=("1",), workers=("laptop", "SLURMCluster-0-2"))
    assert marked([several], unfolded=False) == {"job/1": "!", "outside": "!"}


def test_rows_below_workers_have_no_marks():
    assert RowMarks([found(job_id="1")]).mark(AskingRow(key=("asking", "a"), worker=worker("a"))) is None


async def test_marks_show_on_screen_and_in_text():
    shown = snapshot([busy_job("1", 0), busy_job("2", 1)], findings=(found(job_id="1", worker="SLURMCluster-0-2"),))
    async with running() as screen:
        await screen.show(shown)
        assert [line.split()[:2] for line in screen.tree if line.startswith("!")] == [
            ["!▾", "1"],
            ["!", "▸"],
        ]
        await screen.press("home", "m")
        assert screen.tree[0].startswith("*▾ 1")
        await screen.show(replace(shown, findings=()))
        assert not any(line.startswith("!") for line in [*screen.tree, *screen.lines_of(FindingsBanner)])
    assert sum(line.startswith("!") for line in plain_tree(shown).splitlines()) == 2


async def test_silent_worker_has_status_silent():
    silent = found(code="worker-silent", job_id="1", worker="SLURMCluster-0-2")
    async with running() as screen:
        await screen.show(snapshot([busy_job("1", 0)], findings=(silent,)))
        (line,) = [line for line in screen.tree if "silent" in line]
        assert line.split()[:4] == ["!", "▸", "SLURMCluster-0-2", "silent"]
