"""Every key of the table is pressed in a scene that asserts its effect. A key without a scene fails."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from msgspec.structs import replace
from textual.widgets import Input

from dasktop.collectors.model.feed import Choice
from dasktop.collectors.model.queries import Answer, BatchScript, CallStack, JobFiles
from dasktop.collectors.model.snapshot import Finding, Snapshot
from dasktop.collectors.recording.recorder import write_all
from dasktop.collectors.sources.logs import follower
from dasktop.tui.details.body import DetailsBody
from dasktop.tui.dialogs.commands import CommandBox
from dasktop.tui.dialogs.dialog import Question
from dasktop.tui.dialogs.failures_page import FailuresPage
from dasktop.tui.dialogs.findings_page import FindingsPage
from dasktop.tui.dialogs.help import Help
from dasktop.tui.dialogs.history_page import HistoryPage
from dasktop.tui.dialogs.job_pages import AnatomyPage, JobScriptPage
from dasktop.tui.dialogs.picker import Picker
from dasktop.tui.dialogs.profile_page import ProfilePage
from dasktop.tui.dialogs.row_menu import RowMenu
from dasktop.tui.dialogs.save_box import SaveBox
from dasktop.tui.dialogs.work_page import WorkPage
from dasktop.tui.logs.screen import LogScreen
from dasktop.tui.replay.time_line import GoTo
from dasktop.tui.scaling.form import AdaptForm, ScaleForm
from dasktop.tui.scaling.plan_box import PlanBox
from dasktop.tui.tree.column_box import ColumnBox
from dasktop.tui.tree.table import TreeTable
from dasktop.tui.view.keys import KEYS, keys_of
from dasktop.tui.widgets.header import ColumnHeads
from dasktop.tui.widgets.panels import PanelLines
from dasktop.tui.widgets.pattern_line import FilterLine
from tests.support import waiting
from tests.support.choices import BOTH
from tests.support.log_pages import LogUnderTest, log_of
from tests.support.recordings import busy_snapshots
from tests.support.replaying import replaying
from tests.support.screen import Screen, running
from tests.support.snapshots import busy_job, cluster, ended, pending, snapshot, task, thread, worker

LINES = 120


def of_the_walk() -> Snapshot:
    """Return a snapshot of two running jobs, of one and of two SLURM tasks, a pending and a lost one, and two findings.

    The threads of the first worker are known.
    """
    first = busy_job("4709", 0, processes=2)
    workers = first.tasks[0].workers
    with_threads = replace(workers[0], threads=(thread(), thread(4002, task_key="sum-1")))
    first = replace(first, tasks=(task((with_threads, *workers[1:]), node="n000"),))
    owner = cluster().owner
    assert owner is not None
    names = {"SLURMCluster-0": "4709", "SLURMCluster-1": "4710", "SLURMCluster-2": "4715", "SLURMCluster-3": "4701"}
    about = {"severity": "warning", "message": "look at it", "advice": None, "since": None, "worker": None}
    findings = tuple(Finding(code="job-failed", job_id=job_id, **about) for job_id in ("4710", "4701"))
    second = busy_job("4710", 1, processes=2)
    second = replace(second, tasks=(*second.tasks, task(task_id=1)))
    return snapshot(
        [first, second, pending("4715"), ended("4701")],
        cluster=cluster(owner=replace(owner, adaptive=None, job_ids=names)),
        findings=findings,
    )


# -- where a key is pressed


@asynccontextmanager
async def on_the_tree(folder: Path) -> AsyncIterator[Screen]:
    async with running((170, 24)) as screen:
        await screen.show(of_the_walk())
        yield screen


@asynccontextmanager
async def in_a_log(folder: Path) -> AsyncIterator[LogUnderTest]:
    out, err = folder / "out", folder / "err"
    out.write_text("".join(f"line {number} {'x' * 300}\n" for number in range(1, LINES + 1)))
    err.write_text("an error\n")
    async with log_of(out, err) as log:
        await log.until(lambda: any(f"line {LINES} " in line for line in log.shown))
        yield log


@asynccontextmanager
async def in_a_script(folder: Path) -> AsyncIterator[Screen]:
    async with on_the_tree(folder) as screen:
        await screen.press("J")
        lines = tuple(f"echo {number}{' hit' if number % 10 == 5 else ''}" for number in range(60))
        screen.feed.emit(Answer(question=BatchScript(job_id="4709"), lines=lines))
        await screen.pilot.pause()
        assert isinstance(screen.app.screen, JobScriptPage)
        yield screen


@cache
def recording() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "recording"
        write_all(str(path), busy_snapshots(jobs=2, count=400), redact=False)
        return path.read_bytes()


@asynccontextmanager
async def in_a_replay(folder: Path) -> AsyncIterator[replaying]:
    path = folder / "recording.ndjson"
    path.write_bytes(recording())
    async with replaying(path, (100, 24)) as screen:
        await screen.pilot.press("home")
        screen.app._replay.seek_share(0.5)
        await screen.until(lambda: "200/400" in screen.time_line)
        yield screen


# -- what a walk looks at


def selected(screen: Screen) -> object:
    row = screen.base.query_one(TreeTable).selected
    return None if row is None else row.key


def page_of(screen: Screen) -> type[object]:
    return type(screen.app.screen)


def hit_in(screen: Screen) -> int:
    page = screen.app.screen
    assert isinstance(page, JobScriptPage)
    return page._match


# -- the walks

Walk = Callable[[Screen, str], Awaitable[None]]
WALKS: dict[str, tuple[Callable[[Path], object], Walk]] = {}


def walk(key_id: str, at: Callable[[Path], object] = on_the_tree) -> Callable[[Walk], Walk]:
    def note(function: Walk) -> Walk:
        assert key_id not in WALKS
        WALKS[key_id] = at, function
        return function

    return note


def moves(key_id: str, *before: str, to: object) -> None:
    """Keys in the tree after which another row is selected."""

    @walk(key_id)
    async def moved(screen: Screen, key: str) -> None:
        await screen.press(*before)
        at_first = selected(screen)
        await screen.press(key)
        assert selected(screen) == to != at_first


FIRST, SECOND = ("job", "4709"), ("job", "4710")
FIRST_WORKER = ("worker", busy_job("4709", 0).tasks[0].workers[0].address)
moves("up", "G", to=("job", "4715"))
moves("down", to=FIRST_WORKER)
moves("page_up", "G", to=FIRST)
moves("page_down", to=("job", "4701"))
moves("first", "G", to=FIRST)
moves("last", to=("job", "4701"))
moves("right", to=FIRST_WORKER)
moves("parent", "j", to=FIRST)
moves("next_finding", to=SECOND)
moves("previous_finding", to=("job", "4701"))


@walk("left")
async def _(screen: Screen, key: str) -> None:
    before = len(screen.tree)
    await screen.press(key)
    assert len(screen.tree) == before - 2
    await screen.press("right", "down", "down", "left", "left")
    assert selected(screen) == FIRST


@walk("fold")
async def _(screen: Screen, key: str) -> None:
    before = screen.tree
    await screen.press(key)
    assert len(screen.tree) == len(before) - 2
    await screen.press(key)
    assert screen.tree == before


@walk("menu")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert page_of(screen) is RowMenu
    await screen.press("x")
    assert page_of(screen) is PlanBox


@walk("fold_all")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert len(screen.tree) == 4


def folds_to(key_id: str, *kinds: str) -> None:
    @walk(key_id)
    async def folded(screen: Screen, key: str) -> None:
        await screen.press("asterisk", key)
        assert {row.kind for row in screen.base.query_one(TreeTable)._rows} == {"job", *kinds}


folds_to("to_jobs")
folds_to("to_tasks", "task")
folds_to("to_workers", "task", "worker")
folds_to("to_threads", "task", "worker", "thread", "asking")


@walk("findings")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert page_of(screen) is FindingsPage


@walk("go_to_row")
async def _(screen: Screen, key: str) -> None:
    await screen.press("F", "down", key)
    assert screen.app.screen is screen.base
    assert selected(screen) == ("job", "4701")


@walk("act")
async def _(screen: Screen, key: str) -> None:
    lost = Finding(
        code="lost-job",
        severity="error",
        job_id="4701",
        worker=None,
        message="job 4701 is lost",
        advice="dasktop scale --replace-lost resubmits it",
        since=None,
    )
    await screen.show(replace(of_the_walk(), findings=(lost,)))
    await screen.press("F", key)
    assert page_of(screen) is PlanBox
    await screen.press("y")
    assert len(screen.feed.plans) == 1


@walk("dismiss")
async def _(screen: Screen, key: str) -> None:
    await screen.press("F", key, "enter")
    assert selected(screen) == ("job", "4701"), "the first one is gone"


@walk("undismiss")
async def _(screen: Screen, key: str) -> None:
    await screen.press("F", "x", "x", key, "enter")
    assert selected(screen) == ("job", "4710")


@walk("failures")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert page_of(screen) is FailuresPage


@walk("work")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert page_of(screen) is WorkPage


@walk("profile")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert page_of(screen) is ProfilePage
    assert [len(asked.worker_addresses) for asked in screen.feed.questions] == [2]


@walk("columns")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert page_of(screen) is ColumnBox


def changes_columns(key_id: str, *before: str, to: Callable[[list[str]], list[str]]) -> None:
    @walk(key_id)
    async def changed(screen: Screen, key: str) -> None:
        at_first = list(screen.app.looks.view.columns)
        await screen.press("c", *before, key)
        assert list(screen.app.looks.view.columns) == to(at_first) != at_first


changes_columns("tick", to=lambda columns: columns[1:])
changes_columns("shift_on", to=lambda columns: [columns[1], columns[0], *columns[2:]])
changes_columns("shift_back", "down", to=lambda columns: [columns[1], columns[0], *columns[2:]])


@walk("done")
async def _(screen: Screen, key: str) -> None:
    await screen.press("c")
    assert page_of(screen) is ColumnBox
    await screen.press(key)
    assert screen.app.screen is screen.base


@walk("add_job")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert [plan.submit for plan in screen.feed.plans] == [1]


@walk("remove_job")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert page_of(screen) is PlanBox


@walk("scale")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert page_of(screen) is ScaleForm


@walk("adapt")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert page_of(screen) is AdaptForm


@walk("mark")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert screen.app._tree.marked == {"4709"}


@walk("release")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert page_of(screen) is PlanBox
    await screen.press("y")
    assert [victim.job_id for victim in screen.feed.plans[0].release] == ["4709"]


@walk("replace_lost")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert [lost.job_id for lost in screen.feed.plans[0].replace] == ["4701"]


@walk("give_up")
async def _(screen: Screen, key: str) -> None:
    await screen.press("plus", key)
    assert screen.feed.cancellations == 1


@walk("anatomy")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert page_of(screen) is AnatomyPage


@walk("job_script")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert page_of(screen) is JobScriptPage
    await screen.press("q", "A", key)
    assert page_of(screen) is JobScriptPage, "also from the anatomy"


@walk("log")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert page_of(screen) is LogScreen
    assert screen.feed.questions == [JobFiles(job_id="4709")]


@walk("details")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert screen.base.query_one(DetailsBody).is_full
    await screen.press(key)
    assert not screen.base.query_one(DetailsBody).is_full


@walk("toggle_details")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert screen.base.query_one(DetailsBody).has_class("-open")


@walk("history")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert page_of(screen) is HistoryPage


@walk("panels")
async def _(screen: Screen, key: str) -> None:
    await screen.pilot.resize_terminal(120, 40)
    await screen.press(key, key, key)
    assert screen.base.query_one(PanelLines).size.height == 0
    await screen.press(key)
    assert "HISTORY" in screen.lines_of(PanelLines)[0]


@walk("enlarge")
async def _(screen: Screen, key: str) -> None:
    await screen.pilot.resize_terminal(120, 40)
    table = screen.base.query_one(TreeTable)
    height = table.size.height
    await screen.press(key)
    assert table.size.height == 40 - 3
    await screen.press(key)
    assert table.size.height == height


@walk("call_stack")
async def _(screen: Screen, key: str) -> None:
    await screen.press("j", "l", "l", key)
    address = worker("SLURMCluster-0-0").address
    assert screen.feed.questions == [CallStack(worker_address=address, thread_native_id=4001)]


@walk("filter")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key, *"pending")
    assert [line.split()[0] for line in screen.tree] == ["4715"]


@walk("keep_filter")
async def _(screen: Screen, key: str) -> None:
    await screen.press("slash", *"pending", key)
    assert isinstance(screen.base.focused, TreeTable)
    assert screen.base.query_one(FilterLine).has_class("-shown")
    assert len(screen.tree) == 1


@walk("sort")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert "↑" in screen.lines_of(ColumnHeads)[0]


@walk("reverse")
async def _(screen: Screen, key: str) -> None:
    await screen.press("o", key)
    assert "↓" in screen.lines_of(ColumnHeads)[0]


@walk("flat")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert len(screen.tree) == 4
    assert all("SLURMCluster-" in line for line in screen.tree)


@walk("pause")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert "paused" in screen.header[0]


@walk("copy")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert screen.app.clipboard == "4709"


@walk("save")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert page_of(screen) is SaveBox


def saves(key_id: str, ending: str) -> None:
    @walk(key_id)
    async def saved(screen: Screen, key: str) -> None:
        await screen.press("S", key)
        await waiting.until(lambda: list(Path.cwd().glob(f"dasktop-*.{ending}")), pause=screen.pilot.pause)


saves("save_picture", "svg")
saves("save_snapshot", "json")


@walk("refresh")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert screen.feed.refreshes == 1


@walk("slower")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert screen.feed.interval_changes == [-1]


@walk("faster")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert screen.feed.interval_changes == [1]


@walk("switch")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert page_of(screen) is Picker
    assert screen.feed.looks == 1


@walk("choose")
async def _(screen: Screen, key: str) -> None:
    await screen.press("C")
    screen.feed.emit(BOTH)
    await screen.press("down", key)
    assert screen.feed.chosen == ["tcp://10.1.2.4:8786"]


@walk("look_again")
async def _(screen: Screen, key: str) -> None:
    await screen.press("C")
    screen.feed.emit(Choice(candidates=(), remark="none"))
    await screen.press(key)
    assert screen.feed.looks == 2


@walk("help")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert page_of(screen) is Help


@walk("close_help")
async def _(screen: Screen, key: str) -> None:
    await screen.press("question_mark")
    assert page_of(screen) is Help
    await screen.press(key)
    assert screen.app.screen is screen.base


@walk("palette")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert page_of(screen) is CommandBox


@walk("quit")
async def _(screen: Screen, key: str) -> None:
    await screen.press(key)
    assert screen.app.return_code == 0


@walk("yes")
async def _(screen: Screen, key: str) -> None:
    await screen.press("minus", key)
    assert len(screen.feed.plans) == 1
    await screen.press("q")
    assert page_of(screen) is Question
    await screen.press(key)
    assert screen.feed.cancellations == 1


@walk("no")
async def _(screen: Screen, key: str) -> None:
    await screen.press("minus", key)
    assert screen.app.screen is screen.base
    assert screen.feed.plans == []


@walk("leave")
async def _(screen: Screen, key: str) -> None:
    for opens in ("A", "J", "T", "s", "minus", "C", "S", "question_mark"):
        await screen.press(opens)
        assert screen.app.screen is not screen.base, opens
        await screen.press(key)
        assert screen.app.screen is screen.base, opens
    await screen.press("enter", key)
    assert not screen.base.query_one(DetailsBody).is_full
    await screen.press("slash", *"pending", key)
    assert len(screen.tree) > 1


@walk("back")
async def _(screen: Screen, key: str) -> None:
    for opens in ("A", "J", "T", "minus", "C", "S", "question_mark"):
        await screen.press(opens)
        assert screen.app.screen is not screen.base, opens
        await screen.press(key)
        assert screen.app.screen is screen.base, opens
    assert screen.app.is_running


@walk("next_field")
async def _(screen: Screen, key: str) -> None:
    await screen.press("s", key)
    assert screen.app.focused.id == "cores"


@walk("previous_field")
async def _(screen: Screen, key: str) -> None:
    await screen.press("s", key)
    assert screen.app.focused.id == "memory"


@walk("adapt_off")
async def _(screen: Screen, key: str) -> None:
    await screen.press("a", key)
    assert screen.app.screen is screen.base


# -- in pages of text


@walk("read_on")
async def _(screen: Screen, key: str) -> None:
    await screen.press("J")
    screen.feed.emit(Answer(question=BatchScript(job_id="4709"), lines=tuple(map(str, range(99)))))
    await screen.pilot.pause()
    page = screen.app.screen
    assert isinstance(page, JobScriptPage)
    await screen.press(key)
    assert page.text.top > 0


@walk("read_back", at=in_a_log)
async def _(log: LogUnderTest, key: str) -> None:
    await log.press(key)
    assert not any(f"line {LINES} " in line for line in log.shown)


@walk("search", at=in_a_script)
async def _(screen: Screen, key: str) -> None:
    await screen.press(key, *"hit")
    assert isinstance(screen.app.focused, Input)
    assert hit_in(screen) == 5


@walk("search_typed", at=in_a_log)
async def _(log: LogUnderTest, key: str) -> None:
    await log.press("slash", *"line 7 ", key)
    await log.until(lambda: any("line 7 " in line for line in log.shown))


@walk("next_hit", at=in_a_script)
async def _(screen: Screen, key: str) -> None:
    await screen.press("slash", *"hit", "enter", key)
    assert hit_in(screen) == 15


@walk("previous_hit", at=in_a_script)
async def _(screen: Screen, key: str) -> None:
    await screen.press("slash", *"hit", "enter", key)
    assert hit_in(screen) == 55


@walk("other_file", at=in_a_log)
async def _(log: LogUnderTest, key: str) -> None:
    await log.press(key)
    await log.until(lambda: "an error" in log.shown)


@walk("follow", at=in_a_log)
async def _(log: LogUnderTest, key: str) -> None:
    assert "following" in log.title[0]
    await log.press(key)
    assert "following" not in log.title[0]


@walk("wrap", at=in_a_log)
async def _(log: LogUnderTest, key: str) -> None:
    before = sum("line " in line for line in log.shown)
    await log.press(key)
    assert sum("line " in line for line in log.shown) > before


@walk("copy_path", at=in_a_log)
async def _(log: LogUnderTest, key: str) -> None:
    await log.press(key)
    assert log.app.clipboard.endswith("/out")


# -- in a replay


def replays(key_id: str, *before: str, shows: str) -> None:
    @walk(key_id, at=in_a_replay)
    async def shown(screen: replaying, key: str) -> None:
        await screen.pilot.press(*before)
        await screen.press(key, shows=shows)


replays("replay_pause", shows="playing")
replays("replay_step", shows="201/400")
replays("replay_step_back", shows="199/400")
replays("replay_seek", shows="205/400")
replays("replay_seek_back", shows="195/400")
replays("replay_seek_far", shows="400/400")
replays("replay_seek_far_back", shows="  1/400")
replays("replay_next_mark", shows="301/400")
replays("replay_previous_mark", "right_curly_bracket", shows="301/400")
replays("replay_faster", shows="2x")
replays("replay_slower", shows="0.5x")


@walk("replay_go_to", at=in_a_replay)
async def _(screen: replaying, key: str) -> None:
    await screen.pilot.press(key)
    assert isinstance(screen.app.screen, GoTo)
    await screen.press(*"50%", "enter", shows="200/400")


# -- all of them


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(follower, "POLL_SECONDS", 0.02)


def test_every_key_has_a_scene():
    assert set(WALKS) == set(KEYS)


@pytest.mark.parametrize(
    ("key_id", "key"),
    [pytest.param(key_id, key, id=f"{key_id}-{key}") for key_id in KEYS for key in keys_of(key_id, {})],
)
async def test_every_key_works_in_its_scene(key_id, key, tmp_path):
    at, go = WALKS[key_id]
    async with at(tmp_path) as screen:
        await go(screen, key)
