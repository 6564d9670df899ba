"""Read the log messages that dask's processes keep in memory (``get_logs``), only on request. The files stay unread.

Each process keeps the last 10,000 messages of its ``distributed`` loggers; output of the user's code is not among them.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.sources.dask.connection import Connection
from dasktop.collectors.sources.dask.plain_values import as_dict, as_number, as_text, as_tuple
from dasktop.collectors.sources.dask.shipped_scheduler import ASK_WORKERS
from dasktop.collectors.text.clean import MAX_LINES, clean_lines

MOST_WORKERS = 50
MOST_MESSAGES = 300
"""Per process."""
MOST_SCHEDULER_MESSAGES = 3000
MOST_LINES_OF_MESSAGE = 200
_AT_ONCE = 16
_WORKER_SECONDS = 2.0


class _Message(NamedTuple):
    at: float
    lines: tuple[str, ...]


async def read_scheduler_log(connection: Connection, timeout_seconds: float) -> tuple[str, ...]:
    """Return the last lines of the scheduler's log, oldest first.

    Raises
    ------
    SourceError
        It did not answer.
    """
    answer = await connection.call("get_logs", timeout_seconds, n=MOST_SCHEDULER_MESSAGES, timestamps=True)
    if not isinstance(answer, list | tuple):
        raise SourceError("the scheduler does not return its log")
    return _joined(_messages(answer, "scheduler"))


async def read_worker_logs(
    connection: Connection, workers: Mapping[str, str], timeout_seconds: float
) -> tuple[str, ...]:
    """Return the last lines of the logs of workers and their nannies, oldest first; each begins with its process.

    Parameters
    ----------
    connection
        To a scheduler that has our handler.
    workers
        Name by address; only the first MOST_WORKERS are asked.
    timeout_seconds
        For all workers, and again for all nannies.

    Raises
    ------
    SourceError
        None of them answered; the text says why.
    """
    asked = dict(itertools.islice(workers.items(), MOST_WORKERS))
    messages: list[_Message] = []
    problems: list[str] = []
    for kind in ("worker", "nanny"):
        answers = as_dict(
            await connection.call(
                ASK_WORKERS,
                timeout_seconds + _WORKER_SECONDS,
                addresses=list(asked),
                messages=[{"op": "get_logs", "n": MOST_MESSAGES, "timestamps": True, "close": True}],
                worker_seconds=_WORKER_SECONDS,
                all_seconds=timeout_seconds,
                at_once=_AT_ONCE,
                nannies=kind == "nanny",
            )
        )
        for address, name in asked.items():
            outcome, answer = (*as_tuple(answers.get(address)), None, None)[:2]
            if outcome == "answered" and isinstance(answer, list | tuple):
                messages += _messages(answer, f"{kind} {name}")
            elif kind == "worker":
                problems.append(f"{kind} {name}: {_problem(outcome, answer)}")
    if not messages and problems:
        raise SourceError(problems[0])
    if len(workers) > MOST_WORKERS:
        problems.append(f"{len(workers) - MOST_WORKERS:,} more workers were not asked")
    return _joined(messages) + tuple(f"dasktop: {problem}" for problem in problems)


def _problem(outcome: object, answer: object) -> str:
    if outcome == "silent":
        return f"no answer within {_WORKER_SECONDS:g} s"
    return as_text(answer) or "it does not return its log"


def _messages(answer: Iterable[Any], process: str) -> Iterator[_Message]:
    """Yield the messages of a process; those of another form are left out."""
    for entry in answer:
        at, _, message = (*as_tuple(entry), None, None, None)[:3]
        time = as_number(at)
        if time is not None and isinstance(message, str):
            lines = clean_lines(message, MOST_LINES_OF_MESSAGE)
            yield _Message(time, tuple(f"{process}  {line}" for line in lines))


def _joined(messages: Iterable[_Message]) -> tuple[str, ...]:
    """Return the lines of all messages by time, only the last MAX_LINES."""
    in_order = sorted(messages, key=lambda message: message.at)
    return tuple(line for message in in_order for line in message.lines)[-MAX_LINES:]
