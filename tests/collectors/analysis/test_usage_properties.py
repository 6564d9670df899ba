"""Properties of the usage of any cluster, for any times of the snapshots."""

import random

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dasktop.collectors.analysis.usage import Report, UsageAccumulator
from dasktop.collectors.analysis.usage.series import MOST_STEPS, Grid
from dasktop.collectors.model.report import Hours
from dasktop.collectors.model.snapshot import Snapshot
from tests.support.usage_timeline import FakeJob, snapshot_at

FIELDS = Hours.__struct_fields__
GAP_SECONDS = 60
UNTIL = 1200

seconds = st.integers(0, UNTIL)


@st.composite
def fake_jobs(draw) -> list[FakeJob]:
    """Draw jobs that start, are more or less busy, and end."""
    made = []
    for number in range(draw(st.integers(1, 3))):
        started = draw(seconds)
        first_worker = draw(st.integers(0, 400))
        suspended_at = draw(st.none() | seconds)
        changes_at, share = draw(seconds), draw(st.floats(0, 1))
        made.append(
            FakeJob(
                str(number + 1),
                submitted=started - draw(st.integers(0, 100)),
                started=started,
                ended=draw(st.none() | st.integers(started + 1, started + UNTIL)),
                state=draw(st.sampled_from(["CANCELLED", "COMPLETED", "OUT_OF_MEMORY", "TIMEOUT"])),
                suspended=suspended_at and (suspended_at, suspended_at + draw(seconds)),
                first_worker=first_worker,
                last_worker=draw(st.none() | st.integers(first_worker, UNTIL)),
                cpus=draw(st.sampled_from([4, 12])),
                busy=lambda at, turn=changes_at, share=share: share if at < turn else 0.0,
                memory_share=lambda at, share=share: share,
            )
        )
    return made


@st.composite
def moments(draw) -> list[int]:
    """Draw the times of snapshots, with some gaps."""
    apart = draw(st.lists(st.integers(1, GAP_SECONDS) | st.sampled_from([61, 300]), min_size=1, max_size=60))
    now, times = 0, [0]
    for step in apart:
        now += step
        times.append(now)
    return times


def tally(snapshots: list[Snapshot]) -> Report:
    taken = UsageAccumulator()
    for shown in snapshots:
        taken.add(shown)
    return taken.report()


def snapshots_of(fake_jobs: list[FakeJob], moments: list[int]) -> list[Snapshot]:
    return [snapshot_at(fake_jobs, now) for now in moments]


@settings(max_examples=60)
@given(fake_jobs(), moments())
@example([FakeJob(started=50)], [0, 50, 111])  # it starts exactly at a snapshot
@example(
    [FakeJob(submitted=100, started=100, suspended=(10, 110))], [0, 40, 100, 150]
)  # it is suspended when it starts
@example([FakeJob(ended=100, suspended=(60, 100))], [0, 30, 60, 90, 130])  # it ends while it is suspended
def test_parts_add_up_and_are_not_negative(fake_jobs, moments):
    for job in tally(snapshots_of(fake_jobs, moments)).jobs:
        for hours in (job.core_hours, job.gib_hours):
            figures = {field: getattr(hours, field) for field in FIELDS}
            assert all(value is None or value >= 0 for value in figures.values()), figures
            if hours.granted is not None and hours.used is not None and hours.used <= hours.granted:
                parts = [figures[field] or 0 for field in FIELDS if field not in ("granted", "without_tasks")]
                assert sum(parts) == pytest.approx(hours.granted, abs=0.01), figures
                assert (hours.without_tasks or 0) <= hours.used + (hours.idle or 0) + 1e-5


