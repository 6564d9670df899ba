"""Each rule: a case in which it fires, and one in which it just does not."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dasktop.collectors.analysis import findings
from dasktop.collectors.analysis.findings import RULES
from dasktop.collectors.analysis.findings.rule import rule
from dasktop.collectors.model.snapshot import Adaptive, Allocated, ChildProcess, Fate, Transfers, Used, WorkerEvent
from dasktop.collectors.model.work import Progress
from tests.support.findings_watch import after, codes, healthy_job, healthy_workers, over, seen, watch, with_workers
from tests.support.snapshots import GIB, TAKEN_AT, cluster, ended, job, pending, source, thread, worker
from tests.support.work import attempt, failure, running_task, task_name, unrunnable_task, work

JUST_NOW = TAKEN_AT - timedelta(seconds=10)


def one(**values: object):
    """Return a job whose only worker is the one described."""
    return with_workers(job(workers_expected=1, allocated=THREE), [worker(**values)])


THREE = Allocated(cpus=3, memory_bytes=4 * GIB, gpus=None)


# -- healthy clusters


def test_healthy_busy_cluster_has_no_finding():
    assert over(700, seen([healthy_job("4709", 0), healthy_job("4710", 1)])) == []


def test_starting_job_has_no_finding():
    starting = job("4709", started_at=TAKEN_AT, time_left_seconds=5460)
    half = with_workers(starting, healthy_workers(count=2))
    assert codes(seen([starting]), after(60, seen([starting])), after(119, seen([half]))) == []


# -- jobs that SLURM refuses


def with_refused_jobs(wanted: tuple[str, ...], not_submitted: tuple[str, ...], error: str | None = None):
    one = seen([healthy_job("4709", 0)])
    assert one.cluster.owner is not None
    owner = replace(one.cluster.owner, wanted=wanted, not_submitted=not_submitted, submit_error=error)
    return replace(one, cluster=replace(one.cluster, owner=owner))


def test_failed_submission_is_reported():
    error = "sbatch: error: Invalid directive found in batch script: words"
    (found,) = watch(with_refused_jobs(("a", "b"), ("a", "b"), error))
    assert (found.code, found.severity) == ("jobs-not-submitted", "error")
    assert found.message == f"the 2 jobs that the SLURMCluster requested could not be submitted: {error}"


def test_missing_jobs_are_reported_without_an_error():
    (found,) = watch(with_refused_jobs(("a", "b", "c"), ("b",)))
    assert found.message == "1 of the 3 jobs that the SLURMCluster requested could not be submitted"


def test_submitted_jobs_are_no_finding():
    assert codes(with_refused_jobs(("a", "b"), ())) == []


# -- jobs that have ended


def test_lost_job_is_reported():
    dead = ended("4709")
    counting = seen([replace(dead, fate=None)]).cluster
    (found,) = watch(replace(seen([dead]), cluster=counting))
    assert (found.code, found.severity, found.job_id) == ("lost-job", "error", "4709")
    assert found.message == (
        "job 4709 is lost (reached its time limit of 1 h at 11:55); "
        "the cluster object still counts it as SLURMCluster-0"
    )
    assert found.since == dead.fate.ended_at


def cancelled(seconds_ago: float = 7):
    dead = ended("4709", "CANCELLED", "cancelled by user ada")
    return replace(dead, fate=replace(dead.fate, ended_at=TAKEN_AT - timedelta(seconds=seconds_ago)))


def still_counted(read_seconds_ago: float, dead=None):
    """Return a snapshot whose cluster object counts an ended job; the scheduler was read some seconds before."""
    dead = dead or cancelled()
    counting = seen([replace(dead, fate=None)]).cluster
    sources = (source("dask", age_seconds=read_seconds_ago), source("slurm.queue"))
    return replace(seen([dead], cluster=counting), sources=sources)


def test_cluster_object_has_time_to_notice_the_end():
    """A cluster object that scales down cancels the job first, and removes it some seconds later."""
    assert codes(still_counted(2.1)) == []
    assert codes(still_counted(1.9)) == ["lost-job"]


@pytest.mark.parametrize("skew_seconds", [-100, 0, 100])
def test_end_counts_from_when_it_was_seen(skew_seconds):
    dead = cancelled(-skew_seconds)
    running = replace(dead, fate=None, state="RUNNING")
    watched = [still_counted(0.1, running), after(2, still_counted(0.1, dead))]
    assert "lost-job" not in codes(*watched, after(7, still_counted(0.1, dead)))
    assert "lost-job" in codes(*watched, after(7.2, still_counted(0.1, dead)))


def test_failed_job_is_reported():
    (found,) = watch(seen([ended("4701", "OUT_OF_MEMORY", "killed: ran out of memory")]))
    assert (found.code, found.severity, found.job_id) == ("job-failed", "error", "4701")
    assert found.message == "job 4701 ended at 11:55: killed: ran out of memory"
    assert found.since == TAKEN_AT - timedelta(minutes=5)


@pytest.mark.parametrize(
    ("expected", "advice"),
    [
        (1, "request more memory per job"),
        (4, "request more memory per job, or use fewer processes"),
        (None, "request more memory per job, or use fewer processes if it has several"),
    ],
)
def test_advice_for_jobs_out_of_memory(expected, advice):
    dead = replace(ended("4701", "OUT_OF_MEMORY", "killed: ran out of memory"), workers_expected=expected)
    assert only("job-failed", seen([dead])).advice == advice


MEMORY_ADVICE = [
    (1, "use smaller partitions, or more memory per worker"),
    (2, "use smaller partitions, fewer threads per worker, or more memory per worker"),
    (None, "use smaller partitions, more memory per worker, or fewer threads per worker if it has several"),
]


@pytest.mark.parametrize(("threads", "advice"), MEMORY_ADVICE)
def test_advice_for_workers_with_little_memory(threads, advice):
    paused = seen([one(status="paused", nthreads=threads)])
    assert only("worker-paused", *lasting(10, paused)).advice == advice
    full = seen([one(memory_bytes=int(3.6 * GIB) + 1, nthreads=threads)])
    assert only("memory-near-limit", *lasting(10, full)).advice == f"dask kills a worker at 95 %: {advice}"


@pytest.mark.parametrize(("threads", "advice"), MEMORY_ADVICE)
def test_advice_for_workers_that_were_killed(threads, advice):
    kills = tuple(event("killed for memory", name, 1) for name in "ab")
    workers = [worker("a", nthreads=threads), worker("b", nthreads=1)]
    shown = after(2, replace(seen([with_workers(job(), workers)]), worker_events=kills))
    assert only("worker-killed-for-memory", shown).advice.endswith(f": {advice}")
    gone = after(4, replace(seen([job()]), worker_events=kills))
    assert only("worker-killed-for-memory", shown, gone).advice.endswith(f": {advice}"), "of workers that have left"


def test_failed_job_is_reported_for_15_minutes():
    dead = ended("4701", "FAILED", "failed with exit code 3")
    assert codes(after(599, seen([dead]))) == ["job-failed"]
    assert codes(after(601, seen([dead]))) == []


def test_lost_worker_is_named_with_its_use():
    held = worker("SLURMCluster-3-1", memory_bytes=int(6.1 * GIB), memory_limit_bytes=8 * GIB, executing=3)
    before = seen([with_workers(job("4711"), [held])])
    alone = seen([job("4711")])
    dead = ended("4711", "OUT_OF_MEMORY", "killed: ran out of memory: one SLURM task used 6,451 MiB of 6,144 MiB")
    (found,) = watch(after(-302, before), after(-300, alone), after(-298, alone), seen([dead]))
    assert found.message == (
        "job 4711 ended at 11:55: killed: ran out of memory: one SLURM task used 6,451 MiB of 6,144 MiB; "
        "lost worker SLURMCluster-3-1 (6.1 GiB of 8 GiB used, 3 tasks running)"
    )


def test_lost_workers_of_a_dead_scheduler_are_named():
    held = worker("w", memory_bytes=6 * GIB, memory_limit_bytes=8 * GIB, executing=3)
    before = after(-330, seen([with_workers(job("4711"), [held])]))
    silent = (source("dask", state="stale", error="Connection refused"), source("slurm.queue"))
    dead = seen([ended("4711", "FAILED", "failed with exit code 1")], sources=silent)
    assert [found.message for found in watch(before, after(-290, dead)) if found.code == "job-failed"] == [
        "job 4711 ended at 11:55: failed with exit code 1; lost worker w (6 GiB of 8 GiB used, 3 tasks running)"
    ]


def test_worker_that_left_earlier_is_not_lost():
    before = seen([with_workers(job("4711"), [worker()])])
    dead = ended("4711", "FAILED", "failed with exit code 3")  # five minutes before TAKEN_AT
    (found,) = watch(after(-900, before), after(-898, seen([job("4711")])), seen([dead]))
    assert found.message == "job 4711 ended at 11:55: failed with exit code 3"


def test_many_jobs_that_end_alike_are_one_finding():
    dead = [ended(str(number), "FAILED", "failed with exit code 127") for number in range(4701, 4706)]
    (found,) = watch(seen(dead))
    assert found.message == (
        "5 jobs ended the same way, the last at 11:55: failed with exit code 127 (4701, 4702, 4703 and 2 more)"
    )
    assert found.job_ids == ("4701", "4702", "4703", "4704", "4705")
    each = watch(seen(dead[:3]))
    assert [(one.code, one.job_ids) for one in each] == [("job-failed", (job_id,)) for job_id in found.job_ids[:3]]


@pytest.mark.parametrize(
    ("state", "by", "cause", "is_found"),
    [
        ("COMPLETED", None, None, False),
        ("COMPLETED", None, "its workers lost the scheduler", True),
        ("CANCELLED", "ada", None, False),
        ("CANCELLED", "root", None, True),
        ("CANCELLED", None, None, False),
        ("PREEMPTED", None, None, True),
        ("NODE_FAIL", None, None, True),
    ],
)
def test_which_ends_are_findings(state, by, cause, is_found):
    dead = ended("4701", state, "…")
    dead = replace(dead, fate=replace(dead.fate, cancelled_by=by, cause=cause))
    assert codes(seen([dead])) == (["job-failed"] if is_found else [])


def test_worker_that_outlives_its_job_still_answers():
    """Under proctrack/linuxproc a process that left the job's process group survives it."""
    held = worker("w", host="n1", executing=1, last_seen_seconds=0.4)
    running = with_workers(job("4711", workers_expected=1), [held])
    over = with_workers(
        replace(
            ended("4711", "FAILED", "failed with exit code 1"),
            fate=Fate(
                state="FAILED",
                exit_code=1,
                signal=None,
                ended_at=TAKEN_AT,
                max_rss_bytes=None,
                explanation="failed with exit code 1",
            ),
        ),
        [held],
    )
    shown = [after(-2, seen([running])), after(1, seen([over])), after(3, seen([over]))]
    messages = [[one.message for one in watch(*shown[: number + 1]) if one.code == "job-failed"] for number in (1, 2)]
    assert messages == [
        ["job 4711 ended at 12:00: failed with exit code 1"],
        ["job 4711 ended at 12:00: failed with exit code 1; worker w still answers from n1 although the job has ended"],
    ]


