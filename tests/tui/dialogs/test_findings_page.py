"""The page with all findings: a table with details, and the keys to it."""

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Finding, Snapshot
from dasktop.tui.dialogs.failures_page import FailuresPage
from dasktop.tui.dialogs.findings_page import FindingsPage, FindingsTable
from dasktop.tui.dialogs.page import Layout, TextView
from dasktop.tui.dialogs.work_page import WorkPage
from dasktop.tui.logs.screen import LogScreen
from dasktop.tui.scaling.plan_box import PlanBox
from dasktop.tui.widgets.details_pane import DetailsPane
from dasktop.tui.widgets.header import FindingsBanner, Header
from dasktop.tui.widgets.status_line import StatusLine
from tests.support.screen import HOSTILE, Screen, running
from tests.support.screen_text import lines_on
from tests.support.snapshots import TAKEN_AT, busy_job, everyday, job, snapshot, source, task, thread, worker
from tests.support.work import computation, failure, task_name, work

LONG = "job 4701 ended at 11:55: failed with exit code 1: ImportError: No module named 'a_package_with_a_long_name'"
ADVICE = "its log tells more, as far as this host can read it, and the last line of it was quite long itself"
ERROR = "squeue: error: slurm_load_jobs error: Unable to contact slurm controller (connect failure): " + "x" * 60


def found(message: str = LONG, advice: str | None = ADVICE, **values: object) -> Finding:
    given = Finding(
        code="job-failed", severity="error", job_id="4701", worker=None, message=message, advice=advice, since=TAKEN_AT
    )
    return replace(given, **values)


def table(screen: Screen) -> list[str]:
    shown = screen.app.screen.query_one(FindingsTable)
    return [line for y in range(shown.size.height) if (line := shown.render_line(y).text.rstrip())]


def details(screen: Screen) -> str:
    pane = screen.app.screen.query_one(DetailsPane)
    return " ".join(pane.render_line(y).text.strip() for y in range(pane.size.height) if pane.display)


def with_problem() -> Snapshot:
    return snapshot(
        [busy_job("4709", 0)],
        findings=(found(), found(message="w is silent", worker="w", severity="warning", advice=None)),
        sources=(source("dask"), source("slurm.queue", state="stale", error=ERROR)),
    )


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_cut_findings_are_shown_in_full(size):
    async with running(size) as screen:
        await screen.show(with_problem())
        shown = "".join(screen.lines_of(FindingsBanner) + screen.header)
        assert LONG[:40] in shown
        assert "(F: all)" in shown
        assert ADVICE not in shown
        await screen.press("F")
        assert [line[1] for line in table(screen)] == ["!", "!", "!"]
        assert "job 4701" in table(screen)[0]
        assert "w is silent" in table(screen)[1]
        assert ERROR[:30] in table(screen)[2]
        for whole in (LONG, ADVICE, "error: job-failed, since 12:00 today"):
            assert whole in details(screen)
        await screen.press("G")
        assert details(screen).count("x") >= 60
        await screen.press("up", "d")
        assert details(screen) == ""
        await screen.press("slash", *"silent", "enter")
        assert len(table(screen)) == 1
        await screen.press("escape")
        await screen.show(snapshot([busy_job("4709", 0)]))
        assert [line.strip() for line in table(screen)] == ["No findings."]
        await screen.press("F")
        assert screen.app.screen is screen.base


async def test_details_stay_in_view_below_a_long_list():
    many = tuple(found(f"finding {number}", job_id=str(number), advice=f"do {number}") for number in range(40))
    async with running((80, 24)) as screen:
        await screen.show(snapshot([busy_job("4709", 0)], findings=many))
        await screen.press("F", "G")
        assert "finding 39" in table(screen)[-1]
        assert len(table(screen)) > 8
        assert "do 39" in details(screen)
        await screen.show(snapshot([busy_job("4709", 0)], findings=many[:2]))
        assert ["finding 0" in line for line in table(screen)] == [True, False]
        assert "do 1" in details(screen)


async def test_keys_fit_into_the_border():
    async with running((80, 24)) as screen:
        await screen.show(with_problem())
        await screen.press("F")
        keys = "enter go to it   d details   x dismiss   q back   ? help"
        assert lines_on(screen.app)[-1].strip("╭╮╰╯─ ") == keys


async def test_details_take_the_place_of_the_table_on_a_small_screen():
    async with running((60, 15)) as screen:
        await screen.show(with_problem())
        await screen.press("F")
        assert details(screen) == ""
        await screen.press("d")
        assert LONG[:40] in details(screen)
        assert not screen.app.screen.query_one(FindingsTable).display
        await screen.press("d")
        assert screen.app.screen.query_one(FindingsTable).display