@settings(max_examples=60)
@given(fake_jobs(), moments(), st.floats(0, 1), st.sampled_from([0, UNTIL // 2, UNTIL]))
def test_slurms_figure_makes_no_unobserved_time_idle(fake_jobs, moments, share, begin):
    for fake_job in fake_jobs:
        fake_job.cpu_seconds_by_slurm = round(
            share * fake_job.cpus * ((fake_job.ended or UNTIL) - (fake_job.started or 0))
        )
    for job in tally(snapshots_of(fake_jobs, [begin + now for now in moments])).jobs:
        hours, cpus = job.core_hours, job.cpus or 0
        if hours.granted is None:
            continue
        unwatched = (job.elapsed_seconds or 0.0) - job.observed_seconds
        assert (hours.idle or 0.0) <= cpus * job.with_workers_seconds / 3600 + 1e-5
        assert (hours.unobserved or 0.0) <= cpus * unwatched / 3600 + 1e-5
        figures = {field: getattr(hours, field) or 0 for field in FIELDS}
        parts = sum(figures[field] for field in FIELDS if field not in ("granted", "without_tasks"))
        # More if SLURM counts use while dask had no worker.
        without_workers = figures["waiting_for_first_worker"] + figures["without_workers"]
        if hours.used is not None:
            assert parts >= hours.granted - 1e-4
            assert parts <= max(hours.granted, figures["used"] + without_workers) + 1e-4


@settings(max_examples=40)
@given(fake_jobs(), moments())
def test_totals_are_the_sums_of_jobs(fake_jobs, moments):
    report = tally(snapshots_of(fake_jobs, moments))
    for name in ("core_hours", "gib_hours"):
        for field in FIELDS:
            started = [job for job in report.jobs if job.runs] or report.jobs
            known = [part for job in started if (part := getattr(getattr(job, name), field)) is not None]
            total = getattr(getattr(report.totals, name), field)
            assert total == (pytest.approx(sum(known), abs=1e-4) if known else None)


@settings(max_examples=40)
@given(fake_jobs(), moments(), st.randoms(use_true_random=False))
def test_order_of_jobs_does_not_matter(fake_jobs, moments, chance: random.Random):
    snapshots = snapshots_of(fake_jobs, moments)
    shuffled = [replace(shown, jobs=tuple(chance.sample(shown.jobs, len(shown.jobs)))) for shown in snapshots]
    one, other = tally(snapshots), tally(shuffled)
    assert other.jobs == one.jobs
    assert other.totals == one.totals


@settings(max_examples=40)
@given(fake_jobs(), moments(), st.floats(0, 1))
def test_two_halves_add_up_to_the_whole(fake_jobs, moments, share):
    """Granted hours count from a job's start in both halves; observed ones add up."""
    snapshots = snapshots_of(fake_jobs, moments)
    middle = int(share * (len(snapshots) - 1))
    whole, first, second = tally(snapshots), tally(snapshots[: middle + 1]), tally(snapshots[middle:])
    for job in whole.jobs:
        halves = [half for report in (first, second) for half in report.jobs if half.job_id == job.job_id]
        for name in ("core_hours", "gib_hours"):
            used = [part for half in halves if (part := getattr(half, name).used) is not None]
            whole_used = getattr(job, name).used
            assert (whole_used or 0.0) == pytest.approx(sum(used), abs=1e-4)
        # Suspended time is observed, and corrected by SLURM for the whole run, also in a half.
        if not any(fake_job.suspended for fake_job in fake_jobs if fake_job.job_id == job.job_id):
            assert sum(half.observed_seconds for half in halves) == pytest.approx(job.observed_seconds, abs=0.01)
    assert first.observed_seconds + second.observed_seconds == pytest.approx(whole.observed_seconds, abs=0.01)


def seconds_with_workers(fake_job: FakeJob) -> float:
    """Return for how long the job has workers and is not suspended."""
    ended = UNTIL if fake_job.ended is None else fake_job.ended
    started = fake_job.started or 0.0
    last = ended - started
    begin, end = fake_job.first_worker, min(last, last if fake_job.last_worker is None else fake_job.last_worker)
    stops, goes_on = (moment - started for moment in fake_job.suspended or (started, started))
    return end - begin - max(0.0, min(end, goes_on) - max(begin, stops))


@settings(max_examples=30)
@given(fake_jobs())
@example([FakeJob("1", started=420, suspended=(52, 489), last_worker=73, cpus=4)])  # with workers for 4 s
def test_every_second_snapshot_gives_similar_hours(fake_jobs):
    """Each change is known to half the time between two snapshots."""
    assume(all(not 0 < seconds_with_workers(fake_job) <= 16 for fake_job in fake_jobs))  # else none may be seen
    dense, sparse = (
        tally(snapshots_of(fake_jobs, [*range(0, UNTIL + 1, 4)])),
        tally(snapshots_of(fake_jobs, [*range(0, UNTIL + 1, 8)])),
    )
    for one, other in zip(dense.jobs, sparse.jobs, strict=True):
        cpus = one.cpus or 0
        suspended = any(fake_job.suspended for fake_job in fake_jobs if fake_job.job_id == one.job_id)
        slack = cpus * 2 * 8 / 3600 if suspended else 0.0
        assert other.core_hours.granted == pytest.approx(one.core_hours.granted, abs=slack, rel=0)
        for field in ("used", "idle", "without_tasks", "waiting_for_first_worker", "without_workers"):
            values = getattr(one.core_hours, field), getattr(other.core_hours, field)
            if None not in values:
                assert values[1] == pytest.approx(values[0], abs=cpus * 4 * 8 / 3600), field


@settings(max_examples=30)
@given(fake_jobs(), moments())
def test_snapshots_after_the_end_change_nothing(fake_jobs, moments):
    over = [replace_end(fake_job) for fake_job in fake_jobs]
    end = max(int(fake_job.ended or 0) for fake_job in over) + 10
    seen = [*(now for now in moments if now < end), end]
    short, long = tally(snapshots_of(over, seen)), tally(snapshots_of(over, [*seen, end + 30, end + 60, end + 3000]))
    assert [job.core_hours for job in long.jobs] == [job.core_hours for job in short.jobs]
    assert [job.gib_hours for job in long.jobs] == [job.gib_hours for job in short.jobs]


def replace_end(fake_job: FakeJob) -> FakeJob:
    fake_job.ended = fake_job.ended or (fake_job.started or 0) + 100
    return fake_job


@given(st.lists(st.tuples(st.floats(0.001, 500), st.floats(0, 10)), min_size=1, max_size=50), st.floats(1, 30))
def test_folding_a_track_keeps_its_sums(stretches, step):
    grid = Grid(step)
    track = grid.track()
    now = 1_700_000_000.0
    for length, value in stretches:
        track.add(grid.pieces(now, now + length), value)
        now += length
    means = track.means(0, track.steps, digits=9)
    assert len(means) <= MOST_STEPS
    total = sum(length * value for length, value in stretches)
    lengths = [grid.step_seconds] * (len(means) - 1) + [now - 1_700_000_000.0 - grid.step_seconds * (len(means) - 1)]
    assert None not in means
    assert sum(mean * length for mean, length in zip(means, lengths, strict=True)) == pytest.approx(total, abs=0.01)
