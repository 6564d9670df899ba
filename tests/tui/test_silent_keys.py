"""A key that does nothing says why."""

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.snapshot import Snapshot, WorkerEvent
from dasktop.tui.dialogs.work_page import WorkPage
from dasktop.tui.widgets.status_line import StatusLine
from tests.support.screen import Screen, running
from tests.support.snapshots import TAKEN_AT, busy_job, snapshot, worker
from tests.support.work import failure, task_name, work


def message_of(screen: Screen) -> str:
    line = screen.app.screen.query_one(StatusLine)
    return " ".join(line.render_line(y).text.strip() for y in range(line.size.height))


def removed(name: str, job_id: str | None = None) -> WorkerEvent:
    return WorkerEvent(at=TAKEN_AT, kind="removed", worker=name, address=f"tcp://10.1.0.9/{name}", job_id=job_id)


def with_work() -> Snapshot:
    done = work(task_names=(task_name("load"),), failures=(failure(),))
    return replace(snapshot([busy_job("4709", 0)], [worker("laptop")]), work=done)


@pytest.mark.parametrize(
    ("page", "key", "words"),
    [
        ("W", "A", "A does nothing on this page; in the tree: compare what the job requested"),
        ("W", "t", "no task name selected: unfold the computation and select one"),
        ("E", "t", "t does nothing on this page; in the tree: show the call stack of the selected thread or worker"),
        ("E", "c", "c does nothing on this page; in the tree: choose columns and their order"),
        ("F", "A", "A does nothing on this page; in the tree: compare what the job requested"),
        ("H", "plus", "+ does nothing on this page; in the tree: add a job"),
        ("T", "x", "x does nothing on this page; in the tree: release the selected job"),
        ("T", "n", "nothing to go to: no search yet"),
        ("J", "n", "nothing to go to: no search yet"),
    ],
)
async def test_a_page_says_what_a_key_of_the_tree_does_there(page: str, key: str, words: str) -> None:
    async with running((120, 40)) as screen:
        await screen.show(with_work())
        await screen.press(page, key)
        assert message_of(screen).startswith(words)
        await screen.press("down")
        assert message_of(screen) == "", "until the next key"


@pytest.mark.parametrize("key", ["A", "J", "T", "x", "m"])
async def test_a_worker_that_left_has_no_job_any_more(key: str) -> None:
    end = removed("w-9", job_id="4700")
    async with running((120, 40)) as screen:
        await screen.show(replace(with_work(), worker_events=(end,)))
        table = screen.app._tree.table
        await screen.press("1")
        table.select_key(("left",))
        await screen.press(key)
        assert message_of(screen) == "no job selected: select a job or one of its workers"
        await screen.press("l", "l", key)
        assert table.selected.kind == "gone"
        assert message_of(screen) == "job 4700 of this worker is not listed any more"
        table.select_key(("outside",))
        await screen.press("l", "l", key)
        assert message_of(screen) == "this worker is in no known job"
        assert screen.app.screen is screen.base


async def test_rows_without_workers_or_names_say_so() -> None:
    async with running((120, 40)) as screen:
        await screen.show(replace(with_work(), worker_events=(removed("w-9"),)))
        screen.app._tree.table.select_key(("left",))
        await screen.press("y")
        assert message_of(screen) == "this row has nothing to copy: select a job, a worker or a thread"
        await screen.press("P")
        assert message_of(screen).startswith("nothing to profile")


async def test_read_only_says_so() -> None:
    async with running((120, 40), read_only=True) as screen:
        await screen.show(with_work())
        for key in ("plus", "minus", "x", "m", "a", "L", "s"):
            await screen.press(key)
            assert message_of(screen) == "read-only: dasktop changes nothing"
        screen.app._banner.is_replay = True
        await screen.press("plus")
        assert message_of(screen) == "a replay cannot change the cluster"
        assert screen.feed.plans == []


async def test_unknown_and_typed_keys_stay_silent() -> None:
    async with running((120, 40)) as screen:
        await screen.show(with_work())
        await screen.press("b")
        assert message_of(screen) == ""
        await screen.press("W", "slash", *"tAo")
        assert message_of(screen) == "", "they are typed into the filter"
        assert isinstance(screen.app.screen, WorkPage)


async def test_a_digit_after_the_sort_key_sorts_by_that_column() -> None:
    async with running((120, 40)) as screen:
        await screen.show(with_work())
        folds = screen.tree
        await screen.press("o")
        assert message_of(screen).startswith("sort by: 1 name  2 STATE  3 NODE  4 CPU  5 MEM")
        await screen.press("5")
        assert screen.app.looks.view.sort == "memory"
        await screen.press("5")
        assert screen.app.looks.view.is_reversed, "the same digit again reverses the order"
        await screen.press("0")
        assert screen.app.looks.view.sort is None
        await screen.press("9")
        assert screen.app.looks.view.sort is None, "there is no ninth column"
        assert screen.tree == folds
        await screen.press("j", "1")
        assert len(screen.tree) < len(folds), "later, digits fold again"
        assert "sort by" not in message_of(screen)


async def test_digits_sort_the_work_too() -> None:
    async with running((120, 40)) as screen:
        await screen.show(with_work())
        await screen.press("W", "o")
        page = screen.app.screen
        assert isinstance(page, WorkPage)
        assert message_of(screen).startswith("sort by: 1 name  2 DONE")
        await screen.press("2")
        assert page._work_view.sort == "done"
        assert screen.app.looks.view.sort is None, "not the tree"
        await screen.press("0", "down", "1")
        assert page._work_view.sort is None
