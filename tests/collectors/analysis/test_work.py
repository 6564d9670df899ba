"""The work, completed: jobs of workers that are or were there, and causes of attempts."""

from dasktop.collectors.analysis.work import RunningTasks, completed_work
from dasktop.collectors.model.work import Attempt, Progress, Work
from tests.support.snapshots import job, task, thread, worker
from tests.support.work import attempt, failure, running_task, task_name, work

HERE, GONE = "tcp://10.1.0.7/SLURMCluster-0-0", "tcp://10.1.0.9/SLURMCluster-7"


def no_end(_: Attempt) -> None:
    """Know no cause."""


def test_unknown_work_stays_unknown() -> None:
    assert completed_work(None, {}, no_end) is None


def test_unknown_parts_stay_unknown() -> None:
    shown = completed_work(work(running=None, failures=None), {}, no_end)
    assert shown is not None
    assert (shown.running, shown.failures) == (None, None)


def test_jobs_by_address() -> None:
    failed = failure(address=GONE, attempts=(attempt(address=HERE), attempt(address=GONE), attempt(address=None)))
    given = work(running=(running_task(job_id=None),), failures=(failed,))
    shown = completed_work(given, {HERE: "4711", GONE: "4709"}, no_end)
    assert shown is not None
    assert [task.job_id for task in shown.running or ()] == ["4711"]
    [one] = shown.failures or ()
    assert one.job_id == "4709"
    assert [each.job_id for each in one.attempts] == ["4711", "4709", None]


def test_cause_of_each_attempt_with_its_job() -> None:
    given = work(failures=(failure(attempts=(attempt(address=HERE), attempt(address=GONE, cause="known"))),))
    shown = completed_work(given, {HERE: "4711"}, lambda each: f"job {each.job_id} ended")
    assert shown is not None
    [one] = shown.failures or ()
    assert [each.cause for each in one.attempts] == ["job 4711 ended", "known"]


def with_erred_tasks(**values: object) -> Work:
    """Return work with six erred tasks, which the scheduler counts together: two failed, and four need them."""
    names = (task_name("load", states={"erred": 2}), task_name(states={"erred": 4, "processing": 9}))
    failed = tuple(failure(f"load-{number}", task_name="load", blocks=2) for number in range(2))
    reported = Progress(done=40, total=100, failed=None, blocked=None, erred=6)
    shown = completed_work(work(**{"task_names": names, "failures": failed, "progress": reported} | values), {}, no_end)
    assert shown is not None
    return shown


def test_progress_tells_failed_from_blocked_tasks() -> None:
    progress = with_erred_tasks().progress
    assert (progress.failed, progress.blocked, progress.erred) == (2, 4, 6)


def test_progress_has_no_split_that_is_unknown() -> None:
    for failures in (None, (), (failure("load-0", task_name="load", blocks=2),)):
        progress = with_erred_tasks(failures=failures).progress
        assert (progress.failed, progress.blocked, progress.erred) == (None, None, 6)


def test_threads_know_what_is_typical() -> None:
    running = RunningTasks(work(task_names=(task_name(seconds_mean=2.5),)))
    threads = (thread(1, task_name="regrid"), thread(2, task_name="gone"), thread(3, task_key=None))
    [busy, other] = running.in_workers((worker(threads=threads), worker("SLURMCluster-1-0")))
    assert [one.typical_seconds for one in busy.threads] == [2.5, None, None]
    assert other == worker("SLURMCluster-1-0")
    [held] = running.in_job(job("1", [task([worker(threads=threads)])])).tasks
    assert held.workers[0].threads == busy.threads


def test_nothing_is_typical_if_the_work_is_unknown() -> None:
    given = job("1", [task([worker(threads=(thread(task_name="regrid"),))])])
    assert RunningTasks(None).in_job(given) == given
