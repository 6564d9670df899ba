"""Usage of jobs whose history is known to the second."""

import jsonschema
import msgspec
import pytest
from msgspec.structs import replace

from dasktop.collectors.analysis.usage import Report, UsageAccumulator, report_json, report_schema, usual_seconds
from dasktop.collectors.model.snapshot import Allocated, Fate, Snapshot
from tests.support.snapshots import GIB, source
from tests.support.usage_timeline import FakeJob, moment, snapshot_at, snapshots_of

HOUR = 3600.0


def tally(*snapshots: Snapshot) -> Report:
    moments = [shown.taken_at for shown in snapshots]
    taken = UsageAccumulator(usual_seconds(moments))
    for shown in snapshots:
        taken.add(shown)
    return taken.report()


def report_of(*fake_jobs: FakeJob, until: float, every: float = 5.0, begin: float = 0.0) -> Report:
    return tally(*snapshots_of(fake_jobs, until, every, begin))


def job_of(*fake_jobs: FakeJob, until: float, every: float = 5.0, begin: float = 0.0):
    return report_of(*fake_jobs, until=until, every=every, begin=begin).jobs[0]


def about(value: float):
    return pytest.approx(value, rel=0.01, abs=0.003)


def test_job_with_all_phases():
    """One hour: 6 min until the first worker, 30 min busy, 18 min idle, 6 min without workers."""
    fake_job = FakeJob(
        submitted=-600, started=60, ended=60 + HOUR, first_worker=360, last_worker=3240, busy=lambda s: float(s < 2160)
    )
    job = job_of(fake_job, until=4000)
    hours = job.core_hours
    assert hours.granted == about(12)
    assert hours.waiting_for_first_worker == about(1.2)
    assert hours.without_workers == about(1.2)
    assert hours.used == about(12 * 0.5 * 0.95)
    assert hours.idle == about(12 * 0.8 - 12 * 0.5 * 0.95)
    assert hours.without_tasks == about(12 * 0.3)
    assert hours.unobserved == 0
    assert job.gib_hours.granted == about(16)
    assert job.gib_hours.used == about(16 * 0.8 * 0.3)
    assert job.gib_hours.idle == about(16 * 0.8 * 0.7)
    assert (job.queue_seconds, job.elapsed_seconds, job.runs, job.state) == (660, HOUR, 1, "CANCELLED")
    assert job.with_workers_seconds == about(2880)
    assert (job.started_at, job.ended_at) == (moment(60), moment(60 + HOUR))
    assert job.used_core_hours_from == ("dask",)


def test_granted_hours_are_slurms():
    job = job_of(FakeJob(started=17.3, ended=1017.3), until=3000, every=30)
    assert job.core_hours.granted == pytest.approx(12 * 1000 / HOUR, abs=1e-5)


def test_running_job_counts_to_the_last_snapshot():
    job = job_of(FakeJob(), until=1000)
    assert job.ended_at is None
    assert job.core_hours.granted == pytest.approx(12 * 1000 / HOUR, abs=1e-5)


def test_time_before_the_first_snapshot_is_not_observed():
    job = job_of(FakeJob(first_worker=60), until=HOUR, begin=HOUR / 2)
    assert job.core_hours.granted == about(12)
    assert job.core_hours.unobserved == about(6)
    assert job.core_hours.used == about(6 * 0.95)
    assert job.core_hours.waiting_for_first_worker is None, "it ended before the first snapshot"
    assert job.observed_seconds == HOUR / 2


def test_job_without_a_worker_at_the_first_snapshot():
    job = job_of(FakeJob(first_worker=1000), until=2000, begin=500)
    assert job.core_hours.waiting_for_first_worker == about(12 * 500 / HOUR)
    assert job.core_hours.unobserved == about(12 * 500 / HOUR)


def test_job_that_never_had_a_worker():
    hours = job_of(FakeJob(ended=600, first_worker=1e9), until=700).core_hours
    assert (hours.granted, hours.waiting_for_first_worker, hours.used, hours.idle) == (about(2), about(2), 0, 0)


