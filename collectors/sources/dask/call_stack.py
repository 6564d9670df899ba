"""Asks a worker what one of its threads is doing, through the scheduler. On request only, never at every poll."""

from typing import NamedTuple

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.sources.dask.connection import Connection
from dasktop.collectors.sources.dask.plain import mapping, sequence, whole, word
from dasktop.collectors.sources.dask.shipped_scheduler import ASK_WORKERS
from dasktop.collectors.sources.dask.shipped_worker import FRAME_FIELDS, STACK

_WORKER_SECONDS = 1.0
"""For the worker to answer: as long as for its threads, since the next reading of the scheduler waits for it."""


class Calls(NamedTuple):
    """What a thread was doing at one moment."""

    lines: tuple[str, ...]
    """Its calls, the innermost first: a line that tells where, and one with the source, if it's there."""
    running: str | None = None
    """The dask task, or ``no dask task``; ``None``: the worker doesn't tell."""


async def read_call_stack(connection: Connection, address: str, native_id: int, timeout_seconds: float) -> Calls:
    """Return the thread's calls and the task that it runs, both as of one moment.

    Parameters
    ----------
    connection
        To a scheduler that holds our handler.
    address, native_id
        Of a worker whose threads have been read, and of the thread.
    timeout_seconds
        For the scheduler, beside the worker's own time.

    Raises
    ------
    SourceError
        It can't be told, and why.
    """
    answers = mapping(
        await connection.call(
            ASK_WORKERS,
            _WORKER_SECONDS + timeout_seconds,
            addresses=[address],
            messages=[{"op": STACK, "native_id": native_id}],
            worker_seconds=_WORKER_SECONDS,
            all_seconds=_WORKER_SECONDS,
            at_once=1,
        )
    )
    how, answer = (*sequence(answers.get(address)), None, None)[:2]
    if how == "answered":
        told = mapping(answer)
        if error := word(told.get("error")):
            raise SourceError(error)
        if isinstance(told.get("frames"), list | tuple):
            lines = tuple(line for frame in sequence(told["frames"]) for line in _lines(sequence(frame)))
            # The thread may be at another task than when it was read last: this is the one whose calls these are.
            return Calls(lines, word(told["key"]) or "no dask task" if "key" in told else None)
    if how == "silent":
        raise SourceError(f"the worker didn't answer within {_WORKER_SECONDS:g} s: it hangs, or a task holds the GIL")
    raise SourceError(word(answer) or "the worker doesn't tell its call stacks")


def _lines(frame: tuple[object, ...]) -> list[str]:
    """Return a call in one line or two."""
    if len(frame) != len(FRAME_FIELDS):
        return []
    told = dict(zip(FRAME_FIELDS, frame, strict=True))
    where = f"{word(told['name']) or '?'}  {word(told['file']) or '?'}"
    number, source = whole(told["line"]), word(told["source"])
    return [where if number is None else f"{where}:{number}", *([f"    {source}"] if source else [])]