def test_requeued_job_is_reported():
    running, back = healthy_job("4709"), pending("4709", "BeginTime", submitted_at=JUST_NOW)
    (found,) = watch(seen([running]), after(2, seen([replace(running, state="COMPLETING")])), after(4, seen([back])))
    assert (found.code, found.severity) == ("job-requeued", "warning")
    assert found.message.startswith("job 4709 was requeued at 12:00; lost workers SLURMCluster-0-0, ")
    assert found.message.endswith("(4.4 GiB of 16 GiB used, 12 tasks running)")


def test_requeue_is_reported_with_its_cause():
    fate = Fate(
        state="NODE_FAIL", exit_code=None, signal=None, ended_at=JUST_NOW, max_rss_bytes=None, explanation="a node"
    )
    back = seen([pending("4709", "BeginTime", submitted_at=JUST_NOW, previous_fate=fate)])
    (found,) = watch(back)
    assert found.message == "job 4709 was requeued at 11:59 (a node)"
    assert found.advice == "it restarts automatically; if you no longer need it: scancel 4709"
    again = healthy_job("4709", previous_fate=fate)
    (found,) = watch(seen([again]))
    assert found.message == "job 4709 was requeued at 11:59 (a node) and is running again"
    assert (found.severity, found.advice) == ("info", None)
    assert codes(seen([replace(ended("4709"), previous_fate=fate)])) == ["job-failed"]
    assert codes(after(890, back)) == ["job-requeued"]
    assert codes(after(891, back)) == []


def test_first_wait_is_no_requeue():
    waits = seen([pending("4709", submitted_at=JUST_NOW)])
    assert codes(waits, after(10, waits)) == []


# -- jobs and their workers


def test_job_without_workers_is_reported():
    empty = seen([job("4711", started_at=TAKEN_AT - timedelta(seconds=120))])
    (found,) = watch(empty)
    assert (found.code, found.severity, found.job_id) == ("job-without-workers", "warning", "4711")
    assert found.message == "job 4711 has had no worker for 2 min (12 CPUs, 16 GiB unused)"
    assert found.since == TAKEN_AT - timedelta(seconds=120)
    assert codes(seen([job("4711", started_at=TAKEN_AT - timedelta(seconds=119))])) == []


@pytest.mark.parametrize("skew_seconds", [-200, 0, 200])
def test_start_counts_from_when_it_was_seen(skew_seconds):
    started_at = TAKEN_AT + timedelta(seconds=10 + skew_seconds)
    empty, short = (job("4711", started_at=started_at), with_workers(job("4711", started_at=started_at), [worker()]))
    for one, code in ((empty, "job-without-workers"), (short, "job-missing-workers")):
        start = [seen([pending("4711", submitted_at=JUST_NOW)]), after(10, seen([one]))]
        assert code not in codes(*start, after(70, seen([one])), after(129, seen([one])))
        assert code in codes(*start, after(70, seen([one])), after(130, seen([one])))


def test_job_that_had_workers_gets_less_time():
    full, empty = seen([healthy_job("4709")]), seen([job("4709")])
    assert codes(full, after(2, empty), after(61, empty)) == []
    (found,) = watch(full, after(2, empty), after(62, empty))
    assert found.message.endswith(": workers SLURMCluster-0-0, SLURMCluster-0-1, SLURMCluster-0-2 and 1 more left")


def test_unplaced_worker_may_belong_to_the_job():
    nowhere = worker("somewhere", evidence=None)
    assert codes(seen([job("4711")], [nowhere])) == []
    assert "job-without-workers" in codes(seen([job("4711")], [replace(nowhere, outside_slurm=True)]))


def test_foreign_or_completing_job_needs_no_worker():
    assert codes(seen([job("4711", evidence=())])) == []
    assert codes(seen([replace(job("4711"), state="COMPLETING")])) == []


def test_missing_workers_are_reported():
    short = seen([with_workers(job("4709"), healthy_workers(count=3))])
    (found,) = watch(short)
    assert (found.code, found.severity, found.job_id) == ("job-missing-workers", "warning", "4709")
    assert found.message == "job 4709 has 3 of 4 workers"
    assert codes(seen([with_workers(job("4709", workers_expected=None), healthy_workers(count=3))])) == []


def test_worker_that_left_may_come_back():
    full, short = seen([healthy_job()]), seen([with_workers(job("4709"), healthy_workers(count=3))])
    assert codes(full, after(2, short), after(61, short)) == []
    (found,) = watch(full, after(2, short), after(62, short))
    assert found.message == "job 4709 has 3 of 4 workers: worker SLURMCluster-0-3 left"


# -- workers


def test_worker_outside_slurm_is_reported():
    (found,) = watch(seen([healthy_job()], [worker("laptop", host="login1", outside_slurm=True)]))
    assert (found.code, found.severity, found.worker) == ("worker-outside-slurm", "info", "laptop")
    assert found.message == "worker laptop on login1 runs outside SLURM"
    assert codes(seen([healthy_job()], [worker("laptop", outside_slurm=None)])) == []


def test_workers_outside_the_job_of_their_environment():
    misplaced = [worker(name, host="login1", outside_slurm=True, inherited_job_id="23") for name in ("0", "1")]
    (found,) = watch(seen([job("23", evidence=(), tasks=())], misplaced))
    assert (found.code, found.severity, found.job_id, found.workers) == (
        "worker-outside-slurm",
        "warning",
        "23",
        ("0", "1"),
    )
    assert found.message.startswith(
        "workers 0, 1 run on login1 outside SLURM, although their environment names job 23: none of this cluster's"
    )
    assert "stays on the submit host" in found.advice


def test_many_workers_outside_slurm_are_one_finding():
    outside = [worker(f"w{number}", outside_slurm=True) for number in range(4)]
    (found,) = watch(seen([], outside))
    assert (found.worker, found.message) == (None, "4 workers run outside SLURM: w0, w1, w2 and 1 more")
    assert found.workers == ("w0", "w1", "w2", "w3")


def test_silent_worker_is_reported():
    (found,) = watch(seen([one(name="w", last_seen_seconds=15.0)]))
    assert (found.code, found.severity, found.worker) == ("worker-silent", "warning", "w")
    assert found.message == "worker w has sent no heartbeat for 15 s (3 tasks running)"
    assert codes(seen([one(last_seen_seconds=14.9)])) == []


def test_many_workers_send_heartbeats_less_often():
    def crowd(seconds):
        values = {"last_seen_seconds": seconds, "nthreads": 1, "memory_limit_bytes": None}
        granted = Allocated(cpus=2000, memory_bytes=None, gpus=None)
        return seen([with_workers(job(allocated=granted), [worker(f"w{number}", **values) for number in range(2000)])])

    assert codes(crowd(32.9)) == []
    assert len(codes(crowd(33.0))) == 2000