async def test_failed_tasks_name_the_key_that_shows_them():
    failed = found("2 tasks failed", "dasktop failures prints their tracebacks", code="tasks-failed")
    async with running((120, 40)) as screen:
        await screen.show(replace(with_problem(), findings=(failed,)))
        await screen.press("F")
        assert "2 tasks failed E shows them error: tasks-failed" in " ".join(details(screen).split())
        assert "dasktop failures" not in details(screen)


async def test_no_page_opens_before_the_first_snapshot():
    async with running() as screen:
        await screen.press("F")
        assert screen.app.screen is screen.base


async def test_source_error_in_a_finding_is_not_repeated():
    words = f"SLURM's queue does not answer ({ERROR}); what is shown is as of 12:00"
    stale = found(message=words, code="source-stale", severity="warning")
    async with running() as screen:
        await screen.show(with_problem())
        assert "Unable to contact" in screen.lines_of(Header)[1]
        await screen.show(replace(with_problem(), findings=(stale,)))
        assert len(screen.lines_of(Header)) == 1
        assert "Unable to contact" in screen.lines_of(FindingsBanner)[0]


async def test_finding_about_a_worker_selects_it():
    whole = snapshot([busy_job("4709", 0)], [worker("laptop")])
    names = ["SLURMCluster-0-3", "laptop"]
    async with running((80, 24)) as screen:
        await screen.show(replace(whole, findings=tuple(found(worker=name, job_id=None) for name in names)))
        for name in names:
            await screen.press("n")
            assert screen.app._tree.table.selected.worker.name == name


def message_of(screen: Screen) -> str:
    line = screen.app.screen.query_one(StatusLine)
    return " ".join(line.render_line(y).text.strip() for y in range(line.size.height))


def selected_in_tree(screen: Screen) -> object:
    return screen.app._tree.table.selected.key


async def test_enter_selects_the_row_in_the_tree():
    """It unfolds what hides the row, clears a filter that does, and closes all pages."""
    jobs = [busy_job("4709", 0), busy_job("4710", 1)]
    about = found(job_id="4710", worker="SLURMCluster-1-3", severity="warning")
    async with running((80, 24)) as screen:
        await screen.show(replace(snapshot(jobs, findings=(about,)), work=work()))
        await screen.press("1", "slash", *"4709", "enter", "W", "F", "enter")
        assert screen.app.screen is screen.base
        assert selected_in_tree(screen) == ("worker", "tcp://10.1.0.7/SLURMCluster-1-3")
        assert not screen.app._tree.view.pattern
        await screen.press("F", "d", "enter")
        assert screen.app.screen is screen.base, "also from the details"


async def test_enter_says_that_there_is_no_row():
    gone = found("worker w is silent", worker="w", job_id=None)
    async with running((80, 24)) as screen:
        errors = (source("dask", state="stale", error=ERROR),)
        await screen.show(snapshot([busy_job("4709", 0)], findings=(found(job_id=None), gone), sources=errors))
        await screen.press("F", "enter")
        assert message_of(screen) == "no row to go to: it is about the whole cluster"
        await screen.press("down", "enter")
        assert message_of(screen) == "no row to go to: its jobs and workers are not listed any more"
        await screen.press("down", "enter")
        assert message_of(screen) == "an error of a source is about no row"
        assert isinstance(screen.app.screen, FindingsPage)


async def test_enter_opens_the_page_of_the_tasks_with_their_row():
    failed = found("2 tasks failed", code="tasks-failed", job_id=None, task_names=("regrid",))
    long = found("1 task is slow", code="task-much-longer", job_id="4709", worker="w", task_names=("mean",))
    listed = work(
        task_names=(task_name(), task_name("mean")),
        computations=(computation(task_names=("regrid", "mean")),),
        failures=(failure("a", task_name="load", at=TAKEN_AT), failure()),
    )
    async with running((80, 24)) as screen:
        await screen.show(replace(snapshot([busy_job("4709", 0)], findings=(failed, long)), work=listed))
        await screen.press("W", "1", "slash", *"regrid", "enter", "q")  # W folds it and filters it away
        await screen.press("F", "enter")
        assert isinstance(screen.app.screen, FailuresPage)
        assert screen.app.screen.table.selected.label == "regrid"
        await screen.press("q", "down", "enter")
        assert isinstance(screen.app.screen, WorkPage)
        assert screen.app.screen.selected_task_name == "mean"
        assert "! 1 task is slow" in "\n".join(lines_on(screen.app)), "the details say why one came"
        await screen.press("F", "enter")
        assert sum(isinstance(page, WorkPage) for page in screen.app.screen_stack) == 1


