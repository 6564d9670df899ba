"""The scheduler's longest running tasks, found without looking at all of them."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from dasktop.collectors.sources.dask.shipped_work import MOST_RUNNING, longest_tasks, read_running


class Task:
    """A task that runs; hashable, as in dask."""

    prefix = SimpleNamespace(name="work")

    def __init__(self, key: str) -> None:
        self.key = key


SECONDS = st.integers(0, 5).map(float)


@given(st.lists(st.lists(SECONDS, max_size=3), max_size=80))
def test_no_task_that_is_left_out_ran_longer(executing: list[list[float]]) -> None:

    workers = {
        f"tcp://{number}": SimpleNamespace(
            address=f"tcp://{number}", executing={Task(f"{number}-{i}"): one for i, one in enumerate(seconds)}
        )
        for number, seconds in enumerate(executing)
    }
    scheduler = SimpleNamespace(workers=workers)
    rows = read_running(scheduler, longest_tasks(scheduler)[1])
    longest = sorted((one for seconds in executing for one in seconds), reverse=True)[:MOST_RUNNING]
    assert [seconds for *_, seconds in rows] == longest
    assert len({key for key, *_ in rows}) == len(rows)
