"""The details on the screen: their place at each size, the keys to open and leave them, and how little is redrawn."""

import re
from collections.abc import Sequence
from datetime import timedelta

import pytest
from msgspec.structs import replace
from textual.geometry import Region
from textual.widget import Widget

from dasktop.collectors.model.queries import Answer, CallStack, FreeNode, FreeNodes, QueuePlace, QueuePosition
from dasktop.collectors.model.snapshot import Finding, Snapshot, Thread
from dasktop.tui.config.view_settings import ViewSettings
from dasktop.tui.details.body import DetailsBody, lines_below, place
from dasktop.tui.tree.table import TreeTable
from dasktop.tui.widgets.details_pane import DetailsPane
from dasktop.tui.widgets.footer import KeyLine
from dasktop.tui.widgets.header import ColumnHeads, Header
from dasktop.tui.widgets.status_line import StatusLine
from tests.support.screen import HOSTILE, SIZES, Screen, running
from tests.support.snapshots import TAKEN_AT, busy_job, everyday, job, pending, snapshot, task, thread, worker

CALLS = ("f  /a/b.py:3", "    x = 1")


def details(screen: Screen) -> list[str]:
    """Return the lines of the pane, or nothing if it is hidden."""
    pane = screen.base.query_one(DetailsPane)
    return screen.lines_of(DetailsPane) if pane.display and pane.is_on_screen else []


def region(screen: Screen, kind: type[Widget]) -> Region:
    return screen.base.query_one(kind).region


class TestPlace:
    def test_place_depends_on_the_terminal_size(self) -> None:
        assert place(60, 10).where == place(80, 20).where == place(149, 33).where == "nowhere"
        assert place(120, 40) == ("below", 10)
        assert place(80, 200) == ("below", 20)
        assert place(150, 15) == ("right", 52)
        assert place(200, 55) == ("right", 80)
        assert place(300, 100) == ("right", 110)

    async def test_pane_is_hidden_at_first(self) -> None:
        async with running((200, 60)) as screen:
            await screen.show(everyday())
            assert details(screen) == []
            assert region(screen, TreeTable).width == 200

    async def test_wide_terminal_has_it_at_the_right(self) -> None:
        async with running((200, 60)) as screen:
            await screen.show(everyday())
            await screen.press("d")
            pane, table = region(screen, DetailsPane), region(screen, TreeTable)
            assert (pane.width, table.width, pane.y) == (80, 120, region(screen, ColumnHeads).y)
            lines = details(screen)
            assert all(line.startswith("│ ") for line in lines)
            assert lines[0].split()[1:] == ["job", "4709", "dask-worker"]
            assert screen.base.query_one(TreeTable).has_focus
            await screen.press("d")
            assert details(screen) == []
            assert region(screen, TreeTable).width == 200

    async def test_high_terminal_has_it_below(self) -> None:
        async with running((120, 40)) as screen:
            await screen.show(everyday())
            await screen.press("d")
            pane, table = region(screen, DetailsPane), region(screen, TreeTable)
            assert pane.width == table.width == 120
            assert pane.y == table.bottom
            assert table.height >= 16
            assert details(screen)[0].startswith(" job 4709 dask-worker")
            assert pane.height == place(120, 40).size
            await screen.press("1")  # leaves fewer rows
            assert region(screen, TreeTable).height == len(screen.base.query_one(TreeTable).rows) + 1
            await screen.press("asterisk")
            assert region(screen, DetailsPane).height == place(120, 40).size

    @pytest.mark.parametrize("size", [(60, 15), (80, 24)])
    async def test_details_replace_the_tree_without_room(self, size: tuple[int, int]) -> None:
        async with running(size) as screen:
            await screen.show(everyday())
            await screen.press("d")
            assert region(screen, DetailsPane) == Region(0, 0, size[0], size[1] - 1)
            await screen.press("d")
            assert details(screen) == []

    async def test_pane_follows_the_terminal_size(self) -> None:
        async with running((200, 60)) as screen:
            await screen.show(everyday())
            await screen.press("d")
            seen = []
            for size in ((120, 40), (80, 24), (200, 60)):
                await screen.pilot.resize_terminal(*size)
                await screen.pilot.pause()
                await screen.pilot.pause()
                lines = details(screen)
                seen.append((len(lines), lines[0].split()[-2:] if lines else None))
            assert seen[1] == (0, None)
            assert seen[0][0] == 10
            assert seen[2] == (41, ["4709", "dask-worker"])

    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("unicode", [True, False])
    async def test_every_row_fits_at_every_size(self, size: tuple[int, int], unicode: bool) -> None:
        async with running(size, unicode=unicode) as screen:
            await screen.show(everyday())
            await screen.press("d", "asterisk")
            rows = len(screen.base.query_one(TreeTable)._rows)
            for _ in range(rows):
                lines = details(screen)
                assert lines[0].strip()
                assert unicode or all(line.isascii() for line in lines)
                if screen.base.query_one(DetailsBody).is_full:
                    await screen.press("enter", "down", "enter")
                else:
                    await screen.press("down")


