"""The scheduler lease: a lock that one dasktop process holds at a time, and the requests that it allows.

Only sends requests: `shipped_scaling` handles them in the scheduler, so that the lock excludes other dasktop processes.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.options import TlsFiles
from dasktop.collectors.scaling import shipped_scaling, shipped_unfinished
from dasktop.collectors.scaling.shipped_scaling import LEASE_SECONDS, SCALE
from dasktop.collectors.sources.address import parse_address
from dasktop.collectors.sources.dask.connection import Connection, RemoteError, note_refusal, refusal_of
from dasktop.collectors.sources.dask.plain_values import as_dict, as_text
from dasktop.collectors.sources.dask.shipping import packed

POLL_SECONDS = 0.25
_CONNECT_SECONDS = 5.0
_CALL_SECONDS = LEASE_SECONDS / 2


class RefusedError(SourceError):
    """A request was refused, or done only in part. The text says why, and what was left unchanged."""


class SchedulerLease:
    """The lock of one scheduler, from `take` until `end`.

    Parameters
    ----------
    address, tls
        Of the scheduler. A lost connection is reopened: the lock is not tied to it.
    """

    def __init__(self, address: str, tls: TlsFiles | None) -> None:
        self._address = address
        self._tls = tls
        self._token = secrets.token_hex(8)
        self._connection: Connection | None = None

    async def take(self, scheduler_id: str, who: str, what: str) -> None:
        """Take the lock.

        Raises
        ------
        RefusedError
            Another dasktop process holds it (the text names the process), the scheduler is another one, or it does not
            run functions.
        SourceError
            It did not answer.
        """
        why = refusal_of(scheduler_id)
        if why is None:
            try:
                answer = as_dict(await self._call("run_function", function=packed(shipped_scaling.__name__)))
            except RemoteError as error:
                why = str(error)
                note_refusal(scheduler_id, why)
            else:
                why = (
                    None
                    if answer.get("status") == "OK"
                    else as_text(answer.get("exception_text")) or "it does not say why"
                )
        if why is not None:
            raise RefusedError(f"the scheduler does not run functions: {why}")
        await self.ask("take", scheduler_id=scheduler_id, who=who, what=what)

    async def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Send a request and return the answer; see `shipped_scaling.ScaleHandler`.

        Raises
        ------
        RefusedError
            It was refused.
        SourceError
            The scheduler did not answer, closed the connection, or failed.
        """
        answer = await self._call(SCALE, verb=verb, token=self._token, **arguments)
        if answer is None:
            raise RefusedError("the scheduler was restarted")
        reply = as_dict(answer)
        if "refused" in reply:
            raise RefusedError(as_text(reply["refused"]) or "the scheduler refused the request")
        if "error" in reply:
            raise SourceError(f"error in the scheduler: {as_text(reply['error'])}")
        return reply

    async def stop(self, addresses: tuple[str, ...]) -> None:
        """Stop these workers from starting tasks."""
        await self.ask("stop", addresses=addresses, function=packed(shipped_unfinished.__name__))

    async def run_operation(self, verb: str, seconds: float, **arguments: Any) -> dict[str, Any]:
        """Start a long operation, wait for it, and return its result.

        Raises
        ------
        RefusedError
            It was refused, or took longer than ``seconds``; it may continue.
        """
        try:
            async with asyncio.timeout(seconds), aclosing(self.watched(verb, **arguments)) as results:
                async for result in results:
                    if result is not None:
                        return result
        except TimeoutError:
            pass
        raise RefusedError(f"the scheduler did not finish within {seconds:g} s; it may finish later")

    async def watched(self, verb: str, **arguments: Any) -> AsyncGenerator[dict[str, Any] | None, None]:
        """Start a long operation; yield ``None`` while it runs, and its result at the end."""
        await self.ask(verb, **arguments)
        while "done" not in (reply := await self.ask("look")):
            yield None
            await asyncio.sleep(POLL_SECONDS)
        yield as_dict(reply["done"])

    async def close(self) -> None:
        """Close the connection. The lock is kept until `end`, or until it expires."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _call(self, op: str, **arguments: Any) -> Any:
        if self._connection is None or self._connection.closed:
            self._connection = await Connection.open(parse_address(self._address), self._tls, _CONNECT_SECONDS)
        try:
            return await self._connection.call(op, _CALL_SECONDS, **arguments)
        except asyncio.CancelledError:
            # The answer may arrive later, and would be taken for the answer to the next call.
            connection, self._connection = self._connection, None
            await connection.close()
            raise
