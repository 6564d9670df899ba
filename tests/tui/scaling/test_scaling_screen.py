"""The scaling keys on the screen: their plans, confirmations, and requests to the feed."""

import sys
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace
from textual.geometry import Region
from textual.widgets import Input

from dasktop.collectors.analysis.findings import find
from dasktop.collectors.model.feed import Notice
from dasktop.collectors.model.plan import Outcome, Progress
from dasktop.collectors.model.snapshot import Adaptive, Finding, Job, Snapshot, Worker
from dasktop.tui.dialogs.dialog import Question
from dasktop.tui.dialogs.help import Help
from dasktop.tui.scaling.form import AdaptForm, ScaleForm
from dasktop.tui.scaling.plan_box import PlanBox
from dasktop.tui.terminal.display_sync import Seen
from dasktop.tui.tree.table import TreeTable
from dasktop.tui.widgets.footer import KeyLine
from dasktop.tui.widgets.header import FindingsBanner
from dasktop.tui.widgets.status_line import StatusLine
from tests.support.screen import HOSTILE, SIZES, Screen, running
from tests.support.snapshots import GIB, busy_job, cluster, ended, job, pending, snapshot, source, task, worker

LONG_AGO = timedelta(minutes=5)


def of_jobs(*jobs: Job, taken: timedelta = -LONG_AGO, adaptive: Adaptive | None = None, age: float = 0.1) -> Snapshot:
    """Return a cluster of these jobs, all counted by its owner as SLURMCluster-0, -1, …"""
    owner = cluster().owner
    assert owner is not None
    names = {f"SLURMCluster-{number}": job.job_id for number, job in enumerate(jobs) if job.evidence}
    shown = snapshot(
        jobs,
        taken_at=datetime.now(UTC) + taken,
        cluster=cluster(owner=replace(owner, adaptive=adaptive, job_ids=names)),
        sources=(source("dask", age_seconds=age), source("slurm.queue", age_seconds=age)),
    )
    found, _ = find(shown)
    return replace(shown, findings=found)


def of(number: int, **values: object) -> Snapshot:
    """Return a cluster of so many running jobs: 4700, 4701, …"""
    return of_jobs(*(busy_job(f"{4700 + index}", index) for index in range(number)), **values)


def news(number: int) -> Snapshot:
    """Return the same snapshot, with both sources just read."""
    return of(number, taken=timedelta(seconds=1), age=0.0)


def done(message: str = "submitted job 4799", **values: object) -> Outcome:
    return replace(Outcome(done=True, message=message), **values)


def idle(number: int) -> Worker:
    return worker(f"w{number}", executing=0, queued=0, stored=0)


def agreeable_from(screen: Screen) -> float:
    assert isinstance(screen.app.screen, PlanBox)
    since = screen.app.screen.agreeable_from
    assert since is not None
    return since


async def deliver(screen: Screen, *events: Progress | Outcome) -> None:
    screen.feed.emit(*events)
    await screen.pilot.pause()
    await screen.pilot.pause()


def status_text(screen: Screen) -> str:
    return " ".join(line.strip() for line in screen.lines_of(StatusLine)).strip()


def text_of(screen: Screen) -> str:
    """Return the text of the open dialog."""
    return "\n".join(str(static.render()) for static in screen.app.screen.query("Static"))