def test_busy_scheduler_needs_a_second_reading():
    def read(seconds, silent_seconds):
        sources = (source("dask", age_seconds=0.1), source("slurm.queue"))
        return after(seconds, seen([one(last_seen_seconds=silent_seconds)], sources=sources))

    assert codes(read(0, 0.5), read(60, 60.0)) == []
    same_reading = replace(read(60, 60.0), sources=(source("dask", age_seconds=1.1), source("slurm.queue")))
    assert codes(read(0, 0.5), read(60, 60.0), after(61, same_reading)) == []
    assert codes(read(0, 0.5), read(60, 60.0), read(62, 0.5)) == []
    assert codes(read(0, 0.5), read(60, 60.0), read(62, 62.0)) == ["worker-silent"]


def test_silent_worker_of_a_suspended_or_completing_job():
    def within(state):
        return watch(seen([replace(one(last_seen_seconds=60.0), state=state)]))

    (found,) = within("SUSPENDED")
    assert found.message.endswith(": its job is suspended")
    assert found.advice.startswith("scontrol resume 4709 resumes its job")
    assert within("COMPLETING") == ()


def test_worker_of_an_ended_job_is_not_silent():
    dead = with_workers(ended("4701", "NODE_FAIL", "terminated: a node failed"), [worker(last_seen_seconds=100.0)])
    (found,) = watch(seen([dead]))
    assert found.code == "job-failed"
    assert found.message.endswith("lost worker SLURMCluster-0-0 (1.1 GiB of 4 GiB used, 3 tasks running)")


def test_paused_worker_is_reported():
    paused = seen([one(name="w", status="paused", memory_bytes=int(3.3 * GIB))])
    assert codes(paused, after(9, paused)) == []
    (found,) = watch(paused, after(10, paused))
    assert (found.code, found.worker, found.workers) == ("worker-paused", "w", ("w",))
    assert found.message == "worker w is paused (80 % or more of 4 GiB used): it starts no new tasks"
    assert found.since == TAKEN_AT


def test_intermittent_pause_is_no_finding():
    paused, runs = seen([one(status="paused")]), seen([one()])
    assert codes(paused, after(6, runs), after(8, paused), after(16, paused)) == []


def restarted(pids, second: float = 0.0):
    """Return snapshots in which one worker takes these pids in turn and another one stays."""
    other = worker("b", pid=1, nthreads=1)
    big = job(workers_expected=2)
    return [
        after(second + 10 * number, seen([with_workers(big, [worker("a", pid=pid), other])]))
        for number, pid in enumerate(pids)
    ]


def test_restarting_worker_is_reported():
    assert "worker-restarting" not in codes(*restarted([10, 11]))
    (found,) = [found for found in watch(*restarted([10, 11, 12])) if found.code == "worker-restarting"]
    assert (found.severity, found.worker, found.job_id) == ("warning", "a", "4709")
    assert found.message == "worker a was restarted 2 times within 10 min"
    assert found.since == TAKEN_AT + timedelta(seconds=10)


def test_old_restarts_do_not_count():
    later = restarted([12], 700)
    assert "worker-restarting" not in codes(*restarted([10, 11]), *later)


def test_requeued_job_does_not_restart_its_workers():
    other = with_workers(job("1", workers_expected=None), [worker("b", pid=1, nthreads=1)])

    def run(second, pid):
        return after(second, seen([with_workers(job(workers_expected=1), [worker("a", pid=pid)]), other]))

    def wait(second):
        return after(second, seen([pending(submitted_at=JUST_NOW, job_id="4709"), other]))

    found = codes(run(0, 1), wait(10), run(20, 2), wait(30), run(40, 3))
    assert "job-requeued" in found
    assert "worker-restarting" not in found


def both(pid, seconds, events=None):
    """Return a snapshot of two workers with these pids and the scheduler's worker events."""
    workers = [worker("a", pid=pid), worker("b", pid=pid + 100)]
    shown = seen([with_workers(job(workers_expected=2), workers)])
    return after(seconds, replace(shown, worker_events=events))


def event(kind, name, seconds, **values):
    at = TAKEN_AT + timedelta(seconds=seconds)
    return WorkerEvent(at=at, worker=name, job_id="4709", kind=kind, **values)


def test_restart_of_all_workers_without_events():
    all_found = watch(both(1, 0), both(2, 10), both(3, 20))
    (found,) = [found for found in all_found if found.code == "worker-restarting"]
    assert (found.severity, found.worker) == ("info", None)
    assert found.message == "all 2 workers were restarted 2 times within 10 min; this scheduler does not report why"


def test_restart_by_a_client_is_no_finding():
    events = [tuple(event("restarted", name, 10 * number) for name in "ab") for number in (1, 2)]
    shown = [both(1, 0, ()), both(2, 10, events[0]), both(3, 20, events[0] + events[1])]
    assert "worker-restarting" not in codes(*shown)


def test_one_kill_for_memory_is_enough():
    killed = event("killed for memory", "a", 1, memory_bytes=980 << 20, limit_bytes=1000 << 20, tasks_interrupted=2)
    found = only("worker-killed-for-memory", both(1, 0, ()), both(1, 2, (killed,)))
    assert (found.severity, found.job_ids, found.workers) == ("warning", ("4709",), ("a",))
    assert found.since == killed.at
    assert found.message == (
        "a nanny killed worker a because of its memory use; 980 MiB of 1,000 MiB used; 2 tasks assigned to it were "
        "rescheduled"
    )


def test_memory_kill_names_the_tasks_that_failed_of_it():
    killed = event("killed for memory", "a", 1, address="tcp://a", memory_bytes=GIB, tasks_interrupted=2)
    failed = failure(attempts=(attempt("a", address="tcp://a", at=killed.at),))
    other = failure(
        "other-1", task_name="other", attempts=(attempt("a", address="tcp://a", at=killed.at + timedelta(hours=1)),)
    )
    progress = Progress(done=40, total=100, failed=2, blocked=4)
    shown = replace(both(1, 2, (killed,)), work=work(failures=(failed, other), progress=progress))
    found = only("worker-killed-for-memory", shown)
    assert found.message.endswith(
        "; 1,024 MiB used; 1 task failed because of that: regrid; 1 other task assigned to it was rescheduled"
    )
    assert found.severity == "error"
    assert only("tasks-failed", shown).message.startswith("2 tasks failed within 30 min: regrid (1): ")
    assert "tasks-failed" not in codes(replace(shown, work=work(failures=(failed,))))


def died(seconds, reason, **values):
    given = event("removed", "a", seconds, address="tcp://a", reason=reason, tasks_interrupted=3)
    return replace(given, **values)


def test_worker_that_died_of_a_signal_is_reported():
    found = only("worker-died", both(1, 2, (died(1, "killed by signal 9 (SIGKILL)"),)))
    assert found.message == "worker a died: killed by signal 9 (SIGKILL); 3 tasks were assigned to it"
    assert "request more" in found.advice
    assert (found.severity, found.job_ids, found.workers) == ("warning", ("4709",), ("a",))


def test_workers_that_died_are_one_finding():
    deaths = (died(1, "killed by signal 9 (SIGKILL)"), died(2, "its process exited with status 1", worker="b"))
    found = only("worker-died", both(1, 3, deaths))
    assert found.message == (
        "2 workers died within 30 min (a, b), the last: its process exited with status 1; 6 tasks were assigned to them"
    )


NEAR_KILL = event("killed for memory", "a", 1, address="tcp://a")
NEAR_RESTART = event("restarted", "a", 1, address="tcp://a")


@pytest.mark.parametrize("events", [
    (died(1, "expected"),),
    (died(1, None),),
    (died(1, "killed by its nanny"), NEAR_KILL),
    (died(1, "restarted by a client"), NEAR_RESTART),
    (died(1, "killed by signal 9 (SIGKILL)", job_id="4710"),),
])  # fmt: skip
def test_other_ends_of_workers_are_no_deaths(events):
    assert "worker-died" not in codes(both(1, 100, events))


def test_death_in_the_run_before_a_requeue_is_the_jobs():
    shown = both(1, 100, (died(1, "killed by signal 9 (SIGKILL)"),))
    [of_events] = shown.jobs
    again = replace(of_events, started_at=TAKEN_AT + timedelta(seconds=60))
    assert "worker-died" not in codes(replace(shown, jobs=(again,)))


def test_memory_kills_are_not_reported_as_restarts():
    kills = tuple(event("killed for memory", "a", 10 * number, memory_bytes=GIB) for number in (1, 2))
    all_found = watch(both(1, 0, ()), both(2, 10, kills[:1]), both(3, 20, kills))
    assert [one.workers for one in all_found if one.code == "worker-killed-for-memory"] == [("a",)]
    assert [one.worker for one in all_found if one.code == "worker-restarting"] == ["b"]


