"""Read the profiles that workers sample, only on request, and add them up."""

import itertools
from collections.abc import Iterator, Mapping

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.queries import Profile, ProfiledCall
from dasktop.collectors.sources.dask.connection import Connection
from dasktop.collectors.sources.dask.plain_values import as_dict, as_int, as_seconds, as_text, as_tuple
from dasktop.collectors.sources.dask.shipped_profile import CALL_FIELDS, DEEPEST
from dasktop.collectors.sources.dask.shipped_scheduler import ASK_WORKERS
from dasktop.collectors.sources.dask.shipped_worker import PROFILE

SECONDS = 600.0
"""The samples of this time are read, if there are any."""
MOST_WORKERS = 50
_AT_ONCE = 16
_WORKER_SECONDS = 3.0
_Where = tuple[str, str | None, int | None]


class _Sum:
    """A function's samples on all workers, and those of what it called."""

    def __init__(self) -> None:
        self.samples: int | None = None
        self.own_samples = 0
        self.calls: dict[_Where, _Sum] = {}

    def add(self, rows: object, depth: int = DEEPEST) -> None:
        """Add what a worker sent; see `shipped_profile`. Rows of another form are left out."""
        for row in map(as_tuple, as_tuple(rows)):
            if len(row) != len(CALL_FIELDS) or not depth:
                continue
            call = dict(zip(CALL_FIELDS, row, strict=True))
            name, samples = as_text(call["name"]), as_int(call["samples"])
            if name is None:
                continue
            of_call = self.calls.setdefault((name, as_text(call["file"]), as_int(call["line"])), _Sum())
            if samples is not None:
                of_call.samples = (of_call.samples or 0) + samples
            of_call.own_samples += as_int(call["own_samples"]) or 0
            of_call.add(call["calls"], depth - 1)

    def as_calls(self) -> tuple[ProfiledCall, ...]:
        """Return the functions that it called, most samples first."""
        found = [
            ProfiledCall(
                name=name,
                file=file,
                line=line,
                samples=one.samples,
                own_samples=one.own_samples,
                calls=one.as_calls(),
            )
            for (name, file, line), one in self.calls.items()
        ]
        return tuple(sorted(found, key=lambda call: -(call.samples or 0)))


async def read_profiles(
    connection: Connection, workers: Mapping[str, str], task_name: str | None, timeout_seconds: float
) -> Profile:
    """Return the sum of the workers' profiles.

    Parameters
    ----------
    connection
        To a scheduler that has our handler.
    workers
        Name by address, of workers that have our handlers; only the first MOST_WORKERS are asked.
    task_name
        Only samples of these tasks; ``None``: of all.
    timeout_seconds
        For all workers.

    Raises
    ------
    SourceError
        None of them answered; the text says why.
    """
    asked = dict(itertools.islice(workers.items(), MOST_WORKERS))
    answers = as_dict(
        await connection.call(
            ASK_WORKERS,
            timeout_seconds + _WORKER_SECONDS,
            addresses=list(asked),
            messages=[{"op": PROFILE, "seconds": SECONDS, "task_name": task_name, "close": True}],
            worker_seconds=_WORKER_SECONDS,
            all_seconds=timeout_seconds,
            at_once=_AT_ONCE,
        )
    )
    whole, answered, samples = _Sum(), 0, 0
    ages = []
    problems = list(_problems(asked, answers))
    for address in asked:
        profile = as_dict((*as_tuple(answers.get(address)), None, None)[1])
        if (count := as_int(profile.get("samples"))) is not None:
            answered += 1
            samples += count
            age = as_seconds(profile.get("age_seconds"))
            ages += [SECONDS if age is None else min(age, SECONDS)] if count else []
            whole.add(profile.get("calls"))
    if not answered:
        raise SourceError(problems[0] if problems else "there are no workers")
    if len(workers) > MOST_WORKERS:
        problems.append(f"{len(workers) - MOST_WORKERS:,} more workers were not asked")
    return Profile(
        seconds=max(ages, default=SECONDS),
        workers=answered,
        samples=samples,
        calls=whole.as_calls(),
        problems=tuple(problems),
    )


def _problems(asked: Mapping[str, str], answers: Mapping[object, object]) -> Iterator[str]:
    """Yield a line for each worker that did not answer."""
    for address, name in asked.items():
        outcome, answer = (*as_tuple(answers.get(address)), None, None)[:2]
        if outcome == "silent":
            yield f"worker {name}: no answer within {_WORKER_SECONDS:g} s: it hangs, or a task holds the GIL"
        elif as_int(as_dict(answer).get("samples")) is None:
            why = as_text(as_dict(answer).get("error")) or as_text(answer)
            yield f"worker {name}: {why or 'it does not return profiles'}"
