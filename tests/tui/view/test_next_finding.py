"""``n`` and ``N`` select the rows that findings refer to, or say that there are none."""

from dasktop.collectors.model.snapshot import Finding
from dasktop.tui.widgets.status_line import StatusLine
from tests.support.screen import Screen, running
from tests.support.snapshots import busy_job, snapshot


def found(**values: object) -> Finding:
    about = {"code": "x", "severity": "info", "job_id": None, "worker": None, "message": "look at it", "since": None}
    return Finding(**about | values)


def selected(screen: Screen) -> tuple[object, ...]:
    table = screen.pilot.app.query_one("TreeTable")
    return table.selected.key


async def test_finding_about_several_jobs_selects_each():
    jobs = [busy_job(str(number), number) for number in range(1, 6)]
    idle = found(code="idle-allocation", message="all 3 jobs are idle", job_ids=("2", "3", "5"))
    async with running() as screen:
        await screen.show(snapshot(jobs, findings=(found(code="source-stale"), idle)))
        walked = []
        for key in ("n", "n", "n", "n", "N", "N"):
            await screen.press(key)
            walked.append(selected(screen))
        assert walked == [("job", job_id) for job_id in ("2", "3", "5", "2", "5", "3")]
        await screen.press("/", *"finding:idle", "enter")
        assert [line.split()[1] for line in screen.tree if "job" in line or line.startswith("·")] == ["2", "3", "5"]


async def test_findings_without_rows_are_reported():
    async with running() as screen:
        for findings, words in [((found(),), "no finding refers to a row in this view"), ((), "no findings")]:
            await screen.show(snapshot([busy_job("1", 0)], findings=findings))
            before = selected(screen)
            await screen.press("n")
            assert selected(screen) == before
            assert [line.strip() for line in screen.lines_of(StatusLine)] == [words]


async def test_the_only_row_with_a_finding_is_reported():
    """Else the key seems to do nothing."""
    async with running() as screen:
        await screen.show(snapshot([busy_job("1", 0), busy_job("2", 1)], findings=(found(job_ids=("2",)),) * 2))
        await screen.press("n")
        assert (selected(screen), screen.lines_of(StatusLine)) == (("job", "2"), [])
        await screen.press("n")
        assert selected(screen) == ("job", "2")
        assert [line.strip() for line in screen.lines_of(StatusLine)] == ["findings refer to no other row in this view"]