@pytest.mark.parametrize(
    ("shown", "spare", "expected"),
    [(0, 5, 10), (0, 20, 19), (19, 21, 19), (19, 22, 21), (19, 19, 18), (19, 3, 10)],
    ids=["no room", "what rows leave", "a row more", "several rows more", "a row less", "many rows less"],
)
def test_height_below_follows_the_rows_in_steps(shown: int, spare: int, expected: int) -> None:
    assert lines_below(10, shown, spare) == expected

    async def test_a_high_pane_folds_no_jobs_that_would_fit(self) -> None:
        async with running((120, 100), looks=ViewSettings()) as screen:
            await screen.show(snapshot([busy_job(str(number), number) for number in range(6)]))
            await screen.show(snapshot([busy_job(str(number), number) for number in range(6)]))
            table = screen.base.query_one(TreeTable)
            assert [row.kind for row in table.rows[:3]] == ["job", "worker", "worker"]
            assert table.size.height >= len(table.rows)


class TestFullDetails:
    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("back", ["enter", "escape"])
    async def test_details_open_and_close(self, size: tuple[int, int], back: str) -> None:
        async with running(size) as screen:
            await screen.show(everyday())
            await screen.press("down")
            before = screen.everything
            await screen.press("enter")
            assert region(screen, DetailsPane) == Region(0, 0, size[0], size[1] - 1)
            assert details(screen)[0].startswith((" worker SLURMCluster-0-0", " job 4710"))  # where jobs are folded
            assert screen.base.query_one(DetailsPane).has_focus
            assert screen.lines_of(KeyLine)[0].startswith(" esc back")
            await screen.show(everyday())
            await screen.press(back)
            assert screen.everything == before
            assert screen.base.query_one(TreeTable).has_focus

    async def test_pane_reopens_after_full_details(self) -> None:
        async with running((200, 60)) as screen:
            await screen.show(everyday())
            await screen.press("d")
            before = details(screen)
            await screen.press("enter")
            assert region(screen, DetailsPane).width == 200
            await screen.press("enter")
            assert details(screen) == before
            await screen.press("enter", "d")
            assert details(screen) == []

    async def test_tree_position_is_kept(self) -> None:
        many = snapshot([busy_job(str(number), number) for number in range(1, 30)])
        async with running((80, 24)) as screen:
            await screen.show(many)
            await screen.press("end", "up", "up")
            before = screen.tree
            await screen.press("enter")
            await screen.show(many)
            await screen.show(many)
            await screen.press("escape")
            assert screen.tree == before

    async def test_details_scroll(self) -> None:
        async with running((60, 15)) as screen:
            await screen.show(everyday())
            await screen.press("enter")
            first = details(screen)
            assert first[0].rstrip().endswith("more ↓")
            await screen.press("down", "j")
            assert details(screen)[1:-2] == first[3:]
            assert "2 more ↑" in details(screen)[0]
            await screen.press("end")
            last = details(screen)
            assert last[-1].strip()
            assert "↓" not in last[0]
            await screen.press("pageup", "pagedown")
            assert details(screen) == last
            await screen.press("g")
            assert details(screen) == first

    @pytest.mark.parametrize("moves", [(), ("down",), ("down", "up")])
    async def test_details_open_at_the_top(self, moves: Sequence[str]) -> None:
        async with running((60, 15)) as screen:
            await screen.show(everyday())
            await screen.press("enter", "end")
            assert "more ↑" in details(screen)[0]
            await screen.press("escape", *moves, "enter")
            assert "more ↑" not in details(screen)[0]
            assert "more ↓" in details(screen)[0]

    async def test_wheel_scrolls_and_snapshots_keep_position(self) -> None:
        async with running((60, 15)) as screen:
            await screen.show(everyday())
            await screen.press("enter", "j", "j")
            before = details(screen)
            await screen.show(everyday())
            assert details(screen) == before

    async def test_tree_keys_are_disabled_and_job_keys_work(self) -> None:
        async with running((120, 40)) as screen:
            await screen.show(everyday())
            before = screen.everything
            await screen.press("enter")
            shown = details(screen)
            await screen.press("asterisk", "m", "slash", "o", "w")
            assert details(screen) == shown[:-1], "the last line says why"
            assert screen.lines_of(StatusLine)[0].startswith(" w does nothing on this page; in the tree: switch")
            keys = screen.lines_of(KeyLine)[0]
            assert "* all" not in keys
            assert "x release" in keys
            await screen.press("r")
            assert screen.feed.refreshes == 1
            await screen.press("escape")
            assert screen.everything == before

    async def test_finding_key_works_in_full_details(self) -> None:
        found = [
            Finding(code="x", severity="error", job_id=job_id, worker=None, message=f"{job_id} is bad", since=None)
            for job_id in ("1", "2")
        ]
        async with running((80, 24)) as screen:
            await screen.show(snapshot([job("1"), job("2"), job("3")], findings=tuple(found)))
            await screen.press("end", "enter")
            for job_id in ("1", "2", "1"):
                await screen.press("n")
                assert details(screen)[0].startswith(f" job {job_id}")
                assert details(screen)[1].strip() == f"! {job_id} is bad"

    async def test_details_follow_when_the_row_disappears(self) -> None:
        async with running((80, 24)) as screen:
            await screen.show(snapshot([job("1"), job("2")]))
            await screen.press("enter")
            await screen.show(snapshot([job("2")]))
            assert details(screen)[0].startswith(" job 2")
            await screen.show(snapshot([]))
            assert details(screen)[1].strip() == "no row selected"
            await screen.press("enter")
            assert details(screen) == []

    async def test_nothing_opens_without_rows(self) -> None:
        async with running((80, 24)) as screen:
            await screen.press("enter")
            assert details(screen) == []
            await screen.show(snapshot([]))
            await screen.press("enter")
            assert details(screen) == []