def test_job_that_never_started_was_granted_nothing():
    report = report_of(FakeJob(started=None), FakeJob("2", started=None, ended=50.0), until=100)
    assert [job.runs for job in report.jobs] == [0, 0]
    assert [job.core_hours.granted for job in report.jobs] == [0, 0]
    assert [job.queue_seconds for job in report.jobs] == [50, 100]
    assert report.totals.jobs_never_started == 2


def test_gap_is_not_observed():
    fake_job = FakeJob(ended=HOUR)
    early, late = snapshots_of([fake_job], 600), snapshots_of([fake_job], HOUR + 60, begin=3000)
    hours = tally(*early, *late).jobs[0].core_hours
    assert hours.granted == about(12)
    assert hours.unobserved == about(12 * 2400 / HOUR)
    assert hours.used == about(12 * 0.95 * 1200 / HOUR)


def test_last_load_counts_only_until_the_end():
    hours = tally(*(snapshot_at([FakeJob(ended=1.0)], now) for now in (0, 7))).jobs[0].core_hours
    assert hours.granted == pytest.approx(12 / HOUR, abs=1e-5)
    assert hours.used == pytest.approx(0.95 * 12 / HOUR, abs=1e-5)


def test_long_intervals_are_no_gaps():
    """As with ``snapshot --watch 600``: equally long intervals are no gaps."""
    hours = job_of(FakeJob(ended=10 * HOUR), until=11 * HOUR, every=600).core_hours
    assert hours.unobserved == 0
    assert hours.used == pytest.approx(120 * 0.95, rel=0.02)


def test_failing_scheduler_is_not_observed():
    stale = (source("dask", state="stale"), source("slurm.queue"))
    snapshots = list(snapshots_of([FakeJob()], HOUR))
    half = len(snapshots) // 2
    hours = tally(*snapshots[:half], *(replace(shown, sources=stale) for shown in snapshots[half:])).jobs[0].core_hours
    assert hours.granted == about(12)
    assert hours.used == about(6 * 0.95)
    assert hours.unobserved == about(6)


def test_slurms_figure_is_used_if_higher():
    job = job_of(FakeJob(ended=HOUR, cpu_seconds_by_slurm=40_000), until=HOUR + 60, begin=HOUR - 60)
    assert job.core_hours.used == about(40_000 / HOUR)
    assert job.core_hours.idle == about(0.2 * 0.05)
    assert job.core_hours.unobserved == about(12 - 40_000 / HOUR - 0.2 * 0.05), "there may have been no worker"
    assert job.used_core_hours_from == ("slurm",)


@pytest.mark.parametrize("first_worker", [0, 1800], ids=["idle before the first snapshot", "no worker before"])
def test_unobserved_time_is_not_idle(first_worker):
    """A recording of 38 s of a job that had run for 36 min and used 1 min of CPU time."""
    fake_job = FakeJob(ended=2200, first_worker=first_worker, busy=lambda seconds: 0.0, cpu_seconds_by_slurm=60)
    hours = job_of(fake_job, until=2210, begin=2162).core_hours
    assert hours.granted == about(12 * 2200 / HOUR)
    assert hours.used == pytest.approx(60 / HOUR, abs=1e-5)
    assert hours.idle == about(12 * 38 / HOUR)
    assert hours.unobserved == about((12 * 2162 - 60) / HOUR)


def test_job_without_workers_while_observed():
    fake_job = FakeJob(ended=2200, first_worker=1e9, cpu_seconds_by_slurm=60)
    hours = job_of(fake_job, until=2210, begin=2162).core_hours
    assert hours.waiting_for_first_worker == about(12 * 38 / HOUR)
    assert (hours.idle, hours.without_workers) == (0, 0)
    assert hours.unobserved == about((12 * 2162 - 60) / HOUR)


