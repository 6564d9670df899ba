"""The whole screen on a fake feed: its content at every size, its requests to the feed, and its end."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from textual.geometry import Region
from textual.widget import Widget
from textual.widgets import Input, Static

from dasktop.collectors.model.feed import Candidate, Choice, Failure
from dasktop.collectors.model.snapshot import Finding, Snapshot
from dasktop.tui.app import DasktopApp, SnapshotArrived
from dasktop.tui.dialogs.help import Help
from dasktop.tui.dialogs.picker import Candidates, Picker
from dasktop.tui.tree.table import TreeTable
from dasktop.tui.widgets.footer import KeyLine
from dasktop.tui.widgets.header import ColumnHeads, Header
from dasktop.tui.widgets.status_line import StatusLine
from tests.support.screen import HOSTILE, SIZES, Screen, running
from tests.support.screen_text import lines_on
from tests.support.snapshots import (
    NO_CLUSTER,
    busy_job,
    cluster,
    ended,
    everyday,
    job,
    pending,
    snapshot,
    source,
    task,
    thread,
    worker,
)
from tests.support.work import work

CANDIDATES = (
    Candidate(address="tcp://10.1.2.3:41525", origin="script of job 4711", scheduler_id="a"),
    Candidate(address="tcp://10.1.2.3:8786", origin="process 812 on [/] this host", scheduler_id="b"),
    Candidate(address="tcp://10.1.2.4:8786", origin="dask's configuration", scheduler_id="c"),
)


class TestContent:
    async def test_first_screen_says_what_is_asked(self) -> None:
        async with running() as screen:
            assert screen.header[0].startswith(" dasktop  asking the scheduler… · asking SLURM…")
            assert screen.tree == []

    async def test_screen_shows_header_tree_and_keys(self) -> None:
        async with running() as screen:
            await screen.show(everyday())
            assert screen.header[0].startswith(" dasktop  tcp://10.1.2.3:41525 · SLURMCluster · adaptive · 4 of 6 jobs")
            assert screen.tree[0].startswith(" ▾ 4709 dask-worker")
            assert any("SLURMCluster-1-3" in line for line in screen.tree)
            assert any("starts about" in line for line in screen.tree)
            keys = (
                "+ add  - remove  s scale…  x release  a adapt…  enter details  T log  / filter  o sort  p pause  * all"
            )
            assert screen.lines_of(KeyLine) == [f" {keys}  ? help  q quit".ljust(120)]

    @pytest.mark.parametrize(
        ("columns", "keys"),
        [
            (80, "+ add  - remove  s scale…  enter details  T log  / filter  ? help  q quit"),
            (60, "+ add  - remove  s scale…  enter details  ? help  q quit"),
        ],
    )
    async def test_narrow_key_line_keeps_viewing_keys(self, columns: int, keys: str) -> None:
        async with running((columns, 24)) as screen:
            await screen.show(everyday())
            assert screen.lines_of(KeyLine)[0].strip() == keys

    async def test_keys_of_pages_are_shown_when_there_is_something_to_show(self) -> None:
        async with running((80, 24)) as screen:
            found = Finding(code="a", severity="error", job_id=None, worker=None, message="it is bad", since=None)
            await screen.show(replace(everyday(), work=work(), findings=(found,)))
            [line] = screen.lines_of(KeyLine)
            assert line.split("details")[1].split()[:6] == ["W", "work", "E", "failures", "F", "findings"]
            await screen.show(replace(everyday(), work=work(failures=()), findings=()))
            [line] = screen.lines_of(KeyLine)
            assert ("W work" in line, "E failures" in line, "F findings" in line) == (True, False, False)

    async def test_jobs_show_as_soon_as_slurm_answers(self) -> None:
        asking = source("dask", state="stale", age_seconds=None, latency_seconds=None)
        jobs = [job("1", evidence=()), pending("2", evidence=())]
        async with running() as screen:
            await screen.show(snapshot(jobs, cluster=NO_CLUSTER, sources=(asking, source("slurm.queue"))))
            assert "asking the scheduler…" in screen.header[0]
            assert [line.split()[0] for line in screen.tree] == ["1", "2"]
            await screen.show(snapshot([replace(jobs[0], evidence=("owner",)), jobs[1]]))
            assert screen.tree[1].startswith(" ▸ 1 other job")

    async def test_empty_cluster_says_so(self) -> None:
        async with running() as screen:
            await screen.show(snapshot([]))
            assert screen.tree == ["   No workers, and no SLURM jobs.".ljust(119)]

    async def test_jobs_fold_automatically_until_the_user_navigates(self) -> None:
        async with running((80, 24)) as screen:
            await screen.show(snapshot([busy_job("1", 0)]))
            assert len(screen.tree) == 5
            many = snapshot([busy_job(str(number), number) for number in range(1, 9)])
            await screen.show(many)
            assert len(screen.tree) == 8
            await screen.pilot.resize_terminal(80, 60)
            await screen.pilot.pause()
            assert len(screen.tree) == 40
            await screen.press("down")
            await screen.pilot.resize_terminal(80, 24)
            await screen.pilot.pause()
            assert len(screen.tree) == 20

    async def test_problem_line_appears_and_disappears(self) -> None:
        async with running() as screen:
            await screen.show(everyday())
            rows = len(screen.tree)
            failed = source("slurm.queue", state="error", error="squeue: error: Unable to contact slurm controller")
            await screen.show(replace(everyday(), sources=(source("dask"), failed)))
            assert screen.header[1].rstrip() == " ! squeue: error: Unable to contact slurm controller"
            assert screen.header[0].rstrip().endswith("slurm error")
            assert len(screen.tree) == rows
            await screen.show(everyday())
            assert len(screen.header) == 1

    async def test_workers_of_a_silent_scheduler_are_stale(self) -> None:
        silent = (source("dask", state="stale", error="timed out"), source("slurm.queue"))
        async with running() as screen:
            await screen.show(snapshot([busy_job("1", 0)], [worker("laptop")]))
            assert sum("running" in line for line in screen.tree) == 5
            await screen.show(snapshot([busy_job("1", 0)], [worker("laptop")], sources=silent))
            assert [line.split()[2] for line in screen.tree if "SLURMCluster" in line] == ["stale"] * 4
            assert not any("running" in line for line in screen.tree)
            await screen.show(snapshot([busy_job("1", 0)], [worker("laptop")]))
            assert sum("running" in line for line in screen.tree) == 5

    async def test_read_only_is_shown(self) -> None:
        async with running((80, 24), read_only=True) as screen:
            await screen.show(everyday())
            assert "read-only" in screen.header[0]

    @pytest.mark.parametrize("size", SIZES)
    async def test_screen_fits_every_size(self, size: tuple[int, int]) -> None:
        async with running(size) as screen:
            await screen.show(everyday())
            assert len(screen.everything) == size[1]
            for line in screen.lines_of(Header) + screen.lines_of(ColumnHeads) + screen.lines_of(KeyLine):
                assert cell_len(line) == size[0]
            [head] = screen.lines_of(ColumnHeads)
            for line in screen.tree:
                for state in ("RUNNING", "PENDING"):
                    if state in line:
                        assert cell_len(line.partition(state)[0]) == head.index("STATE")
                if " 41m " in f"{line} ":
                    assert cell_len(f"{line} ".partition(" 41m ")[0]) + 4 == head.index("LEFT") + 4

    async def test_screen_can_be_ascii(self) -> None:
        async with running((120, 40), unicode=False) as screen:
            await screen.show(everyday())
            assert "".join(screen.everything).isascii()
            await screen.press("question_mark")
            assert str(screen.app.screen.query_one(Static).content).isascii()


class TestHostileText:
    @pytest.mark.parametrize("size", SIZES)
    async def test_hostile_text_keeps_columns_aligned(self, size: tuple[int, int]) -> None:
        jobs = []
        for number, text in enumerate(HOSTILE):
            threads = (thread(number, name=text, task_key=text),)
            here = worker(text, address=f"tcp://{number}", threads=threads, status="running", host=text)
            jobs.append(job(str(number), [task([here], node=text, step_id=text)], name=text, nodes=(text,)))
            jobs.append(pending(str(100 + number), text, name=text))
            jobs.append(ended(str(200 + number), explanation=text))
        shown = snapshot(
            jobs,
            [worker("[/]", host="[/]")],
            cluster=cluster(
                scheduler_address="[/]", owner=replace(cluster().owner, class_name="[@click=app.quit]x[/]")
            ),
            sources=(source("[/]", state="error", error="[@click=app.quit]x[/"),),
        )
        async with running(size) as screen:
            await screen.show(shown)
            await screen.press("asterisk")
            for keys in (["l", "l", "l", "j"], ["G"], ["g"]):
                await screen.press(*keys)
                [head] = screen.lines_of(ColumnHeads)
                for line in screen.everything:
                    assert cell_len(line) in (size[0], size[0] - 1)
                for line in screen.tree:
                    if "RUNNING" in line:
                        assert cell_len(line.partition("RUNNING")[0]) == head.index("STATE")
            await screen.pilot.click(offset=(5, 2))
            await screen.pilot.pause()
            assert screen.app.is_running
            assert "[@click=app.quit]x[/" in screen.header[-1]

    async def test_hostile_text_is_harmless_in_the_picker(self) -> None:
        async with running() as screen:
            hostile = tuple(Candidate(address=text, origin=text, scheduler_id=text) for text in HOSTILE)
            screen.feed.emit(Choice(candidates=hostile, is_needed=True))
            await screen.pilot.pause()
            await screen.pilot.click(Candidates, offset=(1, 2))
            await screen.pilot.pause()
            assert screen.feed.chosen == ["[@click=app.quit]x[/]"]


class TestKeys:
    async def test_one_key_folds_and_unfolds_all(self) -> None:
        shown = snapshot([busy_job("1", 0), busy_job("2", 1)])
        async with running() as screen:
            await screen.show(shown)
            assert len(screen.tree) == 10
            await screen.press("asterisk")
            assert len(screen.tree) == 2
            await screen.press("asterisk")
            assert len(screen.tree) == 10

    async def test_digit_keys_unfold_to_a_level(self) -> None:
        second = busy_job("2", 1)
        shown = snapshot([busy_job("1", 0), replace(second, tasks=(*second.tasks, task(task_id=1)))])
        async with running() as screen:
            await screen.show(shown)
            for level, rows in ((1, 2), (2, 4), (3, 12), (4, 20)):
                await screen.press(str(level))
                assert len(screen.tree) == rows
            assert len(screen.feed.watched[-1]) == 8
            await screen.press("3")
            assert screen.feed.watched[-1] == set()

    async def test_filter_leaves_the_task_of_a_match(self) -> None:
        """Also if it is the only one of several that contains a match."""
        several = job("1", [task([worker("ann")]), task([worker("bob")], task_id=1)])
        async with running() as screen:
            await screen.show(snapshot([several, job("2", [task([worker("bobby")])])]))
            await screen.press("slash", *"bob", "enter")
            assert [" ".join(line.split()[:3]) for line in screen.tree] == [
                "▾ 1 dask-worker",
                "▾ batch.1 n012",
                "▸ bob running",
                "▾ 2 dask-worker",
                "▸ bobby running",
            ]

    async def test_threads_are_read_while_details_show(self) -> None:
        shown = snapshot([busy_job("1", 0)])
        async with running() as screen:
            await screen.show(shown)
            await screen.press("3", "down")
            await screen.show(shown)
            assert screen.feed.watched == [], "selecting a worker does not read its threads"
            await screen.press("enter")
            await screen.show(shown)
            assert len(screen.feed.watched[-1]) == 1
            await screen.press("escape")
            await screen.show(shown)
            assert screen.feed.watched[-1] == set()

    async def test_threads_out_of_sight_are_read_rarely(self) -> None:
        shown = snapshot([busy_job(str(number), number) for number in range(1, 11)])
        async with running() as screen:
            await screen.show(shown)
            await screen.press("4")
            await screen.show(shown)
            workers = [worker.address for job in shown.jobs for worker in job.tasks[0].workers]
            first, last = workers[0], workers[-1]
            assert len(screen.feed.watched[-1]) == 40
            assert (first in screen.feed.hidden, last in screen.feed.hidden) == (False, True)
            await screen.press("G")
            assert len(screen.feed.watched[-1]) == 40
            assert (first in screen.feed.hidden, last in screen.feed.hidden) == (True, False), "without a new snapshot"
            await screen.press("1")
            assert (screen.feed.watched[-1], screen.feed.hidden) == (set(), set())

    async def test_threads_of_any_number_of_workers_can_be_unfolded(self) -> None:
        shown = snapshot([busy_job(str(number), number) for number in range(26)])
        async with running() as screen:
            await screen.show(shown)
            await screen.press("4")
            assert len(screen.feed.watched[-1]) == 104
            assert len(screen.feed.watched[-1] - screen.feed.hidden) < 40, "those that are in sight"

    async def test_clicks_on_column_heads_sort_and_reverse(self) -> None:
        async with running() as screen:
            await screen.show(snapshot([busy_job(str(number + 1), number, 2) for number in range(3)]))
            await screen.press("1")
            [heads] = screen.lines_of(ColumnHeads)
            for column, orders in (("CPU", "321 123"), ("BUSY", "321 123"), ("JOB", "123 321")):
                for order in orders.split():
                    await screen.pilot.click(ColumnHeads, offset=(heads.index(column), 0))
                    await screen.pilot.pause()
                    assert [line.split()[1] for line in screen.tree] == list(order), (column, order)

    async def test_unfolded_worker_has_its_threads_read(self) -> None:
        here = worker("a")
        async with running() as screen:
            await screen.show(snapshot([job("1", [task([here])])]))
            assert screen.feed.watched == []
            await screen.press("down", "right")
            assert screen.feed.watched == [{here.address}]
            assert "threads not read yet" in screen.tree[2]
            await screen.show(snapshot([job("1", [task([replace(here, threads=(thread(7),))])])]))
            assert "Dask-7  inc-8a7f" in screen.tree[2]
            assert len(screen.feed.watched) == 1
            await screen.press("g", "left")
            assert screen.feed.watched[1:] == [set()]
            await screen.press("right")
            assert screen.feed.watched[2:] == [{here.address}]
            await screen.show(snapshot([]))
            assert screen.feed.watched[3:] == [set()]

    async def test_unfolding_scrolls_to_the_children(self) -> None:
        jobs = [busy_job(str(number), number) for number in range(1, 40)]
        async with running((80, 24)) as screen:
            await screen.show(snapshot(jobs))
            table = screen.base.query_one(TreeTable)
            for _ in range(table.size.height - 1):
                await screen.press("down")
            assert table.scroll_offset.y == 0
            await screen.press("right")
            assert [row.kind for row in table.rows[table.scroll_offset.y :][: table.size.height]][-5:] == [
                "job",
                *["worker"] * 4,
            ]

    async def test_threads_that_are_read_later_scroll_into_view(self) -> None:
        jobs = [busy_job(str(number), number) for number in range(1, 20)]
        *others, last = jobs
        here = last.tasks[0].workers[-1]
        known = replace(here, threads=tuple(thread(number) for number in range(4)))
        later = replace(last, tasks=(replace(last.tasks[0], workers=(*last.tasks[0].workers[:-1], known)),))
        async with running((80, 24)) as screen:
            await screen.show(snapshot(jobs))
            await screen.press("end", "right", "end", "right")
            await screen.show(snapshot([*others, later]))
            table = screen.base.query_one(TreeTable)
            assert table.selected.key == ("worker", here.address)
            shown = table.rows[table.scroll_offset.y :][: table.size.height]
            assert [row.kind for row in shown][-5:] == ["worker", *["thread"] * 4]

    async def test_refresh_key_polls_now(self) -> None:
        async with running() as screen:
            await screen.press("r")
            assert screen.feed.refreshes == 1

    @pytest.mark.parametrize("close", ["q", "escape", "question_mark"])
    async def test_help_key_opens_the_help(self, close: str) -> None:
        async with running((80, 24)) as screen:
            await screen.show(everyday())
            await screen.press("question_mark")
            assert isinstance(screen.app.screen, Help)
            assert "fold or unfold" in str(screen.app.screen.query_one(Static).content)
            await screen.show(snapshot([job("77")]))
            assert screen.tree[0].startswith("   77 dask-worker")
            await screen.press(close)
            assert not isinstance(screen.app.screen, Help)
            assert screen.app.is_running

    async def test_a_click_on_a_key_presses_it(self) -> None:
        async with running((200, 40)) as screen:
            await screen.pilot.pause()
            [line] = screen.lines_of(KeyLine)
            await screen.pilot.click(KeyLine, offset=(line.index("refresh"), 0))
            await screen.pilot.pause()
            assert screen.feed.refreshes == 1

    async def test_help_and_quit_are_never_left_out(self) -> None:
        async with running((20, 15)) as screen:
            assert screen.lines_of(KeyLine) == [" ? help  q quit".ljust(20)]

    @pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
    async def test_quit_key_quits(self, key: str) -> None:
        app = running()
        async with app as screen:
            await screen.show(everyday())
            await screen.press(key)
        assert app.feed.stops == 1
        assert app.app.return_code == 0
        assert app.app.failure is None

    async def test_quit_key_works_in_help_and_picker(self) -> None:
        for open_something in (_open_help, _open_picker):
            app = running()
            async with app as screen:
                await open_something(screen)
                await screen.press("ctrl+c")
            assert app.feed.stops == 1


async def _open_help(screen: Screen) -> None:
    await screen.press("question_mark")


async def _open_picker(screen: Screen) -> None:
    screen.feed.emit(Choice(candidates=CANDIDATES, is_needed=True))
    await screen.pilot.pause()


class TestChoiceAndFailure:
    @pytest.mark.parametrize(
        ("keys", "address"),
        [
            (["enter"], "tcp://10.1.2.3:41525"),
            (["down", "enter"], "tcp://10.1.2.3:8786"),
            (["j", "j", "j", "enter"], "tcp://10.1.2.4:8786"),
            (["j", "j", "up", "k", "enter"], "tcp://10.1.2.3:41525"),
        ],
    )
    async def test_chosen_scheduler_is_passed_on(self, keys: list[str], address: str) -> None:
        async with running((80, 24)) as screen:
            await _open_picker(screen)
            assert isinstance(screen.app.screen, Picker)
            await screen.press(*keys)
            assert screen.feed.chosen == [address]
            await screen.show(everyday())
            assert screen.tree

    @pytest.mark.parametrize("key", ["escape", "q"])
    async def test_leaving_the_picker_quits(self, key: str) -> None:
        app = running()
        async with app as screen:
            await _open_picker(screen)
            await screen.press(key)
        assert app.app.return_code == 3
        assert app.app.failure is not None
        assert app.app.failure.message == "3 schedulers found, none chosen"
        assert app.feed.chosen == []
        assert app.feed.stops == 1

    async def test_long_picker_scrolls(self) -> None:
        many = tuple(
            Candidate(address=f"tcp://10.0.0.1:{number}", origin="", scheduler_id=str(number)) for number in range(50)
        )
        async with running((60, 15)) as screen:
            screen.feed.emit(Choice(candidates=many, is_needed=True))
            await screen.pilot.pause()
            await screen.press(*["down"] * 49, "enter")
            assert screen.feed.chosen == ["tcp://10.0.0.1:49"]

    async def test_failure_ends_the_screen(self) -> None:
        app = running()
        failure = Failure(message="no scheduler at tcp://x:1", exit_status=3)
        async with app as screen:
            screen.feed.emit(failure)
            await screen.pilot.pause()
        assert app.app.failure == failure
        assert app.app.return_code == 3
        assert app.feed.stops == 1


class TestPause:
    async def test_pause_stops_updates_until_resumed(self) -> None:
        async with running() as screen:
            await screen.show(snapshot([job("1")]))
            await screen.press("p")
            assert " · paused" in screen.header[0]
            await screen.show(snapshot([job("2")]))
            assert screen.tree[0].split()[:2] == ["1", "dask-worker"]
            await screen.press("p")
            assert screen.tree[0].split()[:2] == ["2", "dask-worker"]
            assert "paused" not in screen.header[0]

    async def test_paused_from_the_start_shows_the_first(self) -> None:
        async with running() as screen:
            await screen.press("p")
            await screen.show(snapshot([job("1")]))
            assert screen.tree[0].split()[:2] == ["1", "dask-worker"]


class TestCopy:
    async def test_copy_key_copies_the_rows_name(self) -> None:
        async with running() as screen:
            await screen.show(snapshot([job("4709", [task([worker("a", threads=(thread(),))])])]))
            for keys, copied in (
                (("g",), "4709"),
                (("j",), worker("a").address),
                (("l", "j"), "inc-8a7f0d5e2c41"),
            ):
                await screen.press(*keys, "y")
                assert screen.app.clipboard == copied

    async def test_key_result_stays_until_the_next_key(self) -> None:
        async with running() as screen:
            await screen.show(everyday())
            for key, message in (("y", "copied, if the terminal allows"), ("t", "no thread selected")):
                await screen.press(key)
                assert screen.lines_of(StatusLine)[0].startswith(f" {message}")
                await screen.press("F")
                assert screen.lines_of(StatusLine) == []
                await screen.press("escape")

    async def test_a_group_has_no_name_to_copy(self) -> None:
        async with running() as screen:
            await screen.show(snapshot([], [worker("stray")]))
            await screen.press("y")
            assert screen.app.clipboard == ""


class TestHistory:
    async def test_totals_show_their_history(self) -> None:
        async with running((109, 40)) as screen:
            for number, cpu in enumerate((0, 600, 1200)):
                shown = snapshot([job("1", [task([worker("a", cpu_percent=float(cpu), nthreads=12)])])])
                shown = replace(shown, taken_at=shown.taken_at + timedelta(seconds=5 * number))
                await screen.show(shown)
            [gauge] = re.findall(r"CPU ([^0-9]*) 100%", screen.header[1])
            assert gauge.strip() == "▁▅█"


class TestRobustness:
    async def test_crash_stops_the_feed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*arguments: object, **options: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr("dasktop.tui.tree.controller.visible_rows", fail)
        monkeypatch.setattr("rich.traceback.Traceback", lambda **options: "")  # takes long: it formats all variables
        app = running()
        with pytest.raises(ZeroDivisionError):
            async with app as screen:
                await screen.show(everyday())
        assert app.feed.stops == 1
        assert app.app.return_code == 1

    async def test_resuming_redraws_everything(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with running() as screen:
            asked: list[dict[str, bool]] = []
            monkeypatch.setattr(DasktopApp, "refresh", lambda app, **how: asked.append(how))
            screen.app.app_resume_signal.publish(screen.app)
            await screen.pilot.pause()
            assert asked == [{"layout": True}]

    async def test_screen_works_without_colours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NO_COLOR", "1")
        async with running((80, 24)) as screen:
            await screen.show(everyday())
            await screen.press("down", "question_mark", "q")
            colours = {
                segment.style.color.name
                for strip in screen.base.query_one(TreeTable).render_lines(Region(0, 0, 80, 20))
                for segment in strip
                if segment.style is not None and segment.style.color is not None
            }
            assert colours <= {"default"}


class TestRedraws:
    async def test_equal_snapshot_draws_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with running() as screen:
            await screen.show(everyday())
            marked = _count_refreshes(monkeypatch)
            await screen.show(everyday())
            assert marked == []

    async def test_one_changed_value_draws_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with running((80, 24)) as screen:
            shown = everyday()
            await screen.show(shown)
            marked = _count_refreshes(monkeypatch)
            busier = cluster(task_counts={"processing": 71, "queued": 1203, "erred": 3})
            await screen.show(replace(shown, cluster=busier))
            assert marked == [(Region(0, 1, 80, 1),)]

    async def test_a_row_is_in_at_most_one_region(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with running() as screen:
            await screen.show(snapshot([busy_job(str(number), number) for number in range(1, 5)]))
            marked = _count_refreshes(monkeypatch)
            await screen.show(snapshot([busy_job(str(number), number + 1) for number in range(1, 5)]))
            regions = [region for regions in marked for region in regions]
            lines = [(y, region.width) for region in regions for y in range(region.y, region.bottom)]
            assert len(set(lines)) == len(lines)

    async def test_newest_snapshot_replaces_unshown_ones(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shown: list[Snapshot] = []
        handler: Callable[[DasktopApp, SnapshotArrived], None] = DasktopApp.on_snapshot_arrived

        def noted(app: DasktopApp, message: SnapshotArrived) -> None:
            shown.append(message.snapshot)
            handler(app, message)

        monkeypatch.setattr(DasktopApp, "on_snapshot_arrived", noted)
        async with running() as screen:
            await screen.show(*(snapshot([job(str(number))]) for number in range(1, 21)))
            assert shown[-1].jobs[0].job_id == "20"
            assert len(shown) < 20
            assert screen.tree[0].startswith("   20 dask-worker")


def _count_refreshes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Region, ...]]:
    """Record from now on the regions that any widget marks as changed."""
    marked: list[tuple[Region, ...]] = []
    refresh = Widget.refresh

    def counted(self: Widget, *regions: Region, repaint: bool = True, **more: bool) -> Widget:
        if repaint:
            marked.append(regions)
        return refresh(self, *regions, repaint=repaint, **more)

    monkeypatch.setattr(Widget, "refresh", counted)
    return marked


async def test_a_resized_page_lists_the_keys_that_fit() -> None:
    async with running((200, 50)) as screen:
        await screen.show(everyday())
        await screen.press("F")
        assert "details" in lines_on(screen.app)[-1]
        await screen.pilot.resize_terminal(60, 15)
        await screen.pilot.pause()
        assert lines_on(screen.app)[-1].endswith("q back   ? help ─╯")


async def test_form_key_types_in_a_text_field() -> None:
    async with running() as screen:
        await screen.show(everyday())
        await screen.press("slash", "a", "s")
        assert screen.app.screen is screen.base
        assert screen.base.query_one(Input).value == "as"