class TestDockedPane:
    async def test_pane_follows_the_selection_from_its_top(self) -> None:
        async with running((80, 40)) as screen:
            await screen.show(everyday())
            await screen.press("d", "tab", "end")
            assert "more ↑" in details(screen)[0]
            await screen.press("escape", "down")
            lines = details(screen)
            assert lines[0].startswith(" worker SLURMCluster-0-0")
            assert "more ↑" not in lines[0]

    async def test_tab_focuses_the_pane_escape_leaves_it(self) -> None:
        async with running((120, 40)) as screen:
            await screen.show(everyday())
            await screen.press("d", "tab")
            assert screen.base.query_one(DetailsPane).has_focus
            await screen.press("enter")
            assert region(screen, DetailsPane).height == 39
            await screen.press("escape")
            assert screen.base.query_one(TreeTable).has_focus
            assert region(screen, DetailsPane).height < 20
            await screen.press("tab", "d")
            assert details(screen) == []
            assert screen.base.query_one(TreeTable).has_focus

    async def test_pane_changes_with_the_snapshot(self) -> None:
        async with running((120, 40)) as screen:
            await screen.show(snapshot([pending("1", "Priority")]))
            await screen.press("d")
            assert "(Priority)" in "\n".join(details(screen))
            await screen.show(snapshot([pending("1", "JobHeldUser")]))
            assert "scontrol release 1" in "\n".join(details(screen))

    async def test_history_grows_while_hidden(self) -> None:
        async with running((120, 40)) as screen:
            for number in range(12):
                await screen.show(snapshot([busy_job("1", 0)], taken_at=TAKEN_AT + timedelta(seconds=5 * number)))
            await screen.press("d")
            # Of CPU and of memory.
            assert len(re.findall(r"([▁-█])\1{10}", "\n".join(details(screen)))) == 2