def test_use_of_other_programs_is_not_idle():
    """All time was observed, so it was used in that time."""
    hours = job_of(FakeJob(ended=HOUR, busy=lambda _: 0.1, cpu_seconds_by_slurm=20_000), until=HOUR + 60).core_hours
    assert (hours.used, hours.idle, hours.unobserved) == (about(20_000 / HOUR), about(12 - 20_000 / HOUR), 0)


def test_only_slurm_knows_the_use_in_a_gap():
    fake_job = FakeJob(ended=HOUR, cpu_seconds_by_slurm=20_000)
    hours = tally(*snapshots_of([fake_job], 600), *snapshots_of([fake_job], HOUR + 60, begin=3000)).jobs[0].core_hours
    watched = 12 * 1200 / HOUR
    assert hours.used == about(20_000 / HOUR)
    assert hours.idle == about(0.05 * watched)
    assert hours.unobserved == about(12 - 20_000 / HOUR - 0.05 * watched)


def test_only_slurm_knows_the_use_of_earlier_jobs():
    hours = job_of(FakeJob(ended=HOUR, cpu_seconds_by_slurm=20_000), until=HOUR + 300, begin=HOUR + 60).core_hours
    assert (hours.used, hours.unobserved) == (about(20_000 / HOUR), about(12 - 20_000 / HOUR))
    assert {hours.idle, hours.waiting_for_first_worker, hours.without_workers, hours.without_tasks} == {None}


def test_one_snapshot_has_slurms_figures():
    shown = snapshot_at([FakeJob()], HOUR)
    [job_seen] = shown.jobs
    sampled = replace(job_seen.tasks[0], cpu_seconds=7200, max_rss_bytes=3 * GIB)
    report = tally(replace(shown, jobs=(replace(job_seen, tasks=(sampled,)),)))
    [job] = report.jobs
    hours = job.core_hours
    assert (hours.granted, hours.used, hours.unobserved) == (12, 2, 10)
    unseen = (hours.idle, hours.waiting_for_first_worker, hours.without_workers, hours.without_tasks)
    assert set(unseen) == {None}
    assert (job.gib_hours.granted, job.gib_hours.used, job.gib_hours.unobserved) == (16, None, 16)
    assert job.peaks.max_rss_bytes == 3 * GIB
    assert report.series is None
    assert (report.snapshots, report.observed_seconds) == (1, 0)


def test_job_that_never_started_hides_no_unknown():
    hours = tally(snapshot_at([FakeJob(), FakeJob("2", started=None)], HOUR)).totals.core_hours
    assert (hours.granted, hours.used, hours.idle, hours.unobserved) == (12, None, None, 12)


def test_without_slurm_only_the_use_is_known():
    unknown = {"state": None, "started_at": None, "submitted_at": None, "time_limit_seconds": None}
    fake_job = FakeJob(values=unknown | {"allocated": Allocated(cpus=None, memory_bytes=None, gpus=None)})
    report = report_of(fake_job, until=HOUR)
    [job] = report.jobs
    assert job.core_hours.used == about(12 * 0.95)
    assert {job.core_hours.granted, job.core_hours.idle, job.core_hours.unobserved, job.elapsed_seconds} == {None}
    assert (report.totals.jobs_unknown, report.totals.core_hours.granted) == (1, None)


def test_requeued_job_has_two_runs():
    """The node fails after 600 s; the job runs again 400 s later."""
    first = FakeJob(ended=600, state="NODE_FAIL")
    fate = Fate(
        state="NODE_FAIL",
        exit_code=None,
        signal=None,
        ended_at=moment(600),
        max_rss_bytes=None,
        explanation="",
        cpu_seconds=9,
    )
    waiting = FakeJob(started=1000, values={"previous_fate": fate})
    again = FakeJob(started=1000, ended=2000, values={"previous_fate": fate})
    snapshots = [
        *snapshots_of([first], 596),
        *snapshots_of([waiting], 990, begin=604),
        *snapshots_of([again], 2100, begin=1000),
    ]
    [job] = tally(*snapshots).jobs
    assert job.runs == 2
    assert job.core_hours.granted == pytest.approx(12 * 1600 / HOUR)
    assert job.elapsed_seconds == 1600
    assert job.started_at == moment(1000)
    assert job.queue_seconds == 0


