"""Read the call stack of a worker's thread, through the scheduler. Only on request, never at every poll."""

from typing import NamedTuple

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.sources.dask.connection import Connection
from dasktop.collectors.sources.dask.plain_values import as_dict, as_int, as_text, as_tuple
from dasktop.collectors.sources.dask.shipped_scheduler import ASK_WORKERS
from dasktop.collectors.sources.dask.shipped_worker import FRAME_FIELDS, STACK

_WORKER_SECONDS = 1.0
"""Timeout for the worker: the same as for its threads, since the next reading of the scheduler waits for it."""


class Calls(NamedTuple):
    """The call stack of a thread at one moment."""

    lines: tuple[str, ...]
    """Its calls, innermost first: a line with the position, and one with the source line, if available."""
    running: str | None = None
    """The dask task, or ``no dask task``; ``None``: unknown."""


async def read_call_stack(connection: Connection, address: str, native_id: int, timeout_seconds: float) -> Calls:
    """Return the thread's calls and the task that it runs, both at one moment.

    Parameters
    ----------
    connection
        To a scheduler that has our handler.
    address, native_id
        Of a worker whose threads have been read, and of the thread.
    timeout_seconds
        For the scheduler, in addition to the worker's.

    Raises
    ------
    SourceError
        It is unavailable; the text says why.
    """
    answers = as_dict(
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
    outcome, answer = (*as_tuple(answers.get(address)), None, None)[:2]
    if outcome == "answered":
        stack = as_dict(answer)
        if error := as_text(stack.get("error")):
            raise SourceError(error)
        if isinstance(stack.get("frames"), list | tuple):
            lines = tuple(line for frame in as_tuple(stack["frames"]) for line in _lines(as_tuple(frame)))
            # The thread may run another task than at its last reading: this is the one of these calls.
            return Calls(lines, as_text(stack["key"]) or "no dask task" if "key" in stack else None)
    if outcome == "silent":
        raise SourceError(f"the worker did not answer within {_WORKER_SECONDS:g} s: it hangs, or a task holds the GIL")
    raise SourceError(as_text(answer) or "the worker does not return call stacks")


def _lines(frame: tuple[object, ...]) -> list[str]:
    """Return one or two lines for a call."""
    if len(frame) != len(FRAME_FIELDS):
        return []
    call = dict(zip(FRAME_FIELDS, frame, strict=True))
    where = f"{as_text(call['name']) or '?'}  {as_text(call['file']) or '?'}"
    number, source = as_int(call["line"]), as_text(call["source"])
    return [where if number is None else f"{where}:{number}", *([f"    {source}"] if source else [])]