async def test_ended_workers_are_on_the_page_of_failures():
    died = found("worker w died", code="worker-died", worker="w", job_id=None)
    async with running((80, 24)) as screen:
        await screen.show(snapshot([busy_job("4709", 0)], findings=(died,)))
        await screen.press("F", "enter")
        assert isinstance(screen.app.screen, FailuresPage)


async def test_dismissed_findings_leave_the_list_and_the_banner():
    one, other = found("one is idle for 10 min", code="idle-allocation"), found("two is lost", code="lost-job")
    shown = snapshot(
        [busy_job("4709", 0)], findings=(one, other), sources=(source("dask", state="stale", error="slow"),)
    )
    async with running((80, 24)) as screen:
        await screen.show(shown)
        await screen.press("F", "x")
        assert [row.message for row in screen.app.screen.table.rows] == ["two is lost", "slow"]
        assert "1 error · 1 source error" in "\n".join(lines_on(screen.app))
        assert "1 dismissed until it changes: U shows it again" in "\n".join(lines_on(screen.app))
        await screen.show(replace(shown, findings=(replace(one, message="one is idle for 15 min"), other)))
        assert len(screen.app.screen.table.rows) == 2
        await screen.press("x", "x")
        assert message_of(screen) == "errors of sources cannot be dismissed: they are in the header"
        await screen.press("q")
        assert screen.lines_of(FindingsBanner) == []
        await screen.press("F")
        assert "2 dismissed until they change" in "\n".join(lines_on(screen.app))
        await screen.press("U", "q")
        assert len(screen.lines_of(FindingsBanner)) == 2


async def test_a_page_whose_findings_are_all_dismissed_says_so():
    async with running((80, 24)) as screen:
        await screen.show(snapshot([busy_job("4709", 0)], findings=(found(),)))
        await screen.press("F", "delete", "enter", "x")
        assert [line.strip() for line in table(screen)] == ["No other findings."]


IDLE = found(
    "job 4710 is idle", code="idle-allocation", job_id="4710", advice="dasktop scale --release 4710 releases it"
)


async def test_advice_is_carried_out_after_asking():
    jobs = [busy_job("4709", 0), busy_job("4710", 1)]
    async with running((120, 30)) as screen:
        await screen.show(snapshot(jobs, findings=(IDLE, found("look", advice="use fewer threads"))))
        await screen.press("F")
        assert "a release" in lines_on(screen.app)[-1]
        assert "a releases job 4710, after asking" in details(screen)
        await screen.press("down")
        assert " a " not in lines_on(screen.app)[-1], "it would do nothing"
        assert "a " not in details(screen).replace("a_package", "")
        await screen.press("a")
        assert message_of(screen) == "no key carries out this advice"
        await screen.press("up", "a")
        assert isinstance(screen.app.screen, PlanBox)
        assert len(screen.app.screen_stack) == 2, "the plan is above the tree, where its result is shown"
        assert screen.feed.plans == []
        await screen.press("y")
        [plan] = screen.feed.plans
        assert [job.job_id for job in plan.release] == ["4710"]


async def test_read_only_screens_say_why_they_do_nothing():
    async with running((120, 30), read_only=True) as screen:
        await screen.show(snapshot([busy_job("4710", 1)], findings=(IDLE, found(advice=None))))
        await screen.press("F", "a")
        assert message_of(screen) == "read-only: dasktop changes nothing"
        assert "after asking" not in details(screen)
        await screen.press("down", "a")
        assert message_of(screen) == "there is no advice"
        screen.app._banner.is_replay = True
        await screen.press("up", "a")
        assert message_of(screen) == "a replay cannot change the cluster"


async def test_logs_and_call_stacks_are_shown():
    log = found("job 4710 failed", job_id="4710", advice="see its log")
    stuck = found(
        "it hangs",
        code="tasks-stuck",
        worker="SLURMCluster-1-3",
        advice="the call stack of its thread shows what it does",
    )
    async with running((120, 30)) as screen:
        await screen.show(snapshot([busy_job("4709", 0), busy_job("4710", 1)], findings=(log, stuck)))
        await screen.press("F", "a")
        assert isinstance(screen.app.screen, LogScreen)
        await screen.press("q")
        assert isinstance(screen.app.screen, FindingsPage), "the log is above the list"
        await screen.press("T")
        assert isinstance(screen.app.screen, LogScreen)
        await screen.press("q")
        await screen.press("down", "a")
        assert screen.app.screen is screen.base
        assert selected_in_tree(screen) == ("worker", "tcp://10.1.0.7/SLURMCluster-1-3")
        assert "reading the threads of worker SLURMCluster-1-3" in message_of(screen)
        await screen.show(snapshot([busy_job("4709", 0)], findings=(replace(stuck, job_id=None), log)))
        await screen.press("F", "g", "a")
        assert message_of(screen) == "its workers are not listed any more"
        await screen.press("T")
        assert message_of(screen) == "no log to show: it is not about one job"
        await screen.press("down", "a")
        assert message_of(screen) == "its job is not listed any more"


