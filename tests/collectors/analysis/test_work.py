"""The work, completed: jobs of workers that are or were there, and causes of attempts."""

from dasktop.collectors.analysis.work import completed_work
from tests.support.work import attempt, failure, running_task, work

HERE, GONE = "tcp://10.1.0.7/SLURMCluster-0-0", "tcp://10.1.0.9/SLURMCluster-7"


def test_unknown_work_stays_unknown() -> None:
    assert completed_work(None, {}, lambda _: None) is None


def test_unknown_parts_stay_unknown() -> None:
    shown = completed_work(work(running=None, failures=None), {}, lambda _: None)
    assert shown is not None
    assert (shown.running, shown.failures) == (None, None)


def test_jobs_by_address() -> None:
    failed = failure(address=GONE, attempts=(attempt(address=HERE), attempt(address=GONE), attempt(address=None)))
    given = work(running=(running_task(job_id=None),), failures=(failed,))
    shown = completed_work(given, {HERE: "4711", GONE: "4709"}, lambda _: None)
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