class TestPendingJob:
    async def test_queue_and_free_nodes_are_queried_while_details_are_open(self) -> None:
        position, free = questions = [QueuePosition(job_id="1", partition="cpu"), FreeNodes(partition="cpu")]
        waiting = snapshot([pending("1", "Resources")])
        async with running((80, 40)) as screen:
            await screen.show(waiting)
            assert screen.feed.questions == []
            await screen.press("d")
            assert screen.feed.questions == questions
            node = FreeNode(name="n2", cpus=16, memory_bytes=None)
            await screen.show(Answer(question=free, nodes=(node,)))
            await screen.show(Answer(question=position, place=QueuePlace(number=2, of=5)))
            text = "\n".join(details(screen))
            assert "n2: 16 CPUs" in text
            assert "2 of 5 pending jobs in cpu" in text
            await screen.show(replace(waiting, taken_at=TAKEN_AT + timedelta(seconds=29)))
            assert screen.feed.questions == questions
            await screen.show(replace(waiting, taken_at=TAKEN_AT + timedelta(seconds=30)))
            assert screen.feed.questions == questions * 2
            await screen.show(Answer(question=free, nodes=()))
            await screen.press("d")
            await screen.show(replace(waiting, taken_at=TAKEN_AT + timedelta(hours=1)))
            assert screen.feed.questions == questions * 2


class TestCallStack:
    def shown(self) -> object:
        return snapshot([job("1", [task([worker("a", threads=(thread(4001), thread(4002)))])])])

    async def at_thread(self, screen: Screen) -> CallStack:
        await screen.show(self.shown())
        await screen.press("down", "right", "down", "enter", "t")
        (question,) = screen.feed.questions
        return question

    async def test_call_stack_is_requested_and_shown(self) -> None:
        async with running((80, 24)) as screen:
            question = await self.at_thread(screen)
            assert question == CallStack(worker_address="tcp://10.1.0.7/a", thread_native_id=4001)
            assert "asking the worker…" in "\n".join(details(screen))
            await screen.show(Answer(question=question, lines=CALLS))
            text = "\n".join(line.rstrip() for line in details(screen))
            assert " f  /a/b.py:3\n     x = 1" in text
            await screen.press("escape", "down", "enter")
            assert "t reads it from the worker" in "\n".join(details(screen))

    async def test_missing_call_stack_shows_the_error(self) -> None:
        async with running((80, 24)) as screen:
            question = await self.at_thread(screen)
            await screen.show(Answer(question=question, error="it hangs"))
            assert "it hangs" in "\n".join(details(screen))

    async def test_late_answer_does_not_replace_another(self) -> None:
        async with running((80, 24)) as screen:
            first = await self.at_thread(screen)
            await screen.press("escape", "down", "enter", "t")
            await screen.show(Answer(question=first, lines=CALLS))
            assert "asking the worker…" in "\n".join(details(screen))

    async def test_call_stack_key_opens_the_details(self) -> None:
        async with running((80, 24)) as screen:
            await screen.show(self.shown())
            await screen.press("down", "right", "down", "t")
            assert "asking the worker…" in "\n".join(details(screen))

    async def test_call_stack_needs_a_selected_thread(self) -> None:
        async with running((80, 24)) as screen:
            await screen.show(self.shown())
            await screen.press("t", "t")
            assert screen.feed.questions == []
            assert details(screen) == []
            assert "no thread selected" in screen.lines_of(StatusLine)[0]

    @pytest.mark.parametrize("is_read", [True, False])
    @pytest.mark.parametrize("keys", [("t",), ("enter", "t")])
    async def test_key_on_a_worker_shows_its_longest_task(self, is_read: bool, keys: Sequence[str]) -> None:
        def shown(*threads: Thread) -> Snapshot:
            return snapshot([job("1", [task([worker("a", threads=threads)])])])

        idle = thread(4001, task_key=None, cpu_percent=0.0)
        threads = (idle, thread(4002, task_key=None), thread(4003, task_seconds=3.0), thread(4004, task_seconds=9.0))
        async with running((80, 24)) as screen:
            await screen.show(shown(*threads) if is_read else shown())
            await screen.press("down", *keys)
            if not is_read:
                assert screen.feed.questions == []
                assert screen.app._tree.table.rows[-1].kind == "asking"
                await screen.show(shown(*threads))
            assert screen.feed.questions == [CallStack(worker_address="tcp://10.1.0.7/a", thread_native_id=4004)]
            text = "\n".join(details(screen))
            assert " thread 4004" in text
            assert "asking the worker…" in text

    async def test_key_on_a_worker_is_dropped_if_another_row_is_selected(self) -> None:
        async with running((80, 24)) as screen:
            await screen.show(snapshot([job("1", [task([worker("a")])])]))
            await screen.press("down", "t", "up")
            await screen.show(self.shown())
            await screen.press("down")
            await screen.show(self.shown())
            assert screen.feed.questions == []

    async def test_key_on_an_idle_worker_says_so(self) -> None:
        idle = thread(4001, task_key=None, cpu_percent=0.0)
        async with running((80, 24)) as screen:
            await screen.show(snapshot([job("1", [task([worker("a", threads=(idle,))])])]))
            await screen.press("down", "t")
            assert screen.feed.questions == []
            assert "no thread of worker a runs a task" in screen.lines_of(StatusLine)[0]