class TestAddJob:
    async def test_adding_a_job_needs_no_confirmation(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("+")
            (plan,) = screen.feed.plans
            assert (plan.submit, plan.release, plan.after.jobs) == (1, (), 3)
            assert "add 1 job" in status_text(screen)
            assert "esc cancels" in status_text(screen)

    async def test_equals_key_adds_a_job_too(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("=")
            assert len(screen.feed.plans) == 1

    async def test_further_presses_become_one_plan(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("+", "+", "+")
            assert len(screen.feed.plans) == 1
            assert "then add 2 jobs" in status_text(screen)
            await deliver(screen, Progress(step="submit", message="submitting 1"))
            assert "then add 2 jobs" in status_text(screen)
            assert "submitting 1" in status_text(screen)
            await deliver(screen, done())
            await screen.show(of(2))  # read before
            assert len(screen.feed.plans) == 1
            half = replace(news(3), sources=(source("dask", age_seconds=0.0), source("slurm.queue", age_seconds=30.0)))
            await screen.show(half)
            assert len(screen.feed.plans) == 1
            await screen.show(news(3))
            assert [plan.submit for plan in screen.feed.plans] == [1, 2]
            assert screen.feed.plans[1].before.jobs == 3

    async def test_a_press_right_after_the_end_waits_too(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("+")
            await deliver(screen, done())
            await screen.press("+")
            assert len(screen.feed.plans) == 1
            await screen.show(news(3))
            assert screen.feed.plans[1].after.jobs == 4

    async def test_waiting_press_is_sent_after_a_while(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("+")
            await deliver(screen, done())
            await screen.press("+")
            await screen.show(of(2, taken=timedelta(seconds=40), age=60.0))
            assert len(screen.feed.plans) == 2

    async def test_refusal_drops_further_presses(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("+", "+")
            await deliver(screen, Outcome(done=False, message="sbatch: error: no such partition"))
            await screen.show(news(2))
            assert len(screen.feed.plans) == 1
            assert status_text(screen) == "sbatch: error: no such partition"

    async def test_escape_drops_waiting_presses(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("+", "+", "escape")
            assert screen.feed.cancellations == 1
            await deliver(screen, done())
            await screen.show(news(3))
            assert len(screen.feed.plans) == 1

    async def test_presses_before_the_first_snapshot_are_kept(self) -> None:
        async with running() as screen:
            await screen.press("+", "+")
            assert screen.feed.plans == []
            await screen.show(of(2))
            assert [plan.submit for plan in screen.feed.plans] == [2]

    async def test_warnings_are_shown(self) -> None:
        async with running((300, 40)) as screen:
            await screen.show(of(2, adaptive=Adaptive(minimum=0, maximum=8)))
            await screen.press("+")
            await deliver(screen, done())
            assert status_text(screen).startswith("submitted job 4799 ! adaptive scaling is on")


class TestRemoveJob:
    async def test_removing_a_job_shows_its_plan_first(self) -> None:
        async with running() as screen:
            await screen.show(of(3))
            await screen.press("-")
            assert isinstance(screen.app.screen, PlanBox)
            assert "remove 1 job: release 1 job" in text_of(screen)
            assert screen.feed.plans == []
            await screen.press("y")
            (plan,) = screen.feed.plans
            assert (plan.submit, len(plan.release)) == (0, 1)
            assert plan.release[0].job_id in text_of(screen) or not isinstance(screen.app.screen, PlanBox)

    @pytest.mark.parametrize("key", ["n", "escape", "q"])
    async def test_declined_plan_changes_nothing(self, key: str) -> None:
        async with running() as screen:
            await screen.show(of(3))
            await screen.press("-", key)
            assert screen.app.screen is screen.base
            assert screen.feed.plans == []

    @pytest.mark.parametrize("key", ["enter", "space", "plus", "x"])
    async def test_only_y_confirms(self, key: str) -> None:
        async with running() as screen:
            await screen.show(of(3))
            await screen.press("-", key)
            assert screen.feed.plans == []

    async def test_without_jobs_nothing_can_be_removed(self) -> None:
        async with running() as screen:
            await screen.show(of_jobs())
            await screen.press("-")
            assert status_text(screen) == "remove 1 job: there is no job to remove"

    async def test_shown_plan_is_the_executed_plan(self) -> None:
        async with running() as screen:
            await screen.show(of(3))
            await screen.press("-")
            await screen.show(of_jobs(busy_job("4700", 0), pending("4715")))
            assert "the cluster has changed; this is the updated plan" in text_of(screen)
            since = agreeable_from(screen)
            await screen.press_at(since - 0.01, "y")  # meant for the plan before
            assert screen.feed.plans == []
            await screen.press_at(since, "y")
            (plan,) = screen.feed.plans
            assert [victim.job_id for victim in plan.release] == ["4715"]
            assert screen.feed.agreed == [plan.identity]

    async def test_key_before_drawing_confirms_nothing(self) -> None:
        """Even if it is read late: over a slow connection it arrives when the plan has been on the screen for long."""
        async with running() as screen:
            await screen.show(of(3))
            await screen.press("-")
            await screen.press_at(agreeable_from(screen) - 0.001, "y")
            assert screen.feed.plans == []
            await screen.press("y")
            assert len(screen.feed.plans) == 1

    async def test_invisible_plan_cannot_be_confirmed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        drawn: list[Seen] = []
        async with running() as screen:
            await screen.show(of(3))
            monkeypatch.setattr(screen.app, "when_seen", drawn.append)
            await screen.pilot.press("-")
            await screen.press_at(float("inf"), "y")
            assert screen.feed.plans == []
            while not drawn:
                await screen.pilot.pause()
            for seen in drawn:
                seen(100.0)
            await screen.press_at(99.9, "y")
            assert screen.feed.plans == []
            await screen.press_at(100.1, "y")
            assert len(screen.feed.plans) == 1

    async def test_changed_plan_must_be_seen_before_confirming(self) -> None:
        async with running() as screen:
            await screen.show(of(3))
            await screen.press("-", "question_mark")
            await screen.show(of_jobs(busy_job("4700", 0), pending("4715")))
            box = next(box for box in screen.app.screen_stack if isinstance(box, PlanBox))
            assert box.agreeable_from is None
            await screen.press("escape")
            assert box.agreeable_from is not None

    async def test_changed_figures_need_no_new_confirmation(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("-")
            await screen.show(of(2, taken=-timedelta(minutes=4)))
            assert "has changed" not in text_of(screen)
            await screen.press("y")
            assert len(screen.feed.plans) == 1

    async def test_plan_keeps_jobs_while_others_are_equal(self) -> None:
        """Running tasks change every second: a plan that changed with them could not be read and confirmed."""

        def seen(*executing: int) -> Snapshot:
            jobs = [
                job(f"{4700 + number}", [task([worker(f"w{number}", executing=tasks)])])
                for number, tasks in enumerate(executing)
            ]
            return of_jobs(*jobs)

        async with running() as screen:
            await screen.show(seen(1, 2, 3))
            await screen.press("-")
            await screen.show(seen(3, 2, 1))
            assert "4700" in text_of(screen)
            assert "has changed" not in text_of(screen)
            await screen.show(of_jobs(*seen(3, 2).jobs, job("4702", [task([worker("w2", executing=0, queued=0)])])))
            assert "4702" in text_of(screen)
            assert "has changed" in text_of(screen)

    async def test_plan_that_became_empty_cannot_be_confirmed(self) -> None:
        async with running() as screen:
            await screen.show(of(1))
            await screen.press("-")
            await screen.show(of_jobs())
            assert "there is no job to remove" in text_of(screen)
            await screen.press("y")
            assert screen.feed.plans == []
            await screen.press("n")
            assert screen.app.screen is screen.base


class TestImpossiblePlan:
    """The only job holds results, which would be lost."""

    def seen(self, stored: int) -> Snapshot:
        return of_jobs(job("4700", [task([worker("w", executing=0, queued=0, stored=stored)])]))

    async def test_impossible_plan_shows_its_reason(self) -> None:
        async with running() as screen:
            await screen.show(self.seen(5))
            await screen.press("-")
            assert "! cannot be done: no worker remains to take the 5 results" in text_of(screen)
            box = screen.app.screen.query_one(".box")
            assert box.border_title == "Not possible"
            assert "apply" not in str(box.border_subtitle)
            await screen.press("y")
            assert screen.feed.plans == []
            await screen.show(self.seen(0))
            assert box.border_title == "Apply this plan?"
            assert "y apply" in str(box.border_subtitle)
            await screen.press("y")
            assert len(screen.feed.plans) == 1

    async def test_impossible_plan_is_not_offered_in_form(self) -> None:
        async with running() as screen:
            await screen.show(self.seen(5))
            await screen.press("s")
            box = screen.app.screen.query_one(".box")
            assert "enter apply" in str(box.border_subtitle)
            await screen.press("0")
            assert "! cannot be done: no worker remains" in text_of(screen)
            assert "apply" not in str(box.border_subtitle)
            await screen.press("enter")
            assert isinstance(screen.app.screen, ScaleForm)
            await screen.show(self.seen(0))
            assert "enter apply" in str(box.border_subtitle)
            await screen.press("enter", "y")
            assert len(screen.feed.plans) == 1


class TestRelease:
    @pytest.mark.parametrize("downs", [0, 1, 4], ids=["job", "worker", "worker"])
    async def test_selected_job_is_released(self, downs: int) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press(*["down"] * downs, "x")
            assert "release 4700: release 1 job" in text_of(screen)
            await screen.press("y")
            assert [victim.why for victim in screen.feed.plans[0].release] == ["chosen"]

    async def test_thread_row_releases_its_job(self) -> None:
        from tests.support.snapshots import thread

        held = worker("SLURMCluster-0-0", threads=(thread(),), evidence="owner")
        shown = of_jobs(job("4700", [task([held])]), busy_job("4701", 1))
        async with running() as screen:
            await screen.show(shown)
            await screen.press("down", "right", "down", "x")
            assert "release 4700" in text_of(screen)

    async def test_marked_jobs_are_released_together(self) -> None:
        async with running() as screen:
            await screen.show(of(4))
            await screen.press("asterisk", "m", "down", "m")
            assert [line[:7] for line in screen.tree] == ["*▸ 4700", " ▸ 4701", "*▸ 4702", " ▸ 4703"]
            await screen.press("x", "y")
            assert [victim.job_id for victim in screen.feed.plans[0].release] == ["4700", "4702"]

    async def test_mark_key_also_unmarks(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("m", "up", "m")
            assert not any(line.startswith("*") for line in screen.tree)
            await screen.press("m", "escape")
            assert not any(line.startswith("*") for line in screen.tree)

    async def test_escape_clears_message_and_marks(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("m", "y")
            assert status_text(screen)
            await screen.press("escape")
            assert not any(line.startswith("*") for line in screen.tree)
            assert not status_text(screen)

    async def test_a_mark_ends_with_its_job(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("m")
            await screen.show(of_jobs(ended("4700"), busy_job("4701", 1)))
            await screen.press("end", "x")
            assert (
                status_text(screen)
                == "job 4700 has already ended (reached its time limit of 1 h): --replace-lost replaces it"
            )

    async def test_rows_outside_jobs_release_nothing(self) -> None:
        async with running() as screen:
            await screen.show(replace(of_jobs(), unplaced_workers=(worker("laptop", evidence=None),)))
            await screen.press("x", "down", "x", "m")
            assert screen.app.screen is screen.base
            assert screen.feed.plans == []

    async def test_another_job_of_the_user_is_refused(self) -> None:
        async with running() as screen:
            await screen.show(of_jobs(busy_job("4700", 0), job("4650", name="jupyter", evidence=(), tasks=())))
            await screen.press("end", "right", "down", "x")
            assert "is not known to belong to this cluster" in status_text(screen)

    async def test_a_job_of_another_user_is_refused(self) -> None:
        async with running(user="alice") as screen:
            await screen.show(of_jobs(busy_job("4700", 0, user="bob")))
            await screen.press("x")
            assert status_text(screen) == "job 4700 belongs to bob: dasktop changes only jobs of alice"


class TestReplaceLost:
    async def test_without_lost_jobs_nothing_is_replaced(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("L")
            assert status_text(screen) == "no job is lost"

    async def test_one_lost_job_is_replaced_at_once(self) -> None:
        async with running() as screen:
            await screen.show(of_jobs(ended("4700"), busy_job("4701", 1)))
            (band,) = screen.lines_of(FindingsBanner)
            assert band.startswith(" ! job 4700 is lost (reached its time limit of 1 h at ")
            assert "· L replaces it" in band
            await screen.press("L")
            assert [lost.job_id for lost in screen.feed.plans[0].replace] == ["4700"]

    async def test_job_that_failed_soon_needs_confirmation(self) -> None:
        dead = ended("4700", "FAILED", "failed with exit code 127")
        assert dead.fate is not None
        dead = replace(dead, started_at=dead.fate.ended_at, fate=replace(dead.fate, exit_code=127))
        async with running() as screen:
            await screen.show(of_jobs(dead, busy_job("4701", 1)))
            await screen.press("L")
            assert "! the script of 4700 may fail again" in text_of(screen)
            assert screen.feed.plans == []
            await screen.press("y")
            assert [lost.job_id for lost in screen.feed.plans[0].replace] == ["4700"]

    async def test_several_lost_jobs_need_confirmation(self) -> None:
        async with running() as screen:
            await screen.show(of_jobs(ended("4700"), ended("4701"), busy_job("4702", 2)))
            await screen.press("L")
            assert "submit 2 jobs to replace the lost ones" in text_of(screen)
            await screen.press("y")
            assert screen.feed.plans[0].submit == 2


class TestForm:
    async def values(self, screen: Screen) -> dict[str, str]:
        return {field.id or "": field.value for field in screen.app.screen.query(Input)}

    async def test_form_starts_with_the_current_size(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("s")
            assert isinstance(screen.app.screen, ScaleForm)
            assert await self.values(screen) == {"jobs": "2", "cores": "24", "memory": "32 GiB"}
            assert "2 jobs: nothing to do" in text_of(screen)

    async def test_plan_follows_the_input(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("s", "4")
            assert "4 jobs: submit 2 jobs" in text_of(screen)
            assert await self.values(screen) == {"jobs": "4", "cores": "48", "memory": "64 GiB"}
            await screen.press("tab", "3", "0")
            assert "30 cores need 3 jobs of 12" in text_of(screen)
            assert await self.values(screen) == {"jobs": "3", "cores": "30", "memory": "48 GiB"}
            await screen.press("tab", *"70GiB")
            assert "70 GiB need 5 jobs of 16 GiB" in text_of(screen)
            assert (await self.values(screen))["jobs"] == "5"
            await screen.press("enter")
            assert screen.app.screen is screen.base
            assert screen.feed.plans[0].submit == 3

    async def test_shrinking_by_form_needs_confirmation(self) -> None:
        async with running() as screen:
            await screen.show(of(3))
            await screen.press("s", "1", "enter")
            assert isinstance(screen.app.screen, PlanBox)
            assert screen.feed.plans == []
            await screen.press("y")
            assert len(screen.feed.plans[0].release) == 2

    @pytest.mark.parametrize(
        ("keys", "message"),
        [
            (("backspace",), "a number is missing, such as 12"),
            (("tab", "tab", *"lots"), "'lots' is not an amount of memory"),
            (("tab", "tab", *"0GB"), "'0GB' is not an amount of memory"),
            (("tab", "tab", *"200"), "'200' has no unit; write an amount such as 200GB or 64GiB"),
        ],
    )
    async def test_invalid_input_is_reported(self, keys: tuple[str, ...], message: str) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("s", *keys)
            assert f"! {message}" in text_of(screen)
            await screen.press("enter")
            assert isinstance(screen.app.screen, ScaleForm)
            await screen.press("escape")
            assert screen.feed.plans == []

    async def test_number_fields_refuse_letters(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("s", *"q4x")
            assert (await self.values(screen))["jobs"] == "4"

    async def test_unchanged_size_says_nothing_to_do(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("s", "2", "enter")
            assert status_text(screen) == "2 jobs: nothing to do"

    async def test_burst_of_keys_is_not_lost(self) -> None:
        """As over a slow connection: Textual's `press` waits between keys, this does not."""
        from textual import events

        async with running() as screen:
            await screen.show(of(2))
            for key in ("s", "4", "tab", "6", "0", "enter"):
                screen.app.post_message(events.Key(key, key if len(key) == 1 else None))
            await screen.pilot.pause()
            await screen.pilot.pause()
            await screen.pilot.pause()
            assert [plan.target for plan in screen.feed.plans] == ["60 cores"]

    async def test_plan_follows_the_snapshots(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("s", "4")
            await screen.show(of(3))
            assert "4 jobs: submit 1 job" in text_of(screen)


class TestAdapt:
    async def test_bounds_are_set(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("a")
            assert isinstance(screen.app.screen, AdaptForm)
            await screen.press("2", "tab", "5", "enter")
            assert screen.feed.plans[0].adapt == Adaptive(minimum=2, maximum=5)

    async def test_lower_minimum_needs_confirmation(self) -> None:
        """Adaptive scaling releases idle jobs, at once or later."""
        async with running() as screen:
            shown = of_jobs(*(job(f"{4700 + number}", [task([idle(number)])]) for number in range(4)))
            await screen.show(replace(shown, cluster=replace(shown.cluster, task_counts={})))
            await screen.press("a", "2", "tab", "4", "enter")
            assert isinstance(screen.app.screen, PlanBox)
            assert screen.feed.plans == []
            assert "which releases 2 jobs immediately" in text_of(screen)
            assert "then" in text_of(screen)
            await screen.press("y")
            assert screen.feed.plans[0].adapt == Adaptive(minimum=2, maximum=4)

    async def test_current_bounds_are_shown_in_jobs(self) -> None:
        async with running() as screen:
            await screen.show(of(2, adaptive=Adaptive(minimum=4, maximum=20)))
            await screen.press("a")
            assert [field.value for field in screen.app.screen.query(Input)] == ["1", "5"]
            assert "already has these bounds" in text_of(screen)

    async def test_unlimited_maximum_can_be_seen_and_changed(self) -> None:
        """As after ``cluster.adapt(maximum=sys.maxsize)``."""
        async with running() as screen:
            await screen.show(of(2, adaptive=Adaptive(minimum=0, maximum=sys.maxsize)))
            await screen.press("a")
            assert "is not a whole number" in text_of(screen)
            await screen.show(news(2))
            await screen.press("enter")
            assert isinstance(screen.app.screen, AdaptForm)
            await screen.press("tab", "ctrl+u", "5", "enter", "y")
            assert screen.feed.plans[0].adapt == Adaptive(minimum=0, maximum=5)

    async def test_empty_maximum_means_unlimited(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("a", "tab", "backspace", "enter", "y")
            assert screen.feed.plans[0].adapt == Adaptive(minimum=0, maximum=None)

    async def test_maximum_below_current_jobs_needs_confirmation(self) -> None:
        async with running() as screen:
            await screen.show(of(3))
            await screen.press("a", "tab", "1", "enter")
            assert isinstance(screen.app.screen, PlanBox)
            assert "without waiting for running tasks" in text_of(screen)

    async def test_adaptive_scaling_can_be_turned_off(self) -> None:
        async with running() as screen:
            await screen.show(of(2, adaptive=Adaptive(minimum=4, maximum=20)))
            await screen.press("a", "o")
            assert "turn adaptive scaling off" in text_of(screen)
            await screen.press("y")
            assert screen.feed.plans[0].stop_adapting

    async def test_turning_off_twice_is_refused(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("a", "o")
            assert status_text(screen) == "adaptive scaling is already off"

    async def test_without_cluster_object_it_is_refused(self) -> None:
        async with running() as screen:
            shown = of(2)
            await screen.show(replace(shown, cluster=replace(shown.cluster, owner=None)))
            await screen.press("a")
            assert "it cannot scale adaptively" in text_of(screen)


class TestRunningOperation:
    async def test_one_plan_at_a_time(self) -> None:
        async with running() as screen:
            await screen.show(of(3))
            await screen.press("-", "y")
            for key in ("-", "s", "x", "L", "a"):
                await screen.press(key)
                assert screen.app.screen is screen.base
                assert status_text(screen).startswith("another scaling operation is running")
            assert len(screen.feed.plans) == 1

    async def test_progress_takes_one_line_and_outcome_several(self) -> None:
        async with running((80, 24)) as screen:
            await screen.show(of(3))
            await screen.press("-", "y")
            await deliver(screen, Progress(step="drain", message="tasks " * 40))
            (line,) = screen.lines_of(StatusLine)
            assert line.rstrip().endswith("…  esc cancels")
            await deliver(screen, Progress(step="done", message="done"), Outcome(done=False, message="words " * 30))
            assert len(screen.lines_of(StatusLine)) == 3
            await deliver(screen, Outcome(done=False, message="words " * 90))
            assert len(screen.lines_of(StatusLine)) == 3
            assert screen.lines_of(StatusLine)[2].rstrip().endswith("…")
            await screen.press("escape")
            assert screen.lines_of(StatusLine) == []

    async def test_escape_cancels_the_operation(self) -> None:
        async with running() as screen:
            await screen.show(of(3))
            await screen.press("-", "y", "escape")
            assert screen.feed.cancellations == 1
            assert status_text(screen) == "cancelling…"

    async def test_outdated_plan_is_shown_again(self) -> None:
        async with running() as screen:
            await screen.show(of(3))
            await screen.press("-", "y")
            await deliver(screen, Outcome(done=False, message="the cluster has 2 jobs now", is_outdated=True))
            await screen.show(of(3))
            assert screen.app.screen is screen.base
            await screen.show(news(2))
            assert "! the cluster has 2 jobs now" in text_of(screen)
            assert "remove 1 job" in text_of(screen)
            await screen.press("y")
            assert screen.feed.plans[1].before.jobs == 2

    async def test_quitting_asks_first(self) -> None:
        async with running() as screen:
            await screen.show(of(3))
            await screen.press("-", "y", "q")
            assert isinstance(screen.app.screen, Question)
            await screen.press("n")
            assert screen.feed.cancellations == 0
            await screen.press("ctrl+c", "y")
            assert screen.feed.cancellations == 1
            assert screen.app.is_running
            await deliver(screen, Outcome(done=False, message="interrupted"))
            assert not screen.app.is_running

    async def test_quitting_twice_does_not_wait(self) -> None:
        async with running() as screen:
            await screen.show(of(3))
            await screen.press("-", "y", "q", "y", "q")
            assert not screen.app.is_running

    async def test_operation_may_end_during_the_question(self) -> None:
        async with running() as screen:
            await screen.show(of(3))
            await screen.press("-", "y", "q")
            await deliver(screen, done())
            assert screen.app.is_running
            await screen.press("y")
            assert not screen.app.is_running
            assert screen.feed.cancellations == 0


class TestInterruptedOperation:
    async def test_interrupted_operation_is_reported(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            screen.feed.emit(Notice(message="a dasktop ended in the middle of '1 job'"))
            await screen.pilot.pause()
            assert status_text(screen) == "a dasktop ended in the middle of '1 job'"

    async def test_running_operation_hides_the_report(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("+")
            screen.feed.emit(Notice(message="a dasktop ended in the middle of '1 job'"))
            await screen.pilot.pause()
            assert "add 1 job" in status_text(screen)


class TestPaused:
    async def test_plans_use_current_data_while_paused(self) -> None:
        async with running() as screen:
            await screen.show(of(2))
            await screen.press("p")
            await screen.show(of(3))
            await screen.press("plus")
            assert [plan.before.jobs for plan in screen.feed.plans] == [3]


class TestReadOnly:
    async def test_no_key_changes_anything(self) -> None:
        async with running((300, 40), read_only=True) as screen:
            await screen.show(of_jobs(ended("4700"), busy_job("4701", 1)))
            await screen.press("+", "-", "s", "x", "m", "L", "a")
            assert screen.app.screen is screen.base
            assert screen.feed.plans == []
            assert not {"+", "-", "s", "x", "L", "a"} & set(screen.lines_of(KeyLine)[0].split())
            assert "L replaces" not in screen.lines_of(FindingsBanner)[0]
            assert "dasktop scale --replace-lost" in screen.lines_of(FindingsBanner)[0]
            assert "read-only" in screen.header[0]
            await screen.press("question_mark")
            assert isinstance(screen.app.screen, Help)
            assert "release" not in text_of(screen)

    async def test_help_lists_scaling_keys_otherwise(self) -> None:
        async with running() as screen:
            await screen.press("question_mark")
            assert "release the selected or marked jobs" in text_of(screen)


class TestEverySize:
    @pytest.mark.parametrize("size", SIZES)
    @pytest.mark.parametrize("keys", [("-",), ("s",), ("a",), ("s", "1", "enter")])
    async def test_dialogs_stay_on_the_screen(self, size: tuple[int, int], keys: tuple[str, ...]) -> None:
        async with running(size) as screen:
            await screen.show(of(12))
            await screen.press(*keys)
            box = screen.app.screen.query(".box").first()
            assert Region(0, 0, *size).contains_region(box.region)
            assert box.border_subtitle

    @pytest.mark.parametrize("size", [(60, 15), (80, 24)])
    async def test_the_tree_keeps_room(self, size: tuple[int, int]) -> None:
        findings = tuple(
            Finding(code=str(n), severity="warning", job_id=None, worker=None, message=f"number {n}", since=None)
            for n in range(9)
        )
        async with running(size) as screen:
            await screen.show(replace(of(2), findings=findings))
            band = screen.lines_of(FindingsBanner)
            assert len(band) == size[1] // 12
            assert band[-1].rstrip().endswith(f"(+{9 - len(band)} more: F)")
            assert screen.base.query_one(TreeTable).size.height >= 9


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_texts_are_shown_harmlessly(text: str) -> None:
    shown = of_jobs(busy_job("4700", 0, user=text), pending("4715", text, name=text))
    finding = Finding(code="x", severity="error", job_id=None, worker=None, message=text, advice=text, since=None)
    async with running((80, 24)) as screen:
        await screen.show(replace(shown, findings=(finding,)))
        await screen.press("+")
        await deliver(screen, Progress(step=text, message=text))
        await deliver(screen, Outcome(done=False, message=text, is_outdated=True))
        await screen.show(replace(shown, taken_at=datetime.now(UTC) + timedelta(seconds=60)))
        assert isinstance(screen.app.screen, PlanBox)
        await screen.press("n", "s", "escape")
        assert screen.app.screen is screen.base


async def test_form_accepts_unround_memory() -> None:
    shown = of_jobs(busy_job("4700", 0))
    owner = shown.cluster.owner
    assert owner is not None
    odd = replace(shown, cluster=replace(shown.cluster, owner=replace(owner, memory_per_job_bytes=GIB + 12_345)))
    async with running() as screen:
        await screen.show(odd)
        await screen.press("s", "2", "enter")
        assert screen.feed.plans[0].submit == 1
