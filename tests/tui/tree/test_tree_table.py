"""The table of the tree: keys, the selection while rows change, and how little is redrawn."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.geometry import Region

from dasktop.collectors.model.snapshot import Job, Snapshot
from dasktop.tui.draw.glyphs import UNICODE
from dasktop.tui.terminal.theme import styles_of
from dasktop.tui.tree.table import TreeTable
from dasktop.tui.view.rows import JobRow, Key, Row
from dasktop.tui.view.selection import reselect
from dasktop.tui.view.visible_rows import visible_rows
from tests.support.snapshots import TAKEN_AT, busy_job, everyday, job, snapshot, task, worker

FIRST_WORKER = ("worker", everyday().jobs[0].tasks[0].workers[0].address)
TASK = ("task", "4709", "batch", 0)


class CountingTable(TreeTable):
    """Records which lines Textual renders, and which regions are marked as changed."""

    def __init__(self) -> None:
        super().__init__(UNICODE)
        self.rendered = 0
        self.marked: list[tuple[Region, ...]] = []

    def render_line(self, y: int):
        self.rendered += 1
        return super().render_line(y)

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False):
        if repaint:
            self.marked.append(regions)
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)


class TableApp(App[None]):
    """An app with only the table, which folds and unfolds on request."""

    def __init__(self, shown: Snapshot, folded: Sequence[Key] = ()) -> None:
        super().__init__(ansi_color=True)
        self.shown = shown
        self.folded = set(folded)

    def compose(self) -> ComposeResult:
        self.table = CountingTable()
        yield self.table

    def on_mount(self) -> None:
        self.show(self.shown)

    def show(self, shown: Snapshot) -> None:
        self.shown = shown
        rows = visible_rows(shown, lambda key: key not in self.folded and key[0] != "worker")
        self.table.show(rows, shown.taken_at, "nothing here")

    def on_tree_table_fold_chosen(self, message: TreeTable.FoldChosen) -> None:
        (self.folded.discard if message.unfolded else self.folded.add)(message.key)
        self.show(self.shown)

    @property
    def lines(self) -> list[str]:
        return [self.table.render_line(y).text for y in range(self.table.size.height)]

    @property
    def selected_lines(self) -> list[int]:
        return [
            y
            for y in range(self.table.size.height)
            if any(segment.style == styles_of("terminal").selected for segment in self.table.render_line(y))
        ]


def selected_key(app: TableApp) -> Key | None:
    row = app.table.selected
    return row.key if row else None


def worker_key(name: str) -> Key:
    return ("worker", worker(name).address)


def many_jobs(count: int, first: int = 1000) -> Snapshot:
    return snapshot([job(str(first + number)) for number in range(count)])


def of_two_tasks(job_id: str) -> Job:
    of = busy_job(job_id, 0)
    return replace(of, tasks=(*of.tasks, task(task_id=1)))


class TestKeys:
    @pytest.mark.parametrize(
        ("keys", "key"),
        [
            ("down", FIRST_WORKER),
            ("j", FIRST_WORKER),
            ("j j k", FIRST_WORKER),
            ("down down up", FIRST_WORKER),
            ("up", ("job", "4709")),
            ("G", ("others",)),
            ("end", ("others",)),
            ("G g", ("job", "4709")),
            ("end home", ("job", "4709")),
            ("G j", ("others",)),
        ],
    )
    async def test_keys_move_the_selection(self, keys: str, key: Key) -> None:
        app = TableApp(everyday(), folded=[("others",)])
        async with app.run_test(size=(100, 40), notifications=True) as pilot:
            await pilot.press(*keys.split())
            assert selected_key(app) == key

    @pytest.mark.parametrize(("down", "up"), [("pagedown", "pageup"), ("ctrl+d", "ctrl+u")])
    async def test_page_keys_move_by_pages(self, down: str, up: str) -> None:
        app = TableApp(many_jobs(100))
        async with app.run_test(size=(100, 20), notifications=True) as pilot:
            await pilot.press(down)
            assert selected_key(app) == ("job", "1019")
            await pilot.press(down)
            assert selected_key(app) == ("job", "1038")
            assert app.table.scroll_offset.y == 19
            await pilot.press(up, up)
            assert selected_key(app) == ("job", "1000")
            assert app.table.scroll_offset.y == 0

    @pytest.mark.parametrize(("fold", "unfold"), [("left", "right"), ("h", "l"), ("space", "space")])
    async def test_fold_and_unfold(self, fold: str, unfold: str) -> None:
        app = TableApp(snapshot([busy_job("4709", 0)]))
        async with app.run_test(size=(100, 20), notifications=True) as pilot:
            await pilot.press(fold)
            await pilot.pause()
            assert app.lines[0].startswith(" ▸ 4709")
            assert app.lines[1].strip() == ""
            await pilot.press(unfold)
            await pilot.pause()
            assert app.lines[0].startswith(" ▾ 4709")
            assert app.lines[1].startswith("   ▸ SLURMCluster-0-0")

    async def test_left_selects_parent_right_selects_child(self) -> None:
        app = TableApp(snapshot([of_two_tasks("4709")]))
        async with app.run_test(size=(100, 20), notifications=True) as pilot:
            await pilot.press("right")
            assert selected_key(app) == TASK
            await pilot.press("right")
            assert selected_key(app) == worker_key("SLURMCluster-0-0")
            await pilot.press("down", "left")
            assert selected_key(app) == TASK

    async def test_keys_work_without_rows(self) -> None:
        app = TableApp(snapshot([]))
        async with app.run_test(size=(100, 20), notifications=True) as pilot:
            await pilot.press("down", "up", "G", "g", "pagedown", "pageup", "space", "left", "right")
            assert selected_key(app) is None
            assert "nothing here" in app.lines[1]

    async def test_click_selects_and_on_the_marker_toggles(self) -> None:
        app = TableApp(snapshot([of_two_tasks("4709")]))
        async with app.run_test(size=(100, 20), notifications=True) as pilot:
            await pilot.click(CountingTable, offset=(20, 1))
            assert selected_key(app) == TASK
            assert TASK not in app.folded
            await pilot.click(CountingTable, offset=(3, 1))
            await pilot.pause()
            assert TASK in app.folded
            await pilot.click(CountingTable, offset=(3, 15))
            assert selected_key(app) == TASK


class TestSelection:
    @pytest.mark.parametrize(
        ("before", "selected", "after", "expected"),
        [
            ("abc", "b", "abc", "b"),
            ("abc", "b", "xabc", "b"),
            ("abc", "b", "ac", "c"),
            ("abcd", "b", "ad", "d"),
            ("abc", "c", "ab", "b"),
            ("abc", "b", "xyz", "y"),
            ("abc", "c", "x", "x"),
            ("", None, "abc", "a"),
        ],
    )
    def test_departed_row_selects_its_nearest_neighbour(
        self, before: str, selected: str | None, after: str, expected: str
    ) -> None:
        def rows(names: str) -> list[Row]:
            return [JobRow(key=("job", name), job=job(name)) for name in names]

        index = before.index(selected) if selected else 0
        assert after[reselect(rows(before), index, rows(after))] == expected

    def test_departed_worker_selects_sibling_then_parent(self) -> None:
        def rows(*names: str) -> list[Row]:
            jobs = [job("1", [task([worker(name) for name in names])]), busy_job("2", 2)]
            return visible_rows(snapshot(jobs), lambda key: key[0] != "worker")

        assert rows("a", "b")[reselect(rows("a", "b", "c"), 3, rows("a", "b"))].key == worker_key("b")
        assert rows()[reselect(rows("a"), 1, rows())].key == ("job", "1")

    async def test_selection_is_kept_while_rows_change(self) -> None:
        app = TableApp(many_jobs(5))
        async with app.run_test(size=(100, 20), notifications=True) as pilot:
            await pilot.press("down", "down")
            assert selected_key(app) == ("job", "1002")
            app.show(many_jobs(9, first=996))
            await pilot.pause()
            assert selected_key(app) == ("job", "1002")
            assert app.selected_lines == [6]
            app.show(snapshot([]))
            app.show(many_jobs(3))
            await pilot.pause()
            assert selected_key(app) == ("job", "1000")
            assert app.selected_lines == [0]

    async def test_selection_stays_visible_when_rows_stop_fitting(self) -> None:
        app = TableApp(many_jobs(5))
        async with app.run_test(size=(100, 20), notifications=True) as pilot:
            app.show(many_jobs(50))
            app.table.action_last()  # at once, as when keys come in one burst
            await pilot.pause()
            assert app.selected_lines == [19]

    async def test_the_selected_row_stays_on_its_line(self) -> None:
        app = TableApp(many_jobs(100))
        async with app.run_test(size=(100, 20), notifications=True) as pilot:
            await pilot.press("pagedown", "pagedown", "up", "up", "up")
            [line] = app.selected_lines
            app.show(many_jobs(110, first=990))
            await pilot.pause()
            assert app.selected_lines == [line]
            assert selected_key(app) == ("job", "1035")

    async def test_wheel_scroll_position_is_kept(self) -> None:
        app = TableApp(many_jobs(100))
        async with app.run_test(size=(100, 20), notifications=True) as pilot:
            app.table.scroll_to(y=50, animate=False, immediate=True)
            await pilot.pause()
            app.show(many_jobs(110, first=990))
            await pilot.pause()
            assert app.table.scroll_offset.y == 60
            assert app.lines[0].strip().startswith("1050")
            assert selected_key(app) == ("job", "1000")
            await pilot.press("down")
            assert selected_key(app) == ("job", "1001")
            assert app.selected_lines == [0]

    async def test_no_blank_lines_remain_when_rows_disappear(self) -> None:
        app = TableApp(many_jobs(100))
        async with app.run_test(size=(100, 20), notifications=True) as pilot:
            await pilot.press("G")
            app.show(many_jobs(30))
            await pilot.pause()
            assert selected_key(app) == ("job", "1029")
            assert app.table.scroll_offset.y == 10
            assert all(line.strip() for line in app.lines)


class TestDrawing:
    async def test_an_equal_snapshot_draws_nothing(self) -> None:
        app = TableApp(everyday())
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await pilot.pause()
            rendered = app.table.rendered
            app.table.marked.clear()
            app.show(replace(everyday(), taken_at=TAKEN_AT + timedelta(seconds=2)))
            await pilot.pause()
            assert app.table.marked == []
            assert app.table.rendered == rendered

    async def test_one_changed_value_draws_one_line(self) -> None:
        jobs = [job(str(number)) for number in range(1, 11)]
        app = TableApp(snapshot(jobs))
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await pilot.pause()
            app.table.rendered = 0
            app.table.marked.clear()
            jobs[6] = replace(jobs[6], time_left_seconds=120)
            app.show(snapshot(jobs))
            await pilot.pause()
            assert app.table.marked == [(Region(0, 6, 119, 1),)]
            assert app.table.rendered == 1

    async def test_moving_the_selection_draws_two_lines(self) -> None:
        app = TableApp(many_jobs(30))
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await pilot.pause()
            app.table.rendered = 0
            await pilot.press("down")
            await pilot.pause()
            assert app.table.rendered == 2

    async def test_new_row_redraws_only_rows_below(self) -> None:
        app = TableApp(many_jobs(10))
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await pilot.pause()
            app.table.rendered = 0
            app.show(many_jobs(11))
            await pilot.pause()
            assert app.table.rendered == 1

    async def test_only_visible_rows_of_41000_are_computed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from dasktop.tui.tree import table as tree_table

        worked_out = 0
        cells = tree_table.cells

        def counted(*arguments):
            nonlocal worked_out
            worked_out += 1
            return cells(*arguments)

        monkeypatch.setattr(tree_table, "cells", counted)
        shown = snapshot([job("1", [task([worker(str(number)) for number in range(41_000)])])])
        app = TableApp(shown)
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await pilot.pause()
            assert app.table.virtual_size.height == 41_001
            height = app.table.size.height
            for keys in ("G", "pageup", "g"):
                worked_out = app.table.rendered = 0
                await pilot.press(keys)
                await pilot.pause()
                assert 0 < app.table.rendered <= 2 * height
                assert worked_out <= 4 * height
            worked_out = 0
            app.show(shown)
            await pilot.pause()
            assert worked_out == height

    @pytest.mark.parametrize("size", [(80, 24), (120, 40), (60, 15), (300, 100), (20, 5)])
    async def test_every_line_fills_the_width(self, size: tuple[int, int]) -> None:
        app = TableApp(everyday())
        async with app.run_test(size=size, notifications=True) as pilot:
            await pilot.pause()
            for line in app.lines:
                assert cell_len(line) == size[0] - 1

    async def test_resizing_fits_the_columns_again(self) -> None:
        app = TableApp(everyday())
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await pilot.pause()
            assert "n000" in app.lines[0]
            await pilot.resize_terminal(80, 24)
            await pilot.pause()
            assert app.lines[0].startswith(" ▾ 4709 dask-worker · n000")

    async def test_resizing_keeps_the_selection_in_view(self) -> None:
        app = TableApp(many_jobs(100))
        async with app.run_test(size=(120, 40), notifications=True) as pilot:
            await pilot.press(*["down"] * 35)
            await pilot.resize_terminal(120, 10)
            await pilot.pause()
            assert app.selected_lines == [9]
