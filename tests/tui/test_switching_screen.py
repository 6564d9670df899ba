"""Switching to another scheduler on the screen: the picker, and that nothing of the old one remains."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from textual.widgets import Static

from dasktop.collectors.model.feed import Choice, Interval, Switched
from dasktop.collectors.model.plan import Outcome
from dasktop.collectors.model.queries import Answer, CallStack
from dasktop.collectors.model.snapshot import Finding, Snapshot
from dasktop.tui.config.view_settings import ViewSettings
from dasktop.tui.dialogs.picker import Candidates, Picker
from dasktop.tui.view.filtering import View
from dasktop.tui.widgets.details_pane import DetailsPane
from dasktop.tui.widgets.header import ColumnHeads, FindingsBanner
from dasktop.tui.widgets.status_line import StatusLine
from tests.support.choices import BOTH, HERE, OTHER
from tests.support.screen import SIZES, Screen, running
from tests.support.snapshots import TAKEN_AT, cluster, job, snapshot, task, thread, worker

FINDING = Finding(
    code="worker-paused", severity="warning", job_id="7", worker=None, message="paused", advice=None, since=None
)


def of_old(**values: object) -> Snapshot:
    here = worker("a", threads=(thread(),))
    return snapshot([job("7", [task([here])]), job("8")], **values)


def of_new() -> Snapshot:
    shown = snapshot([job("9", [task([worker("b")])])])
    address = {"scheduler_address": "tcp://10.1.2.4:8786", "scheduler_id": "Scheduler-2"}
    return replace(shown, cluster=replace(cluster(), **address))


async def ask(screen: Screen, choice: Choice = BOTH) -> Picker:
    """Press the key, and let the feed answer."""
    await screen.press("C")
    screen.feed.emit(choice)
    await screen.pilot.pause()
    picker = screen.app.screen
    assert isinstance(picker, Picker)
    return picker


async def go_over(screen: Screen) -> None:
    await ask(screen)
    await screen.press("down", "enter")
    screen.feed.emit(Switched(address="tcp://10.1.2.4:8786"))
    await screen.pilot.pause()


def lines_of(picker: Picker) -> list[str]:
    candidates = picker.query_one(Candidates)
    return [candidates.render_line(y).text for y in range(candidates.size.height)]


def words_of(picker: Picker) -> str:
    return str(picker.query_one(Static).content).strip()


async def test_schedulers_are_listed_with_what_started_them() -> None:
    async with running((160, 45)) as screen:
        here, other = replace(HERE, about="notebook in ~/a (process 812)"), replace(OTHER, about="train.py in ~/b")
        first, second = lines_of(await ask(screen, Choice(candidates=(here, other), watched="Scheduler-1")))
        assert "  notebook in ~/a (process 812)  script of job 4709" in first
        assert "  train.py in ~/b  " in second


async def test_switching_restores_order_and_list_of_start() -> None:
    async with running((120, 40), looks=ViewSettings(View(sort="memory"))) as screen:
        await screen.show(of_old())
        await screen.press("o", "O", "w")
        screen.app._tree.set_view(screen.app._tree.view._replace(columns=("memory", "cpu")))
        await go_over(screen)
        await screen.show(of_new())
        assert screen.app.looks.view == View(columns=("memory", "cpu"), sort="memory")
        assert "MEM↓" in " ".join(screen.lines_of(ColumnHeads))


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_switch_key_finds_and_lists_schedulers(size: tuple[int, int]) -> None:
    async with running(size) as screen:
        await screen.show(of_old())
        await screen.press("C")
        assert screen.feed.looks == 1
        assert isinstance(screen.app.screen, Picker)
        assert words_of(screen.app.screen) == "searching for your schedulers…"
        screen.feed.emit(BOTH)
        await screen.pilot.pause()
        picker = screen.app.screen
        assert words_of(picker) == "2 schedulers found: choose one"
        first, second = lines_of(picker)
        assert first.split("  ")[0] == " tcp://10.1.2.3:41525"
        assert "24 workers" in first
        assert "current" in first
        assert "1 worker " in second
        assert "current" not in second
        assert {len(line) for line in (first, second)} == {picker.query_one(Candidates).size.width}


async def test_switching_leaves_nothing_of_the_old_scheduler() -> None:
    async with running((170, 40)) as screen:
        for number in range(3):
            taken_at = TAKEN_AT + timedelta(seconds=5 * number)
            await screen.show(of_old(findings=(FINDING,), taken_at=taken_at))
        await screen.press("d", "m", "n", "k", "k", "down", "right", "down", "t")
        await screen.press("slash", *"job-none", "enter", "p")
        assert screen.feed.questions == [CallStack(worker_address=worker("a").address, thread_native_id=4001)]
        await screen.press("escape")
        await go_over(screen)
        assert screen.feed.chosen == ["tcp://10.1.2.4:8786"]
        assert "asking the scheduler…" in screen.header[0]
        assert "paused" not in screen.header[0]
        assert screen.tree == []
        assert screen.lines_of(FindingsBanner) == []
        pane = screen.base.query_one(DetailsPane)
        assert not "".join(pane.render_line(y).text for y in range(pane.size.height)).strip(" │")
        stack = Answer(question=screen.feed.questions[0], lines=("main.py:7 old",))  # of the old one, too late
        screen.feed.emit(stack)
        await screen.show(of_new())
        assert "tcp://10.1.2.4:8786" in screen.header[0]
        assert [line.split()[0] for line in screen.tree] == ["▾", "▸"], "the initial folding"
        assert not any("main.py" in line for line in screen.everything)
        assert screen.app._tree.marked == frozenset()
        assert screen.app._history.of(("job", "7")).cpu_percent == ()
        assert screen.app._tree._watched == frozenset()


@pytest.mark.parametrize("keys", [["escape"], ["q"], ["enter"], ["C", "escape"]], ids=str)
async def test_choosing_the_current_scheduler_changes_nothing(keys: list[str]) -> None:
    async with running() as screen:
        await screen.show(of_old())
        before = screen.everything
        await ask(screen)
        await screen.press(*keys)
        assert screen.app.screen is screen.base
        assert screen.feed.chosen == []
        assert screen.everything == before
        assert screen.app.is_running


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice(candidates=(HERE,), watched="Scheduler-1"), "no other scheduler found"),
        (
            Choice(candidates=(OTHER,), watched="Scheduler-1"),
            "1 scheduler found; the current one does not answer",
        ),
        (Choice(candidates=(), watched="Scheduler-1", remark="no dask scheduler found"), "no dask scheduler found"),
        (Choice(candidates=(OTHER,)), "1 scheduler found: choose one"),
    ],
)
async def test_result_of_the_search_is_shown(choice: Choice, words: str) -> None:
    async with running() as screen:
        await screen.show(of_old())
        picker = await ask(screen, choice)
        assert words_of(picker) == words
        await screen.press("enter")
        assert screen.feed.chosen == ([OTHER.address] if OTHER in choice.candidates else [])
        if not choice.candidates:
            assert screen.app.screen is picker, "without schedulers the picker stays open"


async def test_search_can_be_repeated() -> None:
    async with running() as screen:
        await screen.show(of_old())
        picker = await ask(screen, Choice(candidates=(HERE,), watched="Scheduler-1"))
        await screen.press("r", "r")
        assert screen.feed.looks == 2, "not during a search"
        assert words_of(picker) == "searching for your schedulers…"
        screen.feed.emit(BOTH)
        await screen.pilot.pause()
        await screen.pilot.pause()  # what is shown is drawn a round later
        assert len(lines_of(picker)) == 2


async def test_late_choice_opens_nothing() -> None:
    async with running() as screen:
        await screen.show(of_old())
        await screen.press("C", "escape")
        screen.feed.emit(BOTH)
        await screen.pilot.pause()
        assert screen.app.screen is screen.base


async def test_running_operation_blocks_the_switch_key() -> None:
    async with running() as screen:
        await screen.show(of_old())
        await screen.press("plus", "C")
        assert screen.feed.plans
        assert screen.feed.looks == 0
        [line] = screen.lines_of(StatusLine)
        assert "wait for it or cancel it before you switch schedulers" in line
        screen.feed.emit(Outcome(done=True, message="submitted job 10"))
        await screen.press("C")
        assert screen.feed.looks == 1


async def test_started_operation_blocks_switching() -> None:
    """The second of two new jobs waits for a report about the first, which may arrive while the picker is open."""
    async with running() as screen:
        await screen.show(of_old())
        await ask(screen)
        screen.app._scaling.add_one()
        await screen.press("down", "enter")
        assert screen.feed.chosen == []


async def test_switching_closes_open_pages() -> None:
    async with running() as screen:
        await screen.show(of_old())
        await ask(screen)
        await screen.press("down", "enter", "A", "question_mark")
        assert len(screen.app.screen_stack) == 3
        screen.feed.emit(Switched(address="tcp://10.1.2.4:8786"))
        await screen.show(of_new())
        assert screen.app.screen is screen.base
        assert "9 dask-worker" in screen.tree[0]


@pytest.mark.parametrize("size", SIZES, ids=str)
async def test_lost_scheduler_shows_the_switch_key(size: tuple[int, int]) -> None:
    gone = replace(FINDING, code="source-stale", severity="error", message="the scheduler does not answer " * 9)
    async with running(size) as screen:
        await screen.show(of_old(findings=(gone,)))
        [line] = screen.lines_of(FindingsBanner)
        assert "· C searches for other schedulers" in line


async def test_replay_resets_at_the_second_scheduler(tmp_path) -> None:
    from dasktop.collectors.recording.reader import Recording
    from dasktop.collectors.recording.recorder import write_all
    from dasktop.collectors.recording.replay import ReplayFeed

    later = replace(of_new(), taken_at=TAKEN_AT + timedelta(seconds=2))
    back = of_old(taken_at=TAKEN_AT + timedelta(seconds=4))
    path = tmp_path / "recording.ndjson"
    write_all(str(path), [of_old(), later, back], redact=False)
    events: list[object] = []
    recording = Recording(str(path))
    for _ in recording.scan():
        pass
    feed = ReplayFeed(recording)
    feed._deliver = events.append
    for index in (0, 1, 2, 0):
        feed._show(index)
    delivered = [event for event in events if isinstance(event, Switched | Snapshot)]
    assert delivered == [
        of_old(),
        Switched(address="tcp://10.1.2.4:8786"),
        later,
        Switched(address="tcp://10.1.2.3:41525"),
        back,
        of_old(),
    ]
    recording.close()


class TestInterval:
    async def test_interval_keys_change_and_show_the_interval(self) -> None:
        async with running() as screen:
            await screen.show(of_old())
            await screen.press("greater_than_sign", "less_than_sign", "less_than_sign")
            assert screen.feed.interval_changes == [1, -1, -1]
            screen.feed.emit(Interval(seconds=0.5, is_usual=False))
            await screen.pilot.pause()
            assert "polling dask every 0.5 s; SLURM interval unchanged" in screen.lines_of(StatusLine)[0]
            assert " · every 0.5 s" in screen.header[0]
            screen.feed.emit(Interval(seconds=2.0, is_usual=True))
            await screen.pilot.pause()
            assert "every" not in screen.header[0]
            assert "polling dask every 2 s" in screen.lines_of(StatusLine)[0]

    async def test_lengthened_interval_and_its_reason_are_shown(self) -> None:
        async with running() as screen:
            await screen.show(of_old())
            slow = Interval(seconds=2.0, is_usual=True, is_chosen=False, lengthened_seconds=6.0, poll_seconds=2.92)
            screen.feed.emit(slow)
            await screen.pilot.pause()
            assert " · every 6 s: a poll takes 2.9 s" in screen.header[0]
            assert "polling" not in "".join(screen.lines_of(StatusLine))
            screen.feed.emit(replace(slow, seconds=1.0, is_usual=False, is_chosen=True))
            await screen.pilot.pause()
            words = "polling dask every 6 s instead of 1 s, since a poll takes 2.9 s"
            assert words in screen.lines_of(StatusLine)[0]
            screen.feed.emit(Interval(seconds=2.0, is_usual=True, is_chosen=False))
            await screen.pilot.pause()
            assert "every" not in screen.header[0]