def test_memory_kills_of_all_workers_are_reported():
    kills = tuple(event("killed for memory", "ab"[number % 2], number, memory_bytes=GIB) for number in range(20))
    shown = [both(1, 0, ()), both(2, 10, kills[:10]), both(3, 20, kills)]
    found = only("worker-killed-for-memory", *shown)
    assert found.message.startswith(
        "nannies killed workers (a, b) 20 times within 30 min because of their memory use; last: "
    )
    assert "worker-restarting" not in codes(*shown)


def test_unexplained_restarts_of_all_workers_are_reported():
    removed = tuple(event("removed", name, 1, reason="unexpected") for name in "ab")
    all_found = watch(both(1, 0, ()), both(2, 10, removed), both(3, 20, removed))
    assert [found.worker for found in all_found if found.code == "worker-restarting"] == ["a", "b"]


# -- tasks that do not finish, and spilling


def test_worker_that_runs_none_of_its_tasks():
    found = only("tasks-stuck", *lasting(180, seen([one(name="w", executing=0, queued=3, cpu_percent=0.5)])))
    assert (found.severity, found.worker, found.job_id, found.since) == ("warning", "w", "4709", TAKEN_AT)
    assert found.message == "worker w runs none of its 3 tasks and uses almost no CPU"


@pytest.mark.parametrize(
    "values",
    [
        {"cpu_percent": 10.0},
        {"cpu_percent": None},
        {"executing": 1},
        {"executing": None},
        {"queued": 0},
        {"status": "paused"},
    ],
)
def test_other_workers_are_not_stuck(values):
    assert "tasks-stuck" not in codes(*lasting(180, stuck(**values)))


def test_stuck_worker_that_waits_for_results():
    transfers = Transfers(
        incoming_bytes=0,
        incoming_count=1,
        incoming_count_total=1,
        outgoing_bytes=0,
        outgoing_count=0,
        outgoing_count_total=0,
    )
    found = only("tasks-stuck", *lasting(180, seen([one(executing=0, cpu_percent=0.0, transfers=transfers)])))
    assert found.message.endswith("; it waits for 1 transfer from other workers")


def test_task_that_waits_and_is_the_first_of_its_name():
    found = only("tasks-stuck", *lasting(180, waiting_task(960.0)))
    assert (found.severity, found.job_ids, found.workers) == ("warning", ("4709",), ("SLURMCluster-0-0",))
    assert found.message == (
        "1 task of fill has run for 15 min on SLURMCluster-0-0 and its worker uses almost no CPU; none of fill has "
        "finished, and tasks of other names take at most 2 s on average"
    )
    assert found.task_names == ("fill",)


FILLING = "('fill-1', 0)"


@pytest.mark.parametrize(
    "values",
    [
        {"seconds": 599.0},
        {"mean": 31.0},
        {"mean": None},
        {"finished": 1},
        {"finished": None},
        {"cpu_percent": 99.0},
        {"cpu_percent": None},
        {"children": (ChildProcess(pid=9, name="wrf.exe", memory_bytes=GIB, cpu_seconds=600.0),)},
        {"threads": (thread(9, task_key=FILLING, cpu_percent=99.0),)},
        {"used": Used(cpu_percent=1200.0, memory_bytes=GIB, threads_busy=1, cpu_source="slurm")},
    ],
)
def test_other_long_tasks_do_not_wait(values):
    """Such as one that trains a model for hours, in its own process or in another one."""
    assert codes(*lasting(180, waiting_task(**values))) == []


def test_task_that_waits_while_others_of_its_worker_compute():
    shown = waiting_task(cpu_percent=200.0, threads=(thread(9, task_key=FILLING, cpu_percent=0.1),))
    found = only("tasks-stuck", *lasting(180, shown))
    assert " and its thread uses no CPU; " in found.message


def test_task_that_is_seen_to_wait_is_reported_at_once():
    found = only("tasks-stuck", waiting_task(120.0, idle=60.0, cpu_percent=200.0))
    assert (found.severity, found.job_ids, found.workers) == ("warning", ("4709",), ("SLURMCluster-0-0",))
    assert found.message.startswith(
        "1 task of fill has run for 2 min on SLURMCluster-0-0 and its thread uses no CPU; none of fill"
    )


def test_task_that_is_seen_to_wait_after_the_others_were_forgotten():
    last = only("tasks-stuck", waiting_task(120.0, idle=60.0, mean=None, forgotten=3.0))
    assert last.message.endswith("; none of fill has finished, and tasks of other names take at most 3 s on average")


def test_task_that_is_seen_to_wait_though_others_of_its_name_finished():
    found = only("tasks-stuck", waiting_task(120.0, finished=19, mean_of_own=5.0, idle=60.0))
    assert found.message == (
        "1 task of fill has run for 2 min on SLURMCluster-0-0 and its thread uses no CPU; 19 of fill finished after 5 "
        "s on average, and tasks of other names take at most 2 s on average"
    )


@pytest.mark.parametrize(
    "values",
    [
        {"seconds": 119.0, "mean": 6.0},
        {"idle": 59.0},
        {"mean": None},
        {"forgotten": 7.0},
        {"finished": 20},
        {"finished": 19, "mean_of_own": 7.0},
        {"finished": None},
        {"children": (ChildProcess(pid=9, name="wrf.exe", memory_bytes=GIB, cpu_seconds=600.0),)},
        {"used": Used(cpu_percent=1200.0, memory_bytes=GIB, threads_busy=1, cpu_source="slurm")},
    ],
)
def test_task_that_is_not_seen_to_wait_for_long(values):
    assert codes(waiting_task(**{"seconds": 120.0, "idle": 60.0} | values)) == []


def test_task_that_is_seen_to_run_without_cpu_is_not_stuck():
    """Such as one that waits for a program, a slow download or the GIL."""
    assert codes(*lasting(180, waiting_task(960.0, idle=0.0))) == []
    assert codes(*lasting(180, waiting_task(960.0, idle=30.0))) == ["tasks-stuck"]


def test_task_that_runs_much_longer():
    found = only("task-much-longer", running_long(900.0))
    assert (found.severity, found.job_ids, found.workers) == ("warning", ("4709",), ("SLURMCluster-0-0",))
    assert found.message == (
        "1 task of regrid (20 finished after 12 s on average) has run for 15 min on SLURMCluster-0-0"
    )
    assert found.task_names == ("regrid",)


@pytest.mark.parametrize("values", [{"seconds": 119.0}, {"seconds": 300.0, "typical": 30.1}, {"finished": 19}])
def test_task_that_does_not_run_much_longer(values):
    assert codes(running_long(**values)) == []


def test_spilling_to_a_network_file_system():
    found = only("spills-to-network-disk", spilled(GIB))
    assert (found.severity, found.job_ids) == ("warning", ("4709",))
    assert found.message == (
        "workers SLURMCluster-0-0, SLURMCluster-0-1, SLURMCluster-0-2 and 1 more have spilled 4 GiB to a network "
        "file system (nfs4: /home/ada/dask)"
    )


@pytest.mark.parametrize("file_system", ["xfs", "tmpfs", None])
def test_spilling_to_other_file_systems(file_system):
    assert codes(spilled(GIB, file_system)) == []


# -- allocations that are used for nothing


def test_threads_that_only_wait():
    found = only("threads-only-wait", threads_waiting(300.0))
    assert (found.severity, found.job_id) == ("warning", "4709")
    assert found.workers == ("SLURMCluster-0-0", "SLURMCluster-0-1")
    assert found.message == (
        "job 4709: 6 of 12 threads run tasks but have only waited for 5 min: they use no CPU and move no data"
    )


def test_threads_that_wait_for_programs_are_not_reported():
    shown = threads_waiting(300.0)
    used = Used(cpu_percent=1200.0, memory_bytes=GIB, threads_busy=12, cpu_source="slurm")
    assert codes(replace(shown, jobs=(replace(shown.jobs[0], used=used),))) == []


def test_tasks_that_hang_are_reported_once():
    hangs = waiting_task(600.0, idle=400.0, longest_task_name="fill", waiting_seconds=400.0)
    assert "threads-only-wait" not in codes(hangs, after(2, hangs))


def test_memory_that_is_never_used():
    found = only("memory-unused", unused(3 * GIB))
    assert (found.severity, found.job_ids) == ("info", ("4709",))
    assert found.message == "job 4709 has used at most 3 GiB of 16 GiB of memory since the start"


def test_jobs_that_never_use_their_memory_are_one_finding():
    jobs = [unused(3 * GIB, "4709").jobs[0], unused(2 * GIB, "4710", granted=32 * GIB).jobs[0]]
    found = only("memory-unused", seen(jobs))
    assert found.job_ids == ("4709", "4710")
    assert found.message == "2 jobs each have used at most 3 GiB of 16 GiB or more of memory since the start"


def test_memory_that_was_seen_to_be_used_counts():
    """Also if it is free again, and between SLURM's samples."""
    most = with_workers(job(started_at=TAKEN_AT - timedelta(hours=2)), healthy_workers(memory_bytes=GIB))
    shown = unused(3 * GIB)
    assert codes(seen([most]), after(2, shown)) == []