class TestBackKeys:
    async def test_q_closes_full_details_and_otherwise_quits(self) -> None:
        async with running((80, 24)) as screen:
            await screen.show(everyday())
            await screen.press("enter")
            [keys] = screen.lines_of(KeyLine)
            assert "esc back" in keys
            assert "details" not in keys, "the details are already open"
            await screen.press("q")
            assert details(screen) == []
            assert screen.app.return_code is None
            await screen.press("q")
            assert screen.app.return_code == 0

    async def test_q_quits_from_the_docked_pane(self) -> None:
        async with running((200, 60)) as screen:
            await screen.show(everyday())
            await screen.press("d", "tab")
            assert isinstance(screen.app.focused, DetailsPane)
            await screen.press("q")
            assert screen.app.return_code == 0


class TestRedraws:
    @pytest.mark.parametrize("keys", [["d"], ["enter"]])
    @pytest.mark.parametrize("size", [(120, 40), (200, 60)])
    async def test_equal_snapshot_draws_nothing(
        self, keys: Sequence[str], size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with running(size) as screen:
            await screen.show(everyday())
            await screen.press(*keys)
            marked = _regions(monkeypatch)
            await screen.show(everyday())
            await screen.show(replace(everyday(), taken_at=TAKEN_AT + timedelta(seconds=1)))
            assert marked == []

    async def test_only_changed_lines_are_drawn(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def at(cpu_percent: float) -> object:
            return snapshot([job("1", [task([worker("a", cpu_percent=cpu_percent)])])])

        async with running((200, 60)) as screen:
            await screen.show(at(100))
            await screen.press("down", "down", "d")
            marked = _regions(monkeypatch)
            await screen.show(at(200))
            in_pane = [region for widget, regions in marked for region in regions if isinstance(widget, DetailsPane)]
            assert in_pane == [Region(0, 3, 31, 1)], "only the changed part of the line"


def _regions(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Widget, tuple[Region, ...]]]:
    """Record from now on the regions that any widget marks as changed."""
    marked: list[tuple[Widget, tuple[Region, ...]]] = []
    refresh = Widget.refresh

    def counted(self: Widget, *regions: Region, repaint: bool = True, **more: bool) -> Widget:
        if repaint and (not regions or any(region.size for region in regions)):  # what is hidden has no size
            marked.append((self, regions))
        return refresh(self, *regions, repaint=repaint, **more)

    monkeypatch.setattr(Widget, "refresh", counted)
    return marked


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("size", [(60, 15), (200, 60)])
async def test_hostile_texts_are_shown_harmlessly(text: str, size: tuple[int, int]) -> None:
    bad = worker(text, status=text, host=text, threads=(thread(1, name=text, task_key=text),))
    async with running(size) as screen:
        await screen.show(snapshot([job("1", [task([bad])], name=text), pending("2", text)]))
        await screen.press("d")
        assert details(screen)
        assert len(screen.lines_of(Header)) in (0, 1)
        await screen.press("down", "down", "down", "right")
        assert screen.app._exception is None