async def test_call_stack_is_shown_again_from_its_thread():
    busy = worker("a", threads=(thread(4001, task_key="interpolate-1"),))
    stuck = found(code="tasks-stuck", worker="a", advice="the call stack of its thread shows what it does")
    async with running((120, 40)) as screen:
        await screen.show(snapshot([job("1", [task([busy])])], findings=(stuck,)))
        for _ in range(3):
            await screen.press("F", "a")
            assert selected_in_tree(screen) == ("thread", busy.address, 4001)


async def test_clicks_open_select_and_go():
    jobs = [busy_job("4709", 0), busy_job("4710", 1)]
    findings = (found(job_id="4710"), found("two", job_id="4709", code="idle-allocation"))
    async with running((80, 24)) as screen:
        await screen.show(snapshot(jobs, findings=findings))
        await screen.pilot.click(FindingsBanner, offset=(5, 1))
        await screen.pilot.pause()
        page = screen.app.screen
        assert isinstance(page, FindingsPage)
        assert page.table.selected.message == "two"
        await screen.pilot.click(FindingsTable, offset=(9, 0))
        assert page.table.selected.message == LONG
        await screen.pilot.click(FindingsTable, offset=(9, 5), times=2)
        assert screen.app.screen is page, "nothing is there"
        await screen.pilot.click(FindingsTable, offset=(9, 0), times=2)
        await screen.pilot.pause()
        assert screen.app.screen is screen.base
        assert selected_in_tree(screen) == ("job", "4710")
        await screen.press("F")
        assert screen.app.screen.table.selected.message == LONG, "the page remembers its selection"


async def test_page_opens_at_the_worst_finding_unless_one_returns():
    findings = (found(job_id="4710"), found("two", job_id="4709", code="idle-allocation"))
    async with running((80, 24)) as screen:
        await screen.show(snapshot([busy_job("4709", 0), busy_job("4710", 1)], findings=findings))
        await screen.press("F", "down", "q", "F")
        assert screen.app.screen.table.selected.message == LONG, "a new visit"
        await screen.press("down", "enter", "F")
        assert screen.app.screen.table.selected.message == "two", "back from its row"
        await screen.press("escape", "F")
        assert screen.app.screen.table.selected.message == LONG


async def test_filters_say_how_much_they_find():
    findings = tuple(found(f"finding {number}", job_id=str(number), advice=None) for number in range(17))
    jobs = [busy_job("4709", 0), busy_job("4710", 1)]
    async with running((80, 24)) as screen:
        await screen.show(snapshot(jobs, [worker("laptop")], findings=findings))
        await screen.press("F", "slash", *"g 1")
        assert any("8 of 17" in line for line in lines_on(screen.app))
        await screen.press("escape", "escape", "slash", *"4709")
        assert "1 of 2 jobs · 4 of 9 workers" in "\n".join(lines_on(screen.app))
        await screen.press("escape", "slash", *"lap", "enter")
        assert "1 of 9 workers" in "\n".join(lines_on(screen.app))
        assert "jobs" not in next(line for line in lines_on(screen.app) if "1 of 9 workers" in line)
        await screen.press("slash", *"zz")
        assert any(line.rstrip().endswith("no match") for line in lines_on(screen.app))
        await screen.press("escape", "w")
        assert lines_on(screen.app)[screen.app._tree.heads.region.y].startswith("   JOB WORKER")


@pytest.mark.parametrize("size", [(20, 6), (300, 90)])
async def test_page_is_drawn_at_any_size(size):
    hostile = tuple(found(text, text, code=text, workers=(text,)) for text in HOSTILE)
    async with running(size) as screen:
        await screen.show(replace(with_problem(), findings=hostile))
        await screen.press("F", "G", "d")
        assert isinstance(screen.app.screen, FindingsPage)


async def test_page_waits_for_its_width(monkeypatch):
    widths: list[int] = []
    show = TextView.show

    def noted(reading: TextView, layout: Layout) -> None:
        show(reading, lambda cells: (widths.append(cells), layout(cells))[1])

    monkeypatch.setattr(TextView, "show", noted)
    async with running((80, 24)) as screen:
        await screen.show(everyday())
        for key in ("A", "J"):
            await screen.press(key)
            assert widths
            assert min(widths) > 40
            widths.clear()
            await screen.press("escape")