def test_memory_without_slurms_samples_has_to_be_watched():
    shown = unused(None)
    assert over(3598, shown) == []
    assert over(3602, shown) == ["memory-unused"]


@pytest.mark.parametrize(
    "values",
    [
        {"most": int(3.3 * GIB)},
        {"most": GIB // 2, "granted": 4 * GIB, "memory_limit_bytes": GIB},
        {"hours": 0.9},
        {"spilled_bytes": 1},
    ],
)
def test_memory_that_is_needed(values):
    assert codes(unused(**{"most": 3 * GIB} | values)) == []


# -- limits


def test_memory_near_the_limit_is_reported():
    near = seen([one(name="w", memory_bytes=int(3.6 * GIB) + 1)])
    assert codes(near, after(9, near)) == []
    (found,) = watch(near, after(10, near))
    assert (found.code, found.severity, found.worker) == ("memory-near-limit", "warning", "w")
    assert found.message == "worker w uses 90 % or more of its 4 GiB"
    below = seen([one(memory_bytes=int(3.6 * GIB) - 1)])
    assert over(20, below) == []


def test_memory_near_limit_has_hysteresis():
    def at(share, seconds):
        return after(seconds, seen([one(memory_bytes=int(share * 4 * GIB))]))

    assert codes(at(0.91, 0), at(0.91, 10), at(0.86, 12)) == ["memory-near-limit"]
    assert codes(at(0.91, 0), at(0.91, 10), at(0.84, 12)) == []
    assert codes(at(0.91, 0), at(0.86, 8), at(0.91, 12)) == []


def test_job_near_its_limit_without_worker_limits():
    near = with_workers(
        job(workers_expected=1, allocated=THREE), [worker(memory_limit_bytes=None, memory_bytes=int(3.7 * GIB))]
    )
    (found,) = watch(seen([near]), after(10, seen([near])))
    assert (found.worker, found.message) == (None, "job 4709 uses 90 % or more of its 4 GiB")


def test_overcommitted_memory_is_reported():
    big = with_workers(job(), healthy_workers(memory_limit_bytes=5 * GIB))
    (found,) = watch(seen([big]))
    assert (found.code, found.severity, found.job_id) == ("memory-overcommitted", "warning", "4709")
    assert found.message == "job 4709 has 16 GiB but its 4 workers may use 20 GiB"
    rounded = with_workers(job(), healthy_workers(memory_limit_bytes=int(4.08 * GIB)))
    assert codes(seen([rounded])) == []
    unknown = replace(big, allocated=Allocated(cpus=12, memory_bytes=None, gpus=None))
    assert codes(seen([unknown])) == []


def test_too_many_threads_are_reported():
    crowded = seen([with_workers(job(), healthy_workers(nthreads=4))])
    assert over(59, crowded) == []
    (found,) = watch(crowded, after(60, crowded))
    assert (found.code, found.severity) == ("threads-oversubscribed", "warning")
    assert found.message == "job 4709 has 12 CPUs but 16 worker threads"
    assert found.advice == "use fewer threads (--nthreads), or request more CPUs (cores= of the cluster)"
    single = seen([with_workers(job(allocated=THREE), healthy_workers(nthreads=1, executing=1, cpu_percent=50.0))])
    found = only("threads-oversubscribed", *lasting(60, single))
    assert (
        found.advice == "use fewer processes (processes= of the cluster), or request more CPUs (cores= of the cluster)"
    )


def test_too_few_threads_are_reported():
    few = seen([with_workers(job(), healthy_workers(nthreads=1, cpu_percent=100.0, executing=1))])
    assert over(119, few) == []
    (found,) = watch(few, after(120, few))
    assert (found.code, found.severity) == ("threads-undersubscribed", "info")
    assert found.message == "job 4709 has 12 CPUs but only 4 worker threads"


@pytest.mark.parametrize(
    "enough",
    [
        with_workers(job(), healthy_workers(count=2, nthreads=3)),  # exactly half
        with_workers(job(), healthy_workers(nthreads=1, cpu_percent=250.0)),  # tasks that use several CPUs
        with_workers(
            job(allocated=Allocated(cpus=12, memory_bytes=16 * GIB, gpus=4)),
            healthy_workers(nthreads=1, cpu_percent=100.0),
        ),
    ],
)
def test_few_threads_may_be_enough(enough):
    assert over(200, seen([replace(enough, workers_expected=None)])) == []


# -- time


def test_unknown_threads_are_not_too_few():
    few = replace(healthy_job("4709"), allocated=Allocated(cpus=40, memory_bytes=16 * GIB, gpus=None))
    workers = [worker for task in few.tasks for worker in task.workers]
    unknown = [replace(workers[0], nthreads=None), *workers[1:]]
    assert over(300, seen([few])) == ["threads-undersubscribed"]
    assert over(300, seen([with_workers(few, unknown)])) == []


def test_approaching_time_limit_is_reported():
    (found,) = watch(seen([healthy_job(time_left_seconds=299)]))
    assert (found.code, found.severity, found.job_id) == ("walltime-ending", "warning", "4709")
    assert found.message == "job 4709 ends in 4 min with 12 tasks running and 16 waiting"
    assert codes(seen([healthy_job(time_left_seconds=301)])) == []


def test_walltime_ending_with_unknown_tasks():
    for values in ({"executing": None, "queued": None}, {"executing": 0, "queued": None}):
        (found,) = watch(seen([replace(one(**values), time_left_seconds=200)]))
        assert (found.code, found.severity) == ("walltime-ending", "warning")
        assert found.message == "job 4709 ends in 3 min with workers whose tasks are unknown"


def test_walltime_ending_without_tasks_is_information():
    still = with_workers(job(time_left_seconds=30), healthy_workers(executing=0, queued=0))
    (found,) = watch(seen([still]))
    assert (found.severity, found.message) == ("info", "job 4709 ends in less than a minute with no tasks")


def test_walltime_ending_with_results_to_move():
    ending = replace(healthy_job("4709"), time_left_seconds=200)
    with_results = with_workers(ending, healthy_workers(stored=5))
    (found,) = watch(seen([with_results]))
    assert found.advice == (
        "no other worker can take its 20 results: add a job, then dasktop scale --release 4709 moves them there"
    )
    (found,) = watch(seen([with_results, with_workers(job("4710"), healthy_workers(1))]))
    assert found.advice == (
        "dasktop scale --release 4709 moves its results to other workers before the job is released"
    )


def test_short_job_ends_in_its_last_quarter():
    assert codes(seen([healthy_job(time_limit_seconds=240, time_left_seconds=61)])) == []
    assert codes(seen([healthy_job(time_limit_seconds=240, time_left_seconds=60)])) == ["walltime-ending"]


def test_idle_job_is_reported():
    idle = with_workers(job("4710"), healthy_workers(1, executing=0, queued=0, cpu_percent=2.0))
    both = seen([with_workers(job("4709"), healthy_workers(queued=0)), idle])
    assert over(599, both) == []
    (found,) = watch(both, after(600, both))
    assert (found.code, found.severity, found.job_id) == ("idle-allocation", "warning", "4710")
    assert found.message == "job 4710 has been idle for 10 min (12 CPUs, 16 GiB unused)"


def test_idle_job_is_reported_sooner_if_tasks_wait_elsewhere():
    both = busy_and_idle()
    assert over(119, both) == []
    (found,) = watch(both, after(120, both))
    assert found.message == (
        "job 4710 has been idle for 2 min (12 CPUs, 16 GiB unused), while tasks wait on other workers"
    )


def test_all_jobs_idle_is_one_finding():
    def idle(job_id, number):
        return with_workers(job(job_id), healthy_workers(number, executing=0, queued=0, cpu_percent=2.0, stored=0))

    all_idle = seen([idle("4709", 0), idle("4710", 1)])
    (found,) = watch(all_idle, after(600, all_idle))
    assert (found.severity, found.job_id, found.job_ids) == ("info", None, ("4709", "4710"))
    assert found.message == "all 2 jobs have been idle for 10 min (24 CPUs, 32 GiB unused)"
    assert found.advice == "dasktop scale --jobs 0 releases them; --adapt 0:N releases idle jobs automatically"
    one_works = seen([with_workers(job("4709"), healthy_workers(queued=0)), idle("4710", 1)])
    (found,) = watch(all_idle, after(598, all_idle), after(600, one_works))
    assert (found.job_id, found.since) == ("4710", TAKEN_AT)


def test_idle_jobs_with_results_need_the_client():
    """Results that only they hold would be lost, so a plan to release all of them is refused."""

    def idle(job_id, number):
        return with_workers(job(job_id), healthy_workers(number, executing=0, queued=0, cpu_percent=2.0, stored=5))

    both = seen([idle("4709", 0), idle("4710", 1)])
    (found,) = watch(both, after(600, both))
    assert found.advice == (
        "dasktop scale --jobs 1 releases all but one, which takes the results of the others; --jobs 0 releases all, "
        "once the client has released the futures of 40 results"
    )
    only = seen([idle("4709", 0)])
    (found,) = watch(only, after(600, only))
    assert found.advice == (
        "dasktop scale --release 4709 releases it, once the client has released the futures of 20 results"
    )
    elsewhere = seen([idle("4709", 0)], [worker("laptop", outside_slurm=None)])
    (found,) = watch(elsewhere, after(600, elsewhere))
    assert found.advice == "dasktop scale --release 4709 releases it"


def test_job_with_one_task_is_not_idle():
    idle = seen([with_workers(job(), healthy_workers(executing=0, queued=0, cpu_percent=2.0))])
    busy = seen([with_workers(job(), healthy_workers(executing=0, queued=1, cpu_percent=2.0))])
    assert codes(idle, after(598, busy), after(600, idle)) == []
    works_otherwise = seen([with_workers(job(), healthy_workers(executing=0, queued=0, cpu_percent=31.0))])
    assert over(700, works_otherwise) == []
    unknown = seen([with_workers(job(), healthy_workers(executing=None, queued=None, cpu_percent=None))])
    assert over(700, unknown) == []


# -- pending


def test_long_pending_job_is_reported():
    start = TAKEN_AT + timedelta(minutes=65)
    waits = pending("4715", "Priority", submitted_at=TAKEN_AT - timedelta(hours=1), expected_start_at=start)
    (found,) = watch(seen([waits]))
    assert (found.code, found.severity, found.job_id) == ("job-pending-long", "info", "4715")
    assert found.message == "job 4715 has been pending for 1 h: other jobs have a higher priority; starts about 13:05"
    assert codes(seen([replace(waits, submitted_at=waits.submitted_at + timedelta(seconds=1))])) == []


@pytest.mark.parametrize("reason", ["Priority", "Resources", "ReqNodeNotAvail, May be reserved for other job"])
def test_pending_job_shows_its_required_nodes(reason):
    waits = pending("4715", reason, submitted_at=TAKEN_AT - timedelta(hours=1), required_nodes=("n1", "n2"))
    (found,) = watch(seen([waits]))
    assert found.message.endswith("; it requires nodes n1, n2 (--nodelist)")
    assert found.advice == "allow other nodes: scontrol update JobId=4715 ReqNodeList="
    (found,) = watch(seen([replace(waits, required_nodes=(), required_features="a100&rome")]))
    assert found.message.endswith("; it requires nodes with feature a100&rome (--constraint)")
    assert found.advice == "allow other nodes: scontrol update JobId=4715 Features="


@pytest.mark.parametrize("reason", ["JobHeldUser", "JobHeldAdmin", "launch failed requeued held"])
def test_held_job_is_reported(reason):
    (found,) = watch(seen([pending("4715", reason, submitted_at=TAKEN_AT - timedelta(hours=9))]))
    assert (found.code, found.severity, found.job_id) == ("job-held", "warning", "4715")
    assert found.advice is not None
    assert "JOBID" not in found.advice


def test_array_job_is_named_as_squeue_writes_it():
    rest = pending("54", "JobHeldUser", array_job_id="54", array_task_id="5-10%2", submitted_at=JUST_NOW)
    dead = replace(ended("55", "FAILED", "failed"), array_job_id="54", array_task_id="1")
    (failed, held) = watch(seen([rest, dead]))
    assert (failed.job_id, failed.message) == ("55", "job 54_1 ended at 11:55: failed")
    assert held.message.startswith("job 54_[5-10%2] does not start")
    assert held.advice == "release it: scontrol release 54_[5-10]"


def test_job_with_a_dependency_is_not_held():
    assert codes(seen([pending("4715", "Dependency", submitted_at=JUST_NOW)])) == []


@pytest.mark.parametrize(
    "reason",
    [
        "PartitionTimeLimit",
        "DependencyNeverSatisfied",
        "BadConstraints",
        "QOSMaxCpuPerJobLimit",
        "AccountNotAllowed",
        "InvalidQOS",
    ],
)
def test_job_that_can_never_start_is_reported(reason):
    (found,) = watch(seen([pending("4715", reason, submitted_at=TAKEN_AT - timedelta(hours=9))]))
    assert (found.code, found.severity, found.job_id) == ("job-can-never-start", "error", "4715")
    assert reason in found.message
    assert found.advice


@pytest.mark.parametrize("reason", ["Priority", "Resources", "QOSMaxCpuPerUserLimit", "ReqNodeNotAvail", "new", None])
def test_other_reasons_may_start(reason):
    assert codes(seen([pending("4715", reason, submitted_at=JUST_NOW)])) == []


@pytest.mark.parametrize(
    ("code", "threshold", "shown"),
    [
        ("job-held", "held_seconds", seen([pending("4715", "JobHeldUser", submitted_at=JUST_NOW)])),
        ("job-can-never-start", "never_start_seconds", seen([pending("4715", "InvalidQOS", submitted_at=JUST_NOW)])),
        ("worker-outside-slurm", "worker_outside_seconds", seen([], [worker("laptop", outside_slurm=True)])),
        (
            "worker-outside-slurm",
            "worker_outside_seconds",
            seen([], [worker(f"w{number}", outside_slurm=True) for number in range(4)]),
        ),
        ("version-mismatch", "version_mismatch_seconds", seen([one(dask_version="2023.5.0")])),
    ],
)
def test_every_finding_can_be_delayed(code, threshold, shown):
    assert codes(shown) == [code]
    assert over(59, shown, **{threshold: 60.0}) == []
    assert over(60, shown, **{threshold: 60.0}) == [code]


# -- the cluster


def short_lived(number: int, submitted_ago: float, lived_seconds: float = 30):
    dead = ended(str(number), "CANCELLED", "cancelled by user ada")
    submitted_at = TAKEN_AT - timedelta(seconds=submitted_ago)
    fate = replace(dead.fate, ended_at=submitted_at + timedelta(seconds=lived_seconds))
    return replace(dead, submitted_at=submitted_at, fate=fate)


def adaptive(jobs):
    whole = seen(jobs)
    owner = replace(whole.cluster.owner, adaptive=Adaptive(minimum=0, maximum=10))
    return replace(whole, cluster=replace(whole.cluster, owner=owner))


def test_adaptive_thrashing_is_reported():
    first, second, third = short_lived(4701, 200), short_lived(4702, 170), short_lived(4703, 100)
    (found,) = watch(adaptive([first, second, third]))
    assert (found.code, found.severity) == ("adaptive-thrashing", "warning")
    assert "cancelled them soon after, 3 times within 10 min: 4701, 4702, 4703" in found.message
    assert found.since == first.fate.ended_at
    assert found.job_ids == ("4701", "4702", "4703")
    assert codes(adaptive([first, second])) == []
    assert codes(adaptive([first, second, short_lived(4703, 130, 121)])) == []  # lived for long enough
    assert codes(seen([first, second, third])) == []  # no adaptive scaling
    assert codes(after(430, adaptive([first, second, third]))) == ["adaptive-thrashing"]
    assert codes(after(431, adaptive([first, second, third]))) == []


def test_scaling_up_and_down_once_is_no_thrashing():
    many = [short_lived(4701 + number, 200 - number, 60) for number in range(20)]
    assert codes(adaptive(many)) == []


def test_version_mismatch_is_reported():
    def of(dask, python):
        jobs = [with_workers(job(), healthy_workers(dask_version=dask, python_version=python))]
        return seen(jobs, cluster=replace(seen(jobs).cluster, dask_version="2026.8.0", python_version="3.11.7"))

    (found,) = watch(of("2023.5.0", "3.9.1"))
    assert (found.code, found.severity) == ("version-mismatch", "warning")
    assert found.message == (
        "4 workers have dask 2023.5.0 (scheduler: 2026.8.0) and Python 3.9 (scheduler: 3.11): "
        "SLURMCluster-0-0, SLURMCluster-0-1, SLURMCluster-0-2 and 1 more"
    )
    assert (found.job_id, found.job_ids) == (None, ("4709",))
    assert found.workers == tuple(f"SLURMCluster-0-{number}" for number in range(4))
    assert codes(of("2026.8.0", "3.11.9")) == []
    assert codes(of(None, None)) == []


def test_stale_source_is_reported():
    def silent(seconds, state="stale", name="dask"):
        others = [source(other) for other in ("dask", "slurm.queue", "slurm.accounting") if other != name]
        trouble = source(name, state=state, age_seconds=seconds, error="Connection refused")
        return after(seconds, seen([healthy_job()], sources=(trouble, *others)))

    good = after(-2, seen([healthy_job()]))
    assert codes(good, silent(0), silent(9)) == []
    (found,) = watch(good, silent(0), silent(10))
    assert (found.code, found.severity) == ("source-stale", "error")
    assert found.message == "the scheduler does not answer (Connection refused); showing data from 12:00"
    assert found.advice is not None
    assert found.advice.startswith("dasktop keeps trying")
    assert found.since == TAKEN_AT
    (found,) = watch(good, silent(0, name="slurm.queue"), silent(10, name="slurm.queue"))
    assert (found.severity, found.message[:29]) == ("warning", "SLURM's queue does not answer")
    assert codes(silent(0, "off", "slurm.accounting"), silent(60, "off", "slurm.accounting")) == []


@pytest.mark.parametrize(
    ("name", "severity"), [("dask", "error"), ("slurm.queue", "warning"), ("slurm.accounting", "info")]
)
@pytest.mark.parametrize("state", ["error", "stale"])
def test_source_that_never_answered_is_reported_at_once(name, severity, state):
    age_seconds = None if state == "error" else 2.0
    failed = source(name, state=state, age_seconds=age_seconds, error="no answer within 6 s")
    others = [source(other) for other in ("dask", "slurm.queue") if other != name]
    only = seen([healthy_job()], sources=(failed, *others))
    (found,) = watch(only)
    assert (found.code, found.severity, found.since) == ("source-stale", severity, TAKEN_AT)
    assert "(no answer within 6 s)" in found.message
    assert codes(only, after(2, only)) == ["source-stale"]  # it is reported continuously


def test_source_without_a_first_answer_has_not_failed():
    for state in ("stale", "off"):
        unasked = source("slurm.queue", state=state, age_seconds=None, latency_seconds=None)
        assert codes(seen(sources=(source("dask"), unasked))) == []


def test_failed_sstat_is_not_reported_at_once():
    failed = source("slurm.steps", state="error", age_seconds=None, error="sstat: error: no steps running for job 45")
    alone = seen([healthy_job()], sources=(source("dask"), source("slurm.queue"), failed))
    assert codes(alone) == []
    assert codes(alone, after(10, alone)) == ["source-stale"]


# -- all of them


def busy_and_idle():
    idle = with_workers(job("4710"), healthy_workers(1, executing=0, queued=0, cpu_percent=2.0))
    return seen([healthy_job("4709"), idle])


def waiting(reason: str = "Priority", seconds: float = 10):
    return seen([pending("4715", reason, submitted_at=TAKEN_AT - timedelta(seconds=seconds))])


def requeued():
    fate = Fate(
        state="NODE_FAIL", exit_code=None, signal=None, ended_at=JUST_NOW, max_rss_bytes=None, explanation="a node"
    )
    return seen([pending("4709", "BeginTime", submitted_at=JUST_NOW, previous_fate=fate)])


def lasting(seconds: float, one):
    return one, after(seconds, one)


def of_workers(**values: object):
    return seen([with_workers(job(), healthy_workers(**values))])


def outside(outside_slurm: bool | None):
    return seen([healthy_job()], [worker("laptop", outside_slurm=outside_slurm)])


def started(seconds: float, workers: int):
    one = job("4709", started_at=TAKEN_AT - timedelta(seconds=seconds))
    return seen([with_workers(one, healthy_workers(count=workers))])


def dask_fails_for(seconds: float):
    fails = seen([healthy_job()], sources=(source("dask", state="stale", age_seconds=seconds), source("slurm.queue")))
    return seen([healthy_job()]), after(2, fails), after(2 + seconds, fails)


def computing(**parts: object):
    failures = tuple(parts.get("failures", ()))
    progress = Progress(done=40, total=100, failed=len(failures), blocked=sum(one.blocks or 0 for one in failures))
    return seen([healthy_job()], work=work(**{"failures": (), "unrunnable": (), "progress": progress} | parts))


def failed_ago(seconds: float, **values: object):
    return failure(at=TAKEN_AT - timedelta(seconds=seconds), **values)


def stuck(**values: object):
    return of_workers(**{"executing": 0, "queued": 3, "cpu_percent": 9.9} | values)


def waiting_task(
    seconds: float = 600.0,
    mean: float | None = 2.5,
    finished: int | None = 0,
    used: Used | None = None,
    idle: float | None = None,
    mean_of_own: float | None = None,
    forgotten: float | None = None,
    **values: object,
):
    """Return a task without CPU on the first worker, of a name of which none has finished."""
    names = task_name("load", seconds_mean=mean), task_name("fill", seconds_mean=mean_of_own, finished_total=finished)
    running = running_task(FILLING, task_name="fill", typical_seconds=None, seconds=seconds, idle_seconds=idle)
    workers = healthy_workers(**{"cpu_percent": 9.9} | values)
    busy = with_workers(job(), workers)
    shown = replace(busy, used=used) if used is not None else busy
    parts = {"task_names": names, "running": (replace(running, address=workers[0].address),)}
    parts |= {"forgotten_seconds_mean": forgotten}
    return seen([shown], work=work(failures=(), unrunnable=(), **parts))


def threads_waiting(seconds: float):
    waits = [
        worker(f"SLURMCluster-0-{number}", cpu_percent=12.0, waiting_seconds=seconds + number) for number in range(2)
    ]
    return seen([with_workers(job(), [*waits, *healthy_workers()[2:]])])


def unused(most: int | None, job_id: str = "4709", granted: int = 16 * GIB, hours: float = 1.1, **values: object):
    """Return a job whose tasks used this much at most, by SLURM's samples."""
    began = TAKEN_AT - timedelta(hours=hours)
    given = job(job_id, started_at=began, allocated=Allocated(cpus=12, memory_bytes=granted, gpus=None))
    shown = with_workers(given, healthy_workers(int(job_id) % 10, **{"memory_bytes": GIB // 8} | values))
    return seen([replace(shown, tasks=(replace(shown.tasks[0], max_rss_bytes=most),))])


def running_long(seconds: float = 120.0, typical: float = 12.0, finished: int = 20):
    names = (task_name(finished_total=finished),)
    return computing(task_names=names, running=(running_task(seconds=seconds, typical_seconds=typical),))


def spilled(spilled_bytes: int, file_system: str | None = "nfs4"):
    return of_workers(spilled_bytes=spilled_bytes, local_directory="/home/ada/dask", file_system=file_system)


FIRES = {
    "adaptive-thrashing": [adaptive([short_lived(4701, 200), short_lived(4702, 170), short_lived(4703, 100)])],
    "idle-allocation": lasting(120, busy_and_idle()),
    "job-can-never-start": [waiting("PartitionTimeLimit")],
    "job-failed": [after(599, seen([ended("4701", "FAILED", "…")]))],
    "job-held": [waiting("JobHeldUser")],
    "job-missing-workers": [started(120, workers=3)],
    "job-pending-long": [waiting(seconds=3600)],
    "job-requeued": [after(890, requeued())],
    "job-without-workers": [started(120, workers=0)],
    "jobs-not-submitted": [with_refused_jobs(("a", "b"), ("b",))],
    "lost-job": [still_counted(1.9)],
    "memory-near-limit": lasting(10, seen([one(memory_bytes=int(3.6 * GIB) + 1)])),
    "memory-overcommitted": [of_workers(memory_limit_bytes=int(4.25 * GIB))],
    "source-stale": dask_fails_for(10),
    "spills-to-network-disk": [spilled(GIB // 4)],
    "task-much-longer": [running_long()],
    "tasks-failed": [computing(failures=(failed_ago(1800),))],
    "memory-unused": [unused(3 * GIB)],
    "threads-only-wait": [threads_waiting(300.0)],
    "tasks-stuck": lasting(180, stuck()),
    "tasks-unrunnable": lasting(2, computing(unrunnable=(unrunnable_task(),))),
    "threads-oversubscribed": lasting(60, of_workers(nthreads=4)),
    "threads-undersubscribed": lasting(120, of_workers(nthreads=1, cpu_percent=100.0, executing=1)),
    "version-mismatch": [seen([one(dask_version="2023.5.0")])],
    "walltime-ending": [seen([healthy_job(time_left_seconds=300)])],
    "worker-died": [both(1, 61, (died(1, "unexpected"),))],
    "worker-killed-for-memory": [both(1, 1801, (event("killed for memory", "a", 1),))],
    "worker-outside-slurm": [outside(True)],
    "worker-paused": lasting(10, seen([one(status="paused")])),
    "worker-restarting": restarted([10, 11, 12]),
    "worker-silent": [seen([one(last_seen_seconds=15.0)])],
}
"""For each rule, snapshots of which the last has its finding."""

JUST_NOT = {
    "adaptive-thrashing": [adaptive([short_lived(4701, 200), short_lived(4702, 170)])],
    "idle-allocation": lasting(119, busy_and_idle()),
    "job-can-never-start": [waiting("Priority")],
    "job-failed": [after(601, seen([ended("4701", "FAILED", "…")]))],
    "job-held": [waiting("Dependency")],
    "job-missing-workers": [started(119, workers=3)],
    "job-pending-long": [waiting(seconds=3599)],
    "job-requeued": [after(891, requeued())],
    "job-without-workers": [started(119, workers=0)],
    "jobs-not-submitted": [with_refused_jobs(("a", "b"), ())],
    "lost-job": [still_counted(2.1)],
    "memory-near-limit": lasting(10, seen([one(memory_bytes=int(3.6 * GIB) - 1)])),
    "memory-overcommitted": [of_workers(memory_limit_bytes=int(4.08 * GIB))],
    "source-stale": dask_fails_for(9),
    "spills-to-network-disk": [spilled(GIB // 4 - 1)],
    "task-much-longer": [running_long(finished=19)],
    "tasks-failed": [computing(failures=(failed_ago(1801),))],
    "memory-unused": [unused(int(3.3 * GIB))],
    "threads-only-wait": [threads_waiting(298.9)],
    "tasks-stuck": lasting(179, stuck()),
    "tasks-unrunnable": lasting(2, computing(unrunnable=(unrunnable_task(resources={}),))),
    "threads-oversubscribed": lasting(59, of_workers(nthreads=4)),
    "threads-undersubscribed": lasting(119, of_workers(nthreads=1, cpu_percent=100.0, executing=1)),
    "version-mismatch": [seen([one(dask_version="2026.8.0")])],
    "walltime-ending": [seen([healthy_job(time_left_seconds=301)])],
    "worker-died": [
        both(1, 60, (died(1, "unexpected"),)),
        both(1, 61, (replace(died(1, "unexpected"), job_id=None),)),
        both(1, 60, (died(1, "killed by signal 15 (SIGTERM)"),)),
        both(1, 61, (died(1, "job 4708 ended: cancelled by user ada"),)),
    ],
    "worker-killed-for-memory": [both(1, 1802, (event("killed for memory", "a", 1),))],
    "worker-outside-slurm": [outside(None)],
    "worker-paused": lasting(9, seen([one(status="paused")])),
    "worker-restarting": restarted([10, 11]),
    "worker-silent": [seen([one(last_seen_seconds=14.9)])],
}
"""For each rule, snapshots that differ little from those in which it fires; the last has no such finding."""

CODES = [rule.code for rule in RULES]


def test_every_rule_has_both_cases():
    assert set(FIRES) == set(JUST_NOT) == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_rule_fires(code):
    assert code in codes(*FIRES[code])


@pytest.mark.parametrize("code", CODES)
def test_rule_just_does_not_fire(code):
    assert code not in codes(*JUST_NOT[code])


def test_codes_and_orders_are_unique():
    assert len(set(CODES)) == len({rule.order for rule in RULES}) == len(RULES)


@pytest.mark.parametrize(("code", "order"), [("lost-job", 5), ("another", 20)])
def test_taken_code_or_order_is_refused(code, order):
    with pytest.raises(ValueError, match="another rule"):
        rule(code, order=order)(lambda context: iter(()))


def test_every_family_is_imported():
    folder = Path(findings.__file__).parent
    with_rules = {path.stem for path in folder.glob("*.py") if "\n@rule(" in path.read_text()}
    assert with_rules == {family.__name__.rpartition(".")[2] for family in findings.FAMILIES}


AMOUNT = st.none() | st.integers(0, 2**50)


@given(
    allocated=st.builds(Allocated, cpus=AMOUNT, memory_bytes=AMOUNT, gpus=AMOUNT),
    state=st.sampled_from(["RUNNING", "PENDING", "COMPLETED", "SUSPENDED", "SOMETHING", None]),
    reason=st.none() | st.text(max_size=20),
    left=AMOUNT,
    limit=AMOUNT,
    memory=AMOUNT,
    memory_limit=AMOUNT,
    threads=AMOUNT,
    executing=AMOUNT,
    silent=st.none() | st.floats(0, 1e9),
    status=st.sampled_from(["running", "paused", "closing", None]),
    has_worker=st.booleans(),
    answers=st.sampled_from(["ok", "stale", "error", "off"]),
)
def test_no_rule_fails_on_unknown_values(
    allocated, state, reason, left, limit, memory, memory_limit, threads, executing, silent, status, has_worker, answers
):
    values = {
        "memory_bytes": memory,
        "memory_limit_bytes": memory_limit,
        "nthreads": threads,
        "executing": executing,
        "queued": executing,
        "last_seen_seconds": silent,
        "status": status,
        "cpu_percent": None,
    }
    any_job = job(
        allocated=allocated,
        state=state,
        reason=reason,
        started_at=None if left is None else TAKEN_AT,
        submitted_at=None,
        time_left_seconds=left,
        time_limit_seconds=limit,
    )
    whole = with_workers(any_job, [worker(**values)] if has_worker else [])
    snapshot = seen(
        [whole], [worker("other", **values)], sources=(source("dask", state=answers), source("slurm.queue"))
    )
    for found in watch(snapshot, after(1000, snapshot)):
        assert found.message
        assert found.since is not None


def test_unknown_cluster_has_no_finding():
    nothing = cluster(scheduler_id=None, dask_version=None, owner=None)
    assert codes(seen([], cluster=nothing, sources=())) == []


def only(code: str, *snapshots):
    [found] = [one for one in watch(*snapshots) if one.code == code]
    return found


def test_failed_tasks_are_one_finding_by_kind():
    killed = failed_ago(
        10, key="load-1", task_name="load", kind="worker killed", exception=None, blocks=0,
        attempts=(attempt(cause="killed by its nanny because of its memory use"),), worker="w-1", job_id="4710",
    )  # fmt: skip
    found = only("tasks-failed", computing(failures=(failed_ago(60), failed_ago(30, key="b"), killed)))
    assert found.message == (
        "3 tasks failed within 30 min: regrid (2): ValueError; load (1): its workers ended; 4 tasks blocked by them"
    )
    assert (found.job_ids, found.workers, found.task_names) == ((), (), ("regrid", "load"))
    assert found.since == TAKEN_AT - timedelta(seconds=60)


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (Progress(done=40, total=100, failed=2, blocked=3), "2 tasks failed within 30 min: "),
        (Progress(done=40, total=100, failed=3, blocked=3), "2 tasks failed within 30 min (3 in the current work): "),
        (Progress(done=40, total=100, failed=0, blocked=0), "2 tasks failed within 30 min (0 in the current work): "),
        (Progress(done=40, total=100, failed=None, blocked=None, erred=9), "2 or more tasks failed within 30 min: "),
        (Progress(done=40, total=100, failed=None, blocked=None), "2 tasks failed within 30 min: "),
    ],
)
def test_number_of_failed_tasks_is_that_of_the_header_or_both_are_named(progress, words):
    failures = failed_ago(60), failed_ago(30, key="b")
    found = only("tasks-failed", computing(failures=failures, progress=progress))
    assert found.message.startswith(f"{words}regrid (2): ")
    assert found.message.endswith(f"; {3 if progress.failed == 2 else 4} tasks blocked by them"), "each once, if known"


def test_order_of_failed_names_is_that_of_their_first_failures():
    """Else it changes with each failure."""
    kinds = [("load", 90), ("regrid", 80), ("mean", 70), ("rare", 95), ("load", 60), ("mean", 50), ("regrid", 40)]
    failures = tuple(failed_ago(ago, key=f"{name}-{ago}", task_name=name, blocks=0) for name, ago in kinds)
    for shown in (failures, (*failures, failed_ago(1, key="load-1", task_name="load", blocks=0))):
        message = only("tasks-failed", computing(failures=shown)).message
        assert re.findall(r"(\w+) \(\d\)", message) == ["load", "regrid", "mean"]
        assert message.endswith("; 1 more kind")


def test_failed_tasks_are_attached_to_the_worker_of_most():
    """On which workers tasks failed tells nothing of the workers if it is the tasks that fail."""

    def found_of(*places: tuple[str, str]):
        each = enumerate(places)
        failures = (failed_ago(9, key=str(n), worker=name, job_id=job_id, blocks=0) for n, (name, job_id) in each)
        found = only("tasks-failed", computing(failures=tuple(failures)))
        where = found.message.partition(" within 30 min")[2].partition(":")[0]
        return where, found.workers, found.job_ids

    a, b, c = ("a", "1"), ("b", "1"), ("c", "2")
    assert found_of(*[a] * 9, c) == (", 9 of them on worker a", ("a",), ("1",))
    assert found_of(*[a] * 8, c) == ("", (), ())
    assert found_of(a, a, a) == (", all on worker a", ("a",), ("1",))
    assert found_of(a, a, b, b) == (", all in job 1", (), ("1",))
    assert found_of(a, a) == found_of(a, a, a, c, c, c) == ("", (), ())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "no worker offers GPU=1"),
        ({"resources": {"GPU": 2.0, "MEMORY": 1e9}}, "no worker offers GPU=2, MEMORY=1e+09"),
        ({"resources": {}, "workers": ("tcp://10.1.0.9:4000",)}, "no worker is tcp://10.1.0.9:4000"),
        ({"resources": {}, "hosts": ("n7",)}, "no worker runs on n7"),
    ],
)
def test_unrunnable_tasks_name_what_no_worker_has(values, words):
    found = only("tasks-unrunnable", *lasting(2, computing(unrunnable=(unrunnable_task(**values),))))
    assert found.message == f"1 task cannot run (train): {words}"
    assert found.task_names == ("train",)


def test_tasks_without_any_worker_only_wait():
    nobody = seen([pending("4715", "Priority")], work=work(failures=()))
    assert "tasks-unrunnable" not in codes(*lasting(60, nobody))
