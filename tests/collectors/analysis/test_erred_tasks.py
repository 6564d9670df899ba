"""Erred tasks are split into failed and blocked ones, and only as far as the failures tell."""

from datetime import timedelta

from msgspec.structs import replace

from dasktop.collectors.analysis.erred_tasks import erred_tasks, progress_states
from dasktop.collectors.model.work import Failure, Progress, TaskStates, Work
from tests.support.snapshots import TAKEN_AT
from tests.support.work import computation, failure, task_name, work


def given(*failures: Failure, load: int = 1, regrid: int = 5) -> Work:
    """Return two names with erred tasks, in one computation."""
    return work(
        computations=(computation(task_names=("load", "regrid"), states={"memory": 9, "erred": load + regrid}),),
        task_names=(
            task_name("load", states={"memory": 4, "erred": load}),
            task_name("regrid", states={"memory": 5, "erred": regrid}),
        ),
        failures=failures,
        progress=Progress(done=9, total=9 + load + regrid, failed=None, blocked=None, erred=load + regrid),
    )


LOAD = failure("load-1", task_name="load", blocks=3)
REGRIDS = (failure("regrid-1", blocks=0), failure("regrid-2", blocks=0))


def states(of: Work) -> list[TaskStates]:
    erred = erred_tasks(of)
    return [
        *map(erred.of_name, of.task_names),
        *map(erred.of_computation, of.computations),
        progress_states(erred.of_progress(of.progress)),
    ]


def test_failed_and_blocked_ones_are_told_apart() -> None:
    assert states(given(LOAD, *REGRIDS)) == [
        {"memory": 4, "failed": 1},
        {"memory": 5, "failed": 2, "blocked": 3},
        {"memory": 9, "failed": 3, "blocked": 3},
        {"failed": 3, "blocked": 3},
    ]


def test_failures_that_are_missing_leave_the_rest_unsplit() -> None:
    assert states(given(LOAD, *REGRIDS, regrid=50)) == [
        {"memory": 4, "failed": 1},
        {"memory": 5, "erred": 50},
        {"memory": 9, "erred": 51},
        {"erred": 51},
    ]


def test_unknown_failures_split_nothing() -> None:
    assert states(replace(given(), failures=None))[-1] == {"erred": 6}


def test_all_failed_themselves_although_others_are_missing() -> None:
    assert states(given(*REGRIDS, failure("load-1", task_name="load", blocks=0), regrid=2))[-1] == {"failed": 3}


def test_failures_of_an_earlier_run_do_not_count() -> None:
    before = [failure(f"old-{number}", at=TAKEN_AT - timedelta(minutes=9), blocks=0) for number in range(9)]
    assert states(given(*before, LOAD, *REGRIDS))[1] == {"memory": 5, "failed": 2, "blocked": 3}


def test_a_name_of_two_computations_is_not_split_between_them() -> None:
    computations = tuple(
        computation(number, task_names=("load", "regrid"), states={"erred": 3}) for number in ("c1", "c2")
    )
    assert states(replace(given(LOAD, *REGRIDS), computations=computations))[2:4] == [{"erred": 3}, {"erred": 3}]


def test_nothing_erred() -> None:
    assert states(given(load=0, regrid=0))[-1] == {"erred": 0}


def test_names_that_are_not_listed_are_unknown() -> None:
    unlisted = Progress(done=0, total=9, failed=None, blocked=None, erred=9)
    assert erred_tasks(given(LOAD, *REGRIDS)).of_progress(unlisted) == unlisted
    assert progress_states(erred_tasks(given(load=0, regrid=0)).of_progress(unlisted)) == {"erred": 9}
