"""Columns: their layout at any width, the optional ones, sorting, and the column dialog."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Task
from dasktop.tui.dialogs.help import Help
from dasktop.tui.draw.glyphs import UNICODE
from dasktop.tui.draw.text_width import width
from dasktop.tui.tree.column_box import ColumnBox, ColumnList
from dasktop.tui.view.cells import cells
from dasktop.tui.view.columns import COLUMNS, DEFAULT_COLUMNS, ColumnName, more_cells
from dasktop.tui.view.filtering import View, apply_view
from dasktop.tui.view.layout import fit_layout, heads, line
from dasktop.tui.view.rows import Row
from dasktop.tui.view.visible_rows import visible_rows
from dasktop.tui.widgets.header import ColumnHeads
from tests.support.screen import Screen, running
from tests.support.snapshots import TAKEN_AT, busy_job, everyday, job, pending, snapshot, task, thread, worker

CHOICES = st.lists(st.sampled_from(list(COLUMNS)), unique=True).map(tuple)
FIXED = tuple(name for name, column in COLUMNS.items() if column.cells)


def rows(shown=None) -> list[Row]:
    return visible_rows(shown or everyday(), lambda _: True)


def texts_of(kind: str, shown, *columns: ColumnName) -> list[str]:
    [row] = [row for row in rows(shown) if row.kind == kind][:1]
    return list(more_cells(row, columns).values())


class TestLayout:
    @given(CHOICES, st.integers(1, 320))
    def test_lines_are_as_wide_as_the_heads(self, chosen: tuple[ColumnName, ...], room: int) -> None:
        layout = fit_layout(room, chosen)
        [head] = heads(layout)
        assert width(head.text) == layout.cells <= max(room, 2)
        for row in rows():
            held = cells(row, TAKEN_AT)._replace(more=more_cells(row, layout.more))
            assert sum(width(piece.text) for piece in line(row, held, layout, UNICODE)) == layout.cells

    @given(CHOICES, st.integers(1, 320))
    def test_columns_keep_the_users_order(self, chosen: tuple[ColumnName, ...], room: int) -> None:
        shown = tuple(fit_layout(room, chosen).columns)
        assert shown == tuple(name for name in chosen if name in shown)

    @given(CHOICES)
    def test_all_columns_show_with_enough_room(self, chosen: tuple[ColumnName, ...]) -> None:
        assert tuple(fit_layout(200, chosen).columns) == chosen

    def test_a_head_has_room_for_its_arrow(self) -> None:
        for name, room in fit_layout(200, tuple(COLUMNS)).columns.items():
            [head] = heads(fit_layout(200, tuple(COLUMNS)), name, "↑")
            assert f"{COLUMNS[name].head}↑" in head.text
            assert room > len(COLUMNS[name].head)

    def test_hidden_columns_leave_their_room(self) -> None:
        assert "node" not in fit_layout(79).columns
        assert "node" in fit_layout(79, ("state", "node", "cpu")).columns
        assert fit_layout(79, ("cpu",)).label > fit_layout(79).label

    def test_fixed_width_columns_are_left_out_first(self) -> None:
        chosen = (*FIXED, *DEFAULT_COLUMNS)
        left = [[name for name in FIXED if name in fit_layout(room, chosen).columns] for room in range(200, 40, -1)]
        assert [names for number, names in enumerate(left) if names != left[number - 1]][-len(FIXED) :] == [
            list(FIXED[:many]) for many in range(len(FIXED) - 1, -1, -1)
        ]
        assert set(fit_layout(67, chosen).columns) == {"state", "cpu", "memory", "busy", "left"}

    def test_note_takes_the_widest_run_of_empty_columns(self) -> None:
        [row] = rows(snapshot([pending("9", "Priority")]))
        chosen: tuple[ColumnName, ...] = ("cpu", "state", "memory", "busy", "partition")
        layout = fit_layout(120, chosen)
        held = cells(row, TAKEN_AT)._replace(more=more_cells(row, layout.more))
        text = "".join(piece.text for piece in line(row, held, layout, UNICODE))
        [head] = heads(layout)
        assert text.index("Priority") == head.text.index("MEM")
        assert text.index("PENDING") == head.text.index("STATE")
        assert text.index("cpu") == head.text.index("PARTITION")

    @pytest.mark.parametrize("others", [(), (task([worker("z")], task_id=1),)])
    def test_label_names_a_hidden_node(self, others: tuple[Task, ...]) -> None:
        of = busy_job("1", 0)
        shown = rows(snapshot([replace(of, tasks=(*of.tasks, *others))]))
        row = next(row for row in shown if row.kind == ("task" if others else "job"))
        held = cells(row, TAKEN_AT)
        assert "n000" in "".join(piece.text for piece in line(row, held, fit_layout(79), UNICODE))
        assert "n000" not in "".join(piece.text for piece in line(row, held, fit_layout(79, ("state", "cpu")), UNICODE))


class TestMoreCells:
    SHOWN = snapshot(
        [
            job(
                "1",
                [
                    task(
                        [
                            worker("a", executing=3, queued=1, stored=7, spilled_bytes=2**30, last_seen_seconds=0.4),
                            worker("b", executing=0, queued=3, stored=None, spilled_bytes=0, last_seen_seconds=17.0),
                        ]
                    )
                ],
                partition="long",
                account="physics",
            )
        ]
    )
    COLUMNS = ("processing", "stored", "spilled", "seen", "partition", "account")

    def test_a_job_sums_up_its_workers(self) -> None:
        assert texts_of("job", self.SHOWN, *self.COLUMNS) == ["7", "7", "1.0G", "15s", "long", "physics"]

    def test_task_sums_up_and_worker_shows_its_own(self) -> None:
        [of] = self.SHOWN.jobs
        two = snapshot([replace(of, tasks=(*of.tasks, task(task_id=1)))])
        assert texts_of("task", two, *self.COLUMNS) == ["7", "7", "1.0G", "15s", "", ""]
        assert texts_of("worker", self.SHOWN, *self.COLUMNS) == ["4", "7", "1.0G", "<5s", "", ""]

    def test_unknown_is_a_dash(self) -> None:
        unknown = worker("a", queued=None, stored=None, spilled_bytes=None, last_seen_seconds=None)
        shown = snapshot([job("1", [task([unknown])], partition=None, account=None)])
        assert texts_of("job", shown, *self.COLUMNS) == ["–"] * 6

    def test_rows_without_workers_have_empty_worker_cells(self) -> None:
        assert texts_of("job", snapshot([pending("1", partition="cpu", account="a")]), *self.COLUMNS)[:4] == [""] * 4
        with_thread = snapshot([job("1", [task([worker("a", threads=(thread(),))])])])
        assert texts_of("thread", with_thread, *self.COLUMNS) == [""] * 6

    def test_array_row_shows_common_values(self) -> None:
        pair = [pending(str(number), array_job_id="7", partition="p", account=f"a{number}") for number in (1, 2)]
        assert texts_of("array", snapshot(pair), "partition", "account") == ["p", ""]

    def test_hidden_column_changes_no_line(self) -> None:
        one, other = ([job("1", [task([worker("a", queued=queued)])])] for queued in (1, 2))
        assert [cells(row, TAKEN_AT) for row in rows(snapshot(one))] == [
            cells(row, TAKEN_AT) for row in rows(snapshot(other))
        ]

    @pytest.mark.parametrize("columns", [(), DEFAULT_COLUMNS])
    def test_cells_of_other_columns_stay_empty(self, columns) -> None:
        assert set(texts_of("job", self.SHOWN, *columns)) <= {""}


class TestSort:
    def order(self, column, **worker_values) -> list[str]:
        [name] = worker_values
        shown = snapshot(
            [
                job(str(number), [task([worker("w", **{name: value})])])
                for number, value in enumerate(worker_values[name])
            ]
        )
        return [job.job_id for job in apply_view(shown, View(sort=column)).snapshot.jobs]

    def test_largest_first_unknown_last(self) -> None:
        assert self.order("processing", queued=[1, None, 3]) == ["2", "0", "1"]
        assert self.order("stored", stored=[0, 5, 3]) == ["1", "2", "0"]
        assert self.order("spilled", spilled_bytes=[0, 5, None]) == ["1", "0", "2"]

    def test_equal_looking_heartbeats_keep_their_order(self) -> None:
        assert self.order("seen", last_seen_seconds=[0.1, 3.9, 21.0]) == ["2", "0", "1"]

    def test_texts_sort_alphabetically(self) -> None:
        shown = snapshot([job("1", partition="b"), job("2", partition=None), job("3", partition="a")])
        assert [job.job_id for job in apply_view(shown, View(sort="partition")).snapshot.jobs] == ["3", "1", "2"]


async def opened(screen: Screen) -> ColumnList:
    await screen.show(everyday())
    await screen.press("c")
    assert isinstance(screen.app.screen, ColumnBox)
    return screen.app.screen.query_one(ColumnList)


def shown_in(box: ColumnList) -> list[str]:
    return [box.render_line(y).text.split("  ")[0].strip() for y in range(box.size.height)]


class TestColumnDialog:
    async def test_dialog_lists_all_columns_and_ticks_shown_ones(self) -> None:
        async with running() as screen:
            box = await opened(screen)
            ticked = [line for line in shown_in(box) if line.startswith("[x]")]
            assert ticked == ["[x] STATE", "[x] NODE", "[x] CPU", "[x] MEM", "[x] BUSY", "[x] NOW", "[x] LEFT"]
            assert len(shown_in(box)) == len(COLUMNS)

    async def test_each_choice_applies_at_once(self) -> None:
        async with running() as screen:
            await opened(screen)
            await screen.press("down", "space")
            [head] = screen.lines_of(ColumnHeads)
            assert "NODE" not in head
            await screen.press("space", "K")
            [head] = screen.lines_of(ColumnHeads)
            assert head.index("NODE") < head.index("STATE")
            await screen.press("G", "space", "escape")
            [head] = screen.lines_of(ColumnHeads)
            assert head.split()[-1] == "ACCOUNT"
            assert "physics" in "\n".join(screen.tree)
            assert not isinstance(screen.app.screen, ColumnBox)

    @pytest.mark.parametrize("keys", ["J K", "plus minus", "shift+down shift+up"])
    async def test_columns_can_be_moved(self, keys: str) -> None:
        further, back = keys.split()
        async with running() as screen:
            await opened(screen)
            await screen.press("g", further, further)
            assert screen.app.looks.view.columns[:3] == ("node", "cpu", "state")
            await screen.press(back, back, back)
            assert screen.app.looks.view.columns == DEFAULT_COLUMNS

    @pytest.mark.parametrize("key", ["escape", "enter", "q", "c"])
    async def test_dialog_closes_with_each_of_its_keys(self, key: str) -> None:
        async with running() as screen:
            await opened(screen)
            await screen.press(key)
            assert not isinstance(screen.app.screen, ColumnBox)
            assert screen.app.looks.view.columns == DEFAULT_COLUMNS

    @pytest.mark.parametrize("size", [(60, 15), (80, 24), (300, 100)])
    async def test_dialog_leaves_half_of_the_screen_and_scrolls(self, size) -> None:
        async with running(size) as screen:
            box = await opened(screen)
            assert screen.app.screen.query_one(".box").region.height <= max(size[1] // 2, 5)
            await screen.press("G")
            assert shown_in(box)[-1] == "[ ] ACCOUNT"
            await screen.press("g")
            assert shown_in(box)[0] == "[x] STATE"

    async def test_click_shows_or_hides_a_column(self) -> None:
        async with running() as screen:
            await opened(screen)
            await screen.pilot.click(ColumnList, offset=(3, 2))
            await screen.pilot.pause()
            assert "cpu" not in screen.app.looks.view.columns

    async def test_dialog_says_which_columns_do_not_fit(self) -> None:
        def without_room() -> list[str]:
            lines = [box.render_line(y).text for y in range(box.size.height)]
            return [line.split()[1 + line.startswith(" [ ]")] for line in lines if "does not fit" in line]

        async with running((80, 40)) as screen:
            box = await opened(screen)
            assert without_room() == ["NODE", "NOW"]
            await screen.press("down", "space")
            assert without_room() == ["NOW"]
            await screen.pilot.resize_terminal(200, 40)
            await screen.pilot.pause()
            assert without_room() == []

    async def test_sort_key_cycles_through_shown_columns(self) -> None:
        async with running() as screen:
            await opened(screen)
            await screen.press(*["space", "down"] * 7, "space", "escape")
            assert screen.app.looks.view.columns == ("processing",)
            sorts = []
            for _ in range(4):
                await screen.press("o")
                sorts.append(screen.app.looks.view.sort)
            assert sorts == ["name", "processing", None, "name"]

    async def test_help_describes_the_columns_key(self) -> None:
        async with running((120, 60)) as screen:
            await screen.press("question_mark")
            assert isinstance(screen.app.screen, Help)
            assert "choose columns" in screen.app.screen.query_one("Static").render().plain