def test_requeue_between_two_polls_is_detected():
    snapshots = [
        *snapshots_of([FakeJob(started=0)], 600),
        *snapshots_of([FakeJob(started=610)], 1210, begin=620),
    ]
    [job] = tally(*snapshots).jobs
    assert job.runs == 2
    assert job.core_hours.granted == pytest.approx(12 * (600 + 600) / HOUR)


def test_corrected_start_is_no_other_run():
    snapshots = [
        *snapshots_of([FakeJob(started=5)], 600),
        *snapshots_of([FakeJob(started=6, ended=1006)], 1210, begin=602),
    ]
    [job] = tally(*snapshots).jobs
    assert (job.runs, job.elapsed_seconds) == (1, 1000)


def test_suspended_time_does_not_count():
    """The last report of its suspended workers is outdated."""
    report = report_of(FakeJob(ended=HOUR, suspended=(600, 1800)), until=4000)
    [job] = report.jobs
    assert job.elapsed_seconds == about(2400)
    assert job.core_hours.granted == about(8)
    assert job.core_hours.used == about(8 * 0.95)
    assert job.core_hours.idle == about(8 * 0.05)
    assert job.core_hours.unobserved == about(0)
    assert job.core_hours.without_workers == pytest.approx(0, abs=12 * 5 / HOUR), "precise to one snapshot"
    assert job.gib_hours.granted == about(16 * 2 / 3)
    assert report.series is not None
    assert 0 in report.series.cpus_granted


def test_suspended_time_comes_from_slurm():
    fake_job = FakeJob(ended=HOUR, suspended=(610, 1790))
    job = job_of(fake_job, until=4000, every=60)
    assert job.core_hours.granted == pytest.approx(12 * (HOUR - 1180) / HOUR, abs=1e-5)
    parts = [job.core_hours.used, job.core_hours.idle, job.core_hours.without_workers, job.core_hours.unobserved]
    assert sum(part or 0 for part in parts) == about(job.core_hours.granted)
    while_it_is = job_of(fake_job, until=1500, every=60)
    assert while_it_is.core_hours.granted == pytest.approx(12 * 610 / HOUR, abs=12 * 60 / HOUR)


def test_time_of_node_preparation_does_not_count():
    """SLURM corrects the start time once they are ready."""
    snapshots = [
        *snapshots_of([FakeJob(started=0, first_worker=1e9, values={"state": "CONFIGURING"})], 300),
        *snapshots_of([FakeJob(started=300, ended=900)], 1000, begin=302),
    ]
    [job] = tally(*snapshots).jobs
    assert (job.runs, job.elapsed_seconds) == (1, 600)


def test_completing_time_does_not_count():
    ending = FakeJob(first_worker=1e9, values={"state": "COMPLETING", "ends_at": moment(400)})
    [job] = tally(*snapshots_of([FakeJob()], 398), *snapshots_of([ending], 500, begin=400)).jobs
    assert job.elapsed_seconds == 400


def test_job_forgotten_by_slurm_keeps_its_data():
    forgotten = FakeJob(first_worker=1e9, values={"state": None, "started_at": None, "name": None})
    [job] = tally(*snapshots_of([FakeJob()], 600), *snapshots_of([forgotten], 700, begin=602)).jobs
    assert (job.elapsed_seconds, job.name, job.cpus) == (600, "dask-worker", 12)


def test_other_jobs_of_the_user_are_excluded():
    report = report_of(FakeJob(), FakeJob("1", values={"evidence": ()}, first_worker=1e9), until=100)
    assert [job.job_id for job in report.jobs] == ["4709"]
    assert report.totals.jobs_at_once == 1
    assert report.series is not None
    assert set(report.series.cpus_granted) == {12}


