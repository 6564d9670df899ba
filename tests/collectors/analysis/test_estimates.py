"""Rates and ETAs: from totals that only grow, as ranges, and unknown until enough has finished."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from random import Random
from statistics import mean

import pytest
from msgspec.structs import replace

from dasktop.collectors.analysis.estimates import estimated
from dasktop.collectors.analysis.work_history import MOST_SAMPLES, WorkHistory
from dasktop.collectors.model.work import Eta, TaskName, Work
from tests.benchmarks.bench_eta import (
    FOLDER,
    LEAST_COVERED,
    LEAST_NARROW,
    back_test,
    covered_names,
    moments_of,
    simulated_scores,
)
from tests.benchmarks.simulated_work import SHAPES
from tests.support.snapshots import TAKEN_AT
from tests.support.work import computation, task_name, work

VALIDATION = [
    "validation-parallel",
    "validation-barrier",
    "validation-barrier-longer",
    "validation-barrier-shorter",
    "validation-two",
    "validation-heavy",
    "validation-heavy-1.6",
    "validation-heavy-many",
    "validation-growing",
    "validation-growing-slowly",
]
"""Without ``validation-heavy-1.2``, see tests/fixtures/eta/README.md."""


def after(finished: int, waiting: int, **states: int) -> Work:
    """Return work of one name, each task of one second."""
    states = {"waiting": waiting, "processing": 4, **states}
    name = task_name(
        states=states, finished_total=finished, compute_seconds=float(finished), seconds_mean=1.0, seconds_max=1.2
    )
    return work(task_names=(name,), computations=(computation(states=states),))


def run(*works: Work, threads: int | None = 4, scheduler_ids: str = "") -> tuple[Work, WorkHistory]:
    """Return the last of several, two seconds apart."""
    history = WorkHistory()
    for second, each in enumerate(works):
        at = TAKEN_AT + timedelta(seconds=2 * second)
        scheduler_id = scheduler_ids[second] if scheduler_ids else "s"
        shown, history = estimated(each, at, threads, scheduler_id, history)
    return shown, history


def ends(*works: Work) -> list[Eta]:
    """Return the estimates of all, two seconds apart, after some in which tasks finished."""
    history, found = WorkHistory(), []
    for second, each in enumerate([*(after(10 * n, 200 - 10 * n) for n in range(1, 6)), *works]):
        shown, history = estimated(each, TAKEN_AT + timedelta(seconds=2 * second), 4, "s", history)
        assert shown.eta is not None
        found.append(shown.eta)
    return found[5:]


def test_early_end_does_not_run_with_the_clock():
    same = ends(*[after(50, 150)] * 90)
    assert {eta.earliest for eta in same[1:]} == {same[0].earliest}
    assert same[-1].earliest < TAKEN_AT + timedelta(seconds=2 * 94), "it could have been done by then"
    assert same[-1].latest > same[0].latest, "the running tasks take longer"


def test_early_end_moves_when_something_is_learnt():
    same = [after(50, 150)] * 20
    for news in (after(51, 149), after(50, 151)):
        *_, before, then = ends(*same, news)
        assert then.earliest > before.earliest + timedelta(seconds=30)


def test_work_that_was_read_once_counts_once():
    """In a large cluster it is not read at each poll: snapshots between readings repeat it."""
    moments = [TAKEN_AT + timedelta(seconds=4 * number) for number in range(6)]
    readings = [replace(after(8 * n, 200 - 8 * n), read_at=at) for n, at in enumerate(moments)]
    once, twice = WorkHistory(), WorkHistory()
    for reading, at in zip(readings, moments, strict=True):
        shown, once = estimated(reading, at, 4, "s", once)
        for later in (0, 2):
            repeated, twice = estimated(reading, at + timedelta(seconds=later), 4, "s", twice)
            assert repeated == shown
    assert (once, shown.rate_per_second) == (twice, 2.0)


def test_no_work():
    assert estimated(None, TAKEN_AT, 4, "s", WorkHistory())[0] is None


def test_first_snapshot_has_no_rate():
    shown, _ = run(after(40, 60))
    assert shown.rate_per_second is None
    assert shown.task_names[0].rate_per_second is None


def test_first_snapshot_has_no_rate_beside_names_that_are_done():
    done = task_name("load", states={"memory": 5}, finished_total=5)
    shown, _ = run(work(task_names=(*after(40, 60).task_names, done)))
    assert shown.rate_per_second is None


def test_rate_counts_released_results():
    """States only show the results that are kept."""
    shown, _ = run(after(40, 60, memory=40), after(48, 52, released=8))
    assert shown.rate_per_second == 4.0


def rates_of(*totals: int, **of_last: int) -> list[float | None]:
    """Return the rate at each poll of one name with these totals of finished tasks; those of the last are left."""
    polls = [after(total, 9) for total in totals]
    ended = task_name(states=of_last, finished_total=totals[-1], compute_seconds=float(totals[-1]))
    polls.append(work(task_names=(ended,)))
    return [run(*polls[: number + 1])[0].rate_per_second for number in range(len(polls))]


def test_rate_is_zero_at_once_after_the_end():
    assert rates_of(0, 8, 16, memory=16) == [None, 4.0, 4.0, 0.0]
    assert rates_of(0, 8, 16, memory=10, erred=2, **{"no-worker": 4})[-1] == 0.0


def test_rate_is_zero_while_nothing_runs():
    assert rates_of(0, 8, waiting=8)[-1] == 0.0
    between = after(12, 4, processing=0)
    assert run(after(0, 16), after(8, 8), between)[0].rate_per_second == 3.0, "tasks finished since the last poll"


def test_rate_begins_with_the_first_task():
    idle, busy = [after(0, 80, processing=0)] * 20, [after(8, 72), after(16, 64)]
    assert run(*idle, *busy)[0].rate_per_second == 4.0
    ended = [after(400, 0, processing=0)] * 5
    again = [after(408, 72), after(416, 64)]
    assert run(after(0, 400), *ended, *again)[0].rate_per_second == 4.0, "the same name again, after a pause"


def test_rate_includes_pauses_in_between():
    waits = task_name("other", states={"processing": 1}, finished_total=0)
    polls = [work(task_names=(*after(total, 80, processing=0).task_names, waits)) for total in (0, 8, 8, 8)]
    assert run(*polls)[0].task_names[0].rate_per_second == 1.33


def test_eta_is_a_range_around_the_time_that_is_left():
    shown, _ = run(after(40, 60), after(48, 52))
    now = TAKEN_AT + timedelta(seconds=2)
    assert shown.eta.earliest < now + timedelta(seconds=14) < shown.eta.latest
    assert shown.computations[0].eta is not None
    assert shown.task_names[0].eta is not None


def names_of(*names: TaskName, polls: int = 30, threads: int = 4) -> Work:
    """Return work that has been as it is for some polls."""
    history = WorkHistory()
    for second in range(polls):
        at = TAKEN_AT + timedelta(seconds=second)
        shown, history = estimated(work(task_names=names), at, threads, "s", history)
    return shown


def known_name(name: str, finished: int = 400, seconds: float = 1.0, **states: int) -> TaskName:
    return task_name(
        name, states=states, finished_total=finished, compute_seconds=finished * seconds, seconds_max=1.1 * seconds
    )


def unknown_name(name: str, **states: int) -> TaskName:
    return task_name(name, states=states, finished_total=0, compute_seconds=0.0, seconds_max=None)


def left_seconds(shown: Work, after: float = 0.0) -> tuple[float, float]:
    """Return the time until the earliest and the latest end."""
    return tuple((end - TAKEN_AT).total_seconds() - after for end in (shown.eta.earliest, shown.eta.latest))


def test_names_that_have_not_run_take_as_long_as_others_and_are_less_certain():
    known = names_of(known_name("load", queued=396, processing=4), polls=1)
    unknown = names_of(known_name("load", memory=400), unknown_name("regrid", queued=396, processing=4), polls=1)
    assert left_seconds(unknown)[0] < left_seconds(known)[0] < 105 < left_seconds(known)[1] < left_seconds(unknown)[1]
    assert "assumed that 400 tasks of regrid, of which none has finished" in unknown.eta.based_on
    assert "assumed" not in known.eta.based_on


def test_a_name_is_less_certain_if_known_names_differ():
    same = names_of(known_name("a"), known_name("b"), unknown_name("regrid", queued=400), polls=1)
    differ = names_of(known_name("a"), known_name("b", seconds=20.0), unknown_name("regrid", queued=400), polls=1)
    ratios = [latest / earliest for earliest, latest in map(left_seconds, (same, differ))]
    assert ratios[1] > 2 * ratios[0]


def test_latest_end_supposes_that_few_ready_tasks_keep_most_threads_idle():
    chains = names_of(known_name("load", waiting=400, processing=2), threads=100, polls=2)
    assert left_seconds(chains)[0] < 10
    assert left_seconds(chains)[1] > 150


def test_earliest_end_supposes_that_the_cluster_keeps_growing():
    history = WorkHistory()
    for poll, threads in enumerate([8, 8, 8, 8, 16]):
        at = TAKEN_AT + timedelta(seconds=10 * poll)
        name = known_name("load", finished=400 + 80 * poll, queued=4000)
        grown, history = estimated(work(task_names=(name,)), at, threads, "s", history)
    constant = names_of(name, threads=16, polls=1)
    seconds = left_seconds(grown, after=40.0)
    assert seconds[0] < left_seconds(constant)[0] - 50
    assert seconds[1] == pytest.approx(left_seconds(constant)[1], rel=0.2)


def test_no_eta_if_nothing_makes_progress():
    assert names_of(known_name("load", queued=4000), polls=100).eta is None


def test_one_long_task_ends_with_itself_however_many_threads_there_are():
    shown = names_of(known_name("load", seconds=100.0, processing=1), threads=64, polls=1)
    assert left_seconds(shown)[0] < 50 < left_seconds(shown)[1] < 200


def test_a_name_without_finished_tasks_has_no_eta_of_its_own():
    shown = names_of(known_name("load", queued=40), unknown_name("regrid", waiting=40), polls=1)
    assert [name.eta is None for name in shown.task_names] == [False, True]
    both = of_computations(known_name("load", queued=40), unknown_name("regrid", waiting=40))
    assert [one.eta is None for one in both.computations] == [False, True]


def test_eta_leaves_out_what_no_worker_can_run():
    names = (
        known_name("load", queued=40),
        known_name("train", **{"no-worker": 2}),
        replace(known_name("predict", waiting=5), held_up=3),
    )
    shown = names_of(*names, polls=1)
    assert (shown.eta.tasks_left_out, shown.computations[0].eta) == (5, None)
    assert left_out_of(shown.eta) == {"train": 2, "predict": 3}
    assert shown.eta.based_on.endswith("; without 2 tasks that cannot run and 3 that wait for them")
    assert [name.eta is None for name in shown.task_names] == [False, True, False]
    assert left_seconds(shown)[0] < 42 / 4 < left_seconds(shown)[1]


def left_out_of(eta: Eta) -> dict[str, int]:
    """Return how many tasks of which names an estimate leaves out."""
    return {one.task_name: one.tasks for one in eta.left_out}


def of_computations(*names: TaskName, together: bool = False) -> Work:
    """Return the work of one computation for each name, or of one for all."""
    groups = [names] if together else [(name,) for name in names]
    computations = tuple(
        computation(
            str(number),
            states=dict(sum((Counter(name.states) for name in group), Counter())),
            task_names=tuple(name.name for name in group),
        )
        for number, group in enumerate(groups)
    )
    return estimated(work(task_names=names, computations=computations), TAKEN_AT, 4, "s", WorkHistory())[0]


def test_computations_leave_out_their_own_tasks():
    names = known_name("load", queued=40), known_name("train", queued=4, **{"no-worker": 2}), known_name("regrid")
    etas = [one.eta for one in of_computations(*names).computations]
    assert [eta and eta.tasks_left_out for eta in etas] == [0, 2, None]
    assert left_out_of(etas[1]) == {"train": 2}


def test_names_of_what_a_computation_leaves_out_may_be_unknown():
    """Of a name in several computations, each has an unknown number."""
    name = known_name("load", queued=40, **{"no-worker": 3})
    both = (
        computation("a", states={"queued": 20, "no-worker": 1}, task_names=("load",)),
        computation("b", states={"queued": 20, "no-worker": 2}, task_names=("load",)),
    )
    shown, _ = estimated(work(task_names=(name,), computations=both), TAKEN_AT, 4, "s", WorkHistory())
    assert [(one.eta.tasks_left_out, left_out_of(one.eta)) for one in shown.computations] == [(1, {}), (2, {"load": 2})]
    assert left_out_of(shown.eta) == {"load": 3}


@pytest.mark.parametrize("waiting", [0, 30])
def test_no_eta_if_nothing_can_run(waiting):
    stuck = known_name("train", **{"no-worker": 2})
    shown = of_computations(known_name("load", memory=40), stuck, known_name("predict", waiting=waiting), together=True)
    assert (shown.eta, shown.computations[0].eta) == (None, None)


def test_task_without_known_end_is_left_out_with_its_thread():
    """Nothing tells when the only task of its name ends once it has run far longer than all others."""
    forever = replace(unknown_name("interpolate", processing=1), seconds_max=900.0)
    shown = names_of(known_name("load", queued=300), forever, polls=1)
    assert (shown.eta.tasks_left_out, left_out_of(shown.eta)) == (1, {"interpolate": 1})
    assert "on 3 threads; without 1 task of interpolate: none has finished" in shown.eta.based_on
    assert 60 < left_seconds(shown)[0] < 100 < left_seconds(shown)[1] < 150
    assert names_of(known_name("load", queued=300), replace(forever, states={"processing": 4}), polls=1).eta is None
    assert names_of(known_name("load", memory=300), forever, polls=1).eta is None


@pytest.mark.parametrize("seed", range(20))
def test_parts_end_no_later_than_the_whole(seed):
    chance = Random(seed)
    names = [
        known_name(
            f"n{n}",
            finished=chance.choice([1, 10, 400]),
            seconds=10 ** chance.uniform(-2, 2),
            processing=chance.randrange(3),
            waiting=chance.choice([0, 100]),
        )
        for n in range(6)
    ]
    for shown in (of_computations(*names, together=True), of_computations(*names)):
        known = {name.name: name.eta for name in shown.task_names}
        for one in shown.computations:
            parts = [known[name] for name in one.task_names if known[name]]
            assert all(part.earliest <= one.eta.earliest and part.latest <= one.eta.latest for part in parts)
            assert one.eta is None or (one.eta.earliest <= shown.eta.earliest and one.eta.latest <= shown.eta.latest)


def last_of(etas: Iterable[Eta | None]) -> tuple[datetime, datetime]:
    """Return the earliest and the latest end of all."""
    known = [eta for eta in etas if eta is not None]
    return max(eta.earliest for eta in known), max(eta.latest for eta in known)


@pytest.mark.parametrize("seed", range(20))
def test_the_whole_ends_with_its_last_part(seed):
    chance = Random(seed)
    names = [
        known_name(
            f"n{n}",
            finished=chance.choice([1, 10, 400]),
            seconds=10 ** chance.uniform(-2, 2),
            processing=chance.randrange(1, 3),
            waiting=chance.choice([0, 100]),
        )
        for n in range(6)
    ]
    for shown in (of_computations(*names, together=True), of_computations(*names)):
        assert last_of(name.eta for name in shown.task_names) == (shown.eta.earliest, shown.eta.latest)
        assert last_of(one.eta for one in shown.computations) == (shown.eta.earliest, shown.eta.latest)
        for one in shown.computations:
            own = [name.eta for name in shown.task_names if name.name in one.task_names]
            assert last_of(own) == (one.eta.earliest, one.eta.latest)


def test_other_tasks_may_end_after_the_listed_computations():
    names = (known_name("load", queued=40), known_name("regrid", queued=400))
    listed = (computation(states={"queued": 40}, task_names=("load",)),)
    shown, _ = estimated(work(task_names=names, computations=listed), TAKEN_AT, 4, "s", WorkHistory())
    assert shown.computations[0].eta.latest < shown.eta.latest
    assert last_of(name.eta for name in shown.task_names) == (shown.eta.earliest, shown.eta.latest)


def test_a_part_of_unknown_end_may_be_the_last():
    shown = names_of(known_name("load", queued=300), unknown_name("regrid", waiting=300), polls=1)
    assert shown.task_names[0].eta.latest < shown.eta.latest


@pytest.mark.parametrize("name", ["barrier", "two", "validation-barrier-longer", "validation-barrier-shorter"])
def test_task_names_of_recorded_runs_end_in_their_ranges(name):
    assert covered_names(moments_of(FOLDER / f"{name}.ndjson.gz")) >= LEAST_COVERED


def test_a_name_of_two_computations_ends_with_the_last():
    name = known_name("load", queued=40)
    both = tuple(computation(number, states={"queued": 20}, task_names=("load",)) for number in "ab")
    shown, _ = estimated(work(task_names=(name,), computations=both), TAKEN_AT, 4, "s", WorkHistory())
    assert shown.task_names[0].eta.latest == shown.computations[1].eta.latest > shown.computations[0].eta.latest


def test_computations_end_one_after_another():
    names = (known_name("load", queued=400), known_name("regrid", queued=400))
    both = tuple(computation(each.name, states=each.states, task_names=(each.name,)) for each in names)
    shown, _ = estimated(work(task_names=names, computations=both), TAKEN_AT, 4, "s", WorkHistory())
    first, second = shown.computations
    assert second.eta.latest - first.eta.latest >= timedelta(seconds=95)
    assert shown.eta.earliest > first.eta.latest


def test_durations_of_all_sizes_give_a_range_or_none():
    names = [known_name(f"n{n}", seconds=10.0 ** (n - 9), queued=3) for n in range(20)]
    shown = names_of(*names, unknown_name("later", waiting=10**6), polls=2)
    assert shown.eta is None or shown.eta.earliest <= shown.eta.latest


@pytest.mark.parametrize("threads", [None, 0])
def test_no_eta_without_threads(threads):
    assert run(after(40, 60), after(48, 52), threads=threads)[0].eta is None


def test_no_eta_until_enough_has_finished():
    shown, _ = run(after(0, 100), after(4, 96))
    assert shown.eta is None


def test_no_eta_if_nothing_is_left():
    done = work(task_names=(task_name(states={"memory": 40}),))
    assert run(done, done)[0].eta is None


def test_restarted_scheduler_begins_again():
    shown, history = run(after(400, 60), after(8, 52), scheduler_ids="ab")
    assert shown.rate_per_second is None
    assert len(history.samples) == 1


def test_totals_that_decrease_begin_again():
    shown, _ = run(after(400, 60), after(8, 52))
    assert shown.rate_per_second is None


def test_history_is_bounded():
    history = run(*(after(n, 600) for n in range(600)))[1]
    assert len(history.samples) <= MOST_SAMPLES


@pytest.mark.parametrize("name", ["parallel", "barrier", "two", "heavy", "growing", *VALIDATION])
def test_true_end_of_recorded_runs_is_in_the_range(name):
    score = back_test(moments_of(FOLDER / f"{name}.ndjson.gz"))
    assert score.covered >= LEAST_COVERED
    assert score.narrow >= LEAST_NARROW


@pytest.mark.parametrize("shape", SHAPES)
def test_range_contains_the_end_in_eight_of_ten_cases(shape):
    scores = simulated_scores(shape, runs=100)
    assert mean(score.covered for score in scores) >= LEAST_COVERED
    assert mean(score.narrow for score in scores) >= LEAST_NARROW
