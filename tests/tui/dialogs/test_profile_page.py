"""The page with a profile: what it asks for, and what it shows of the answer."""

from msgspec.structs import replace

from dasktop.collectors.model.queries import Answer, Profile, ProfiledCall, ProfileOf
from dasktop.tui.dialogs.page import TextView
from dasktop.tui.dialogs.profile_page import ProfilePage
from dasktop.tui.dialogs.work_page import WorkPage
from tests.support.screen import HOSTILE, Screen, running
from tests.support.snapshots import busy_job, snapshot, worker
from tests.support.work import running_task, work

RUNNING = worker("SLURMCluster-0-1").address
SHOWN = replace(
    snapshot([busy_job("4709", 0, processes=2)], [worker("laptop")]),
    work=work(running=(running_task(address=RUNNING),)),
)


def shown(screen: Screen) -> str:
    view = screen.app.screen.query_one(TextView)
    return "\n".join(view.render_line(y).text.rstrip() for y in range(view.size.height)).strip()


async def test_profile_of_a_job_is_read_on_the_key_and_again() -> None:
    async with running((80, 24)) as screen:
        await screen.show(SHOWN)
        assert screen.feed.questions == [], "only on the key"
        await screen.press("P")
        [question] = screen.feed.questions
        assert isinstance(question, ProfileOf)
        assert (len(question.worker_addresses), question.task_name) == (2, None)
        assert shown(screen) == "asking 2 workers…"
        call = ProfiledCall(name=HOSTILE[0], file=None, line=None, samples=100, own_samples=100)
        profile = Profile(seconds=600.0, workers=2, samples=100, calls=(call,))
        screen.feed.emit(Answer(question=question, profile=profile))
        await screen.pilot.pause()
        assert f"100 %  100 %  {HOSTILE[0]}  tasks" in shown(screen)
        await screen.press("r")
        assert screen.feed.questions == [question] * 2
        screen.feed.emit(Answer(question=question, error="the scheduler is not connected"))
        await screen.pilot.pause()
        assert shown(screen) == "! the scheduler is not connected"
        await screen.press("q")
        assert screen.app.screen is screen.base


async def test_profile_of_a_task_name_asks_workers_that_run_it_first() -> None:
    async with running((80, 24)) as screen:
        await screen.show(SHOWN)
        await screen.press("W")
        assert isinstance(screen.app.screen, WorkPage)
        await screen.press("P")
        assert isinstance(screen.app.screen, WorkPage), "a computation has no profile"
        await screen.press("2", "j", "P")
        assert isinstance(screen.app.screen, ProfilePage)
        [question] = screen.feed.questions
        assert isinstance(question, ProfileOf)
        assert question.task_name == "regrid"
        assert (question.worker_addresses[0], len(question.worker_addresses)) == (RUNNING, 3)