def test_idle_hours_are_never_negative():
    hours = job_of(FakeJob(ended=HOUR, cpu_per_task=150.0), until=HOUR).core_hours
    assert hours.used == about(18)
    assert hours.idle == 0


def test_totals_are_the_sums_of_jobs():
    report = report_of(
        FakeJob("1", ended=1000.0),
        FakeJob("2", started=300, first_worker=60),
        FakeJob("3", state="TIMEOUT", ended=500.0),
        until=2000,
    )
    for hours in ("core_hours", "gib_hours"):
        for field in ("granted", "used", "idle", "without_tasks", "waiting_for_first_worker", "unobserved"):
            parts = [getattr(getattr(job, hours), field) for job in report.jobs]
            assert getattr(getattr(report.totals, hours), field) == pytest.approx(sum(parts)), field
    assert (report.totals.jobs, report.totals.jobs_ended_badly, report.totals.jobs_at_once) == (3, 1, 3)
    assert [job.job_id for job in report.jobs] == ["1", "3", "2"]


def test_peaks_are_the_highest_values():
    spike = FakeJob(memory_share=lambda seconds: 0.9 if 100 <= seconds < 103 else 0.2, busy=lambda s: min(1.0, s / 600))
    peaks = job_of(spike, until=1000).peaks
    assert peaks.worker_memory_bytes == int(0.9 * 4 * GIB)
    assert peaks.worker_memory_limit_bytes == 4 * GIB
    assert peaks.memory_bytes == 4 * int(0.9 * 4 * GIB)
    assert (peaks.workers, peaks.threads, peaks.threads_busy) == (4, 12, 12)


def test_tasks_at_once_in_a_process():
    [job] = report_of(FakeJob(cpu_per_task=33.0), until=HOUR).jobs
    assert job.several_tasks is not None
    assert job.several_tasks.worker_seconds == 4 * HOUR
    assert (job.several_tasks.tasks, job.several_tasks.cpu_percent) == (3, 99)


def test_time_series_has_means_by_step():
    report = report_of(FakeJob(started=600, first_worker=600, busy=lambda seconds: 0.5), until=2400)
    series = report.series
    assert series is not None
    assert series.begins_at == moment(0)
    assert len(series.cpus_granted) * series.step_seconds == pytest.approx(2400, abs=series.step_seconds)
    first, last = series.cpus_granted[0], series.cpus_granted[-1]
    assert (first, last, series.cpus_used[0]) == (0, 12, 0)
    [job] = report.jobs
    assert job.lane is not None
    assert job.lane.first_step == pytest.approx(1200 / series.step_seconds, abs=1)
    assert job.lane.first_step + len(job.lane.cpu_percent) == len(series.cpus_used)
    assert set(job.lane.with_tasks_percent) == {100.0}


def test_time_series_has_gaps():
    early, late = snapshots_of([FakeJob()], 600), snapshots_of([FakeJob()], 7200, begin=6000)
    series = tally(*early, *late).series
    assert series is not None
    assert None in series.cpus_granted


@pytest.mark.parametrize("hours", [1, 100])
def test_time_series_is_bounded(hours):
    report = report_of(FakeJob(), until=hours * HOUR, every=10.0 * hours)
    assert report.series is not None
    assert 100 <= len(report.series.cpus_used) <= 240


def test_clock_set_back_leaves_a_gap():
    early, late = list(snapshots_of([FakeJob()], 600)), list(snapshots_of([FakeJob()], 600))
    [job] = tally(*early, *late).jobs
    assert job.elapsed_seconds == 600
    assert job.core_hours.used == about(12 * 0.95 * 1200 / HOUR)


def test_snapshot_with_an_absurd_time_does_no_harm():
    snapshots = list(snapshots_of([FakeJob()], HOUR))
    strange = replace(snapshots[50], taken_at=moment(80 * 365 * 86400))
    report = tally(*snapshots[:50], strange, *snapshots[51:])
    assert report.jobs[0].core_hours.granted == about(12)
    assert report.jobs[0].core_hours.used == about(12 * 0.95)
    assert report.series is not None
    assert len(report.series.cpus_used) >= 100


def test_impossible_figures_are_unknown():
    def wild(shown: Snapshot) -> Snapshot:
        [job_seen] = shown.jobs
        [held] = job_seen.tasks
        workers = [
            replace(worker, cpu_percent=1e300, memory_bytes=10**40, executing=-5, nthreads=10**30, spilled_bytes=-1)
            for worker in held.workers
        ]
        return replace(shown, jobs=(replace(job_seen, tasks=(replace(held, workers=tuple(workers)),)),))

    report = tally(*map(wild, snapshots_of([FakeJob()], 100)))
    [job] = report.jobs
    assert (job.core_hours.used, job.gib_hours.used) == (None, None)
    assert job.core_hours.unobserved == job.core_hours.granted
    assert job.peaks.cpu_percent is None
    json = msgspec.json.decode(report_json(report))
    assert json["jobs"][0]["peaks"]["memory_bytes"] is None


def test_report_needs_a_snapshot():
    with pytest.raises(ValueError, match="snapshot"):
        UsageAccumulator().report()


def test_report_changes_nothing():
    snapshots = list(snapshots_of([FakeJob(), FakeJob("2", started=100)], 1000))
    once, often = UsageAccumulator(2), UsageAccumulator(2)
    for shown in snapshots:
        once.add(shown)
        often.add(shown)
        often.report()
    assert often.report() == once.report()


def test_json_matches_the_schema():
    schema = report_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    report = report_of(FakeJob(ended=500.0, state="OUT_OF_MEMORY"), FakeJob("2", started=None), until=1000)
    assert report.advice
    json = msgspec.json.decode(report_json(report))
    jsonschema.validate(json, schema)
    assert json["report_version"] == 1
    jsonschema.validate(msgspec.json.decode(report_json(tally(snapshot_at([], 0)))), schema)


def test_jobs_of_another_scheduler_are_not_observed():
    """Two clusters of one user, each observed for 300 s: the other one's workers are unknown meanwhile."""
    one, other = FakeJob("1", cpus=12), FakeJob("2", cpus=12)

    def seen(now: float) -> Snapshot:
        is_first = now < 300
        shown = snapshot_at((one, other), now)
        jobs = [
            seen if (seen.job_id == "1") is is_first else replace(seen, tasks=(), evidence=()) for seen in shown.jobs
        ]
        address = f"tcp://10.0.0.{1 if is_first else 2}:8786"
        return replace(shown, jobs=tuple(jobs), cluster=replace(shown.cluster, scheduler_address=address))

    report = tally(*(seen(10.0 * number) for number in range(61)))
    assert [job.job_id for job in report.jobs] == ["1", "2"]
    for job in report.jobs:
        hours = job.core_hours
        assert hours.granted == about(2)
        assert hours.used == pytest.approx(0.95, rel=0.02)
        assert hours.unobserved == pytest.approx(1, rel=0.02)
        assert not hours.waiting_for_first_worker
        assert not hours.without_workers
        assert job.observed_seconds == pytest.approx(300, abs=5)
    assert report.observed_seconds == 600
    assert report.totals.core_hours.unobserved == about(2)


def test_restarted_scheduler_observes_the_same_jobs():
    fake_job = FakeJob(first_worker=0)
    shown = [
        replace(seen, cluster=replace(seen.cluster, scheduler_address=f"tcp://10.0.0.{1 + index // 30}:8786"))
        for index, seen in enumerate(snapshots_of([fake_job], 600, 10))
    ]
    assert tally(*shown).jobs[0].core_hours.unobserved == 0
