"""A hold on the scheduler: the lock that one dasktop has at a time, and what may be asked while one has it.

Decides nothing. What is asked is done by `shipped_scaling`, inside the scheduler; so it holds for two dasktops too.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import cache
from importlib.resources import files
from typing import Any

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.options import TlsFiles
from dasktop.collectors.scaling.shipped_scaling import LEASE_SECONDS, SCALE
from dasktop.collectors.sources.address import parse_address
from dasktop.collectors.sources.dask import shipped_scheduler
from dasktop.collectors.sources.dask.connection import Connection, FarSideError, note_refusal, refusal_of
from dasktop.collectors.sources.dask.plain import mapping, word
from dasktop.collectors.sources.dask.shipping import pack_source

LOOK_SECONDS = 0.25
_CONNECT_SECONDS = 5.0
_CALL_SECONDS = LEASE_SECONDS / 2


class RefusedError(SourceError):
    """It isn't done, or not wholly. The text says why, and what was left as it was."""


class SchedulerLease:
    """The lock of one scheduler, from `take` until `end`.

    Parameters
    ----------
    address, tls
        The scheduler's. The connection is opened anew where it was lost: the lock is not bound to it.
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
            Another dasktop has it (the text says whose), it is another scheduler, or it doesn't run functions.
        SourceError
            It didn't answer.
        """
        why = refusal_of(scheduler_id)
        if why is None:
            try:
                answer = mapping(await self._call("run_function", function=_for_the_scheduler()))
            except FarSideError as error:
                why = str(error)
                note_refusal(scheduler_id, why)
            else:
                why = (
                    None if answer.get("status") == "OK" else word(answer.get("exception_text")) or "it doesn't say why"
                )
        if why is not None:
            raise RefusedError(f"the scheduler doesn't run functions: {why}")
        await self.ask("take", scheduler_id=scheduler_id, who=who, what=what)

    async def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """Have something done, or started, and return the answer; see `shipped_scaling.Desk`.

        Raises
        ------
        RefusedError
            It was refused.
        SourceError
            The scheduler didn't answer, hung up, or has a fault.
        """
        answer = await self._call(SCALE, verb=verb, token=self._token, **arguments)
        if answer is None:
            raise RefusedError("the scheduler was started anew")
        told = mapping(answer)
        if "refused" in told:
            raise RefusedError(word(told["refused"]) or "the scheduler refuses")
        if "error" in told:
            raise SourceError(f"inside the scheduler: {word(told['error'])}")
        return told

    async def stop(self, addresses: tuple[str, ...]) -> None:
        """Let these workers start no more tasks."""
        await self.ask("stop", addresses=addresses, function=_for_the_workers())

    async def run_operation(self, verb: str, seconds: float, **arguments: Any) -> dict[str, Any]:
        """Start what takes long, wait for it, and return what it brought.

        Raises
        ------
        RefusedError
            It was refused, or is not done within ``seconds``; it may go on.
        """
        try:
            async with asyncio.timeout(seconds), aclosing(self.watched(verb, **arguments)) as looks:
                async for brought in looks:
                    if brought is not None:
                        return brought
        except TimeoutError:
            pass
        raise RefusedError(f"the scheduler's process takes longer than {seconds:g} s over it, and may still do it")

    async def watched(self, verb: str, **arguments: Any) -> AsyncGenerator[dict[str, Any] | None, None]:
        """Start what takes long; yield ``None`` now and then, and at the end what it brought."""
        await self.ask(verb, **arguments)
        while "done" not in (told := await self.ask("look")):
            yield None
            await asyncio.sleep(LOOK_SECONDS)
        yield mapping(told["done"])

    async def close(self) -> None:
        """Hang up. The lock stays until it is ended, or has run out."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _call(self, op: str, **arguments: Any) -> Any:
        if self._connection is None or self._connection.closed:
            self._connection = await Connection.open(parse_address(self._address), self._tls, _CONNECT_SECONDS)
        try:
            return await self._connection.call(op, _CALL_SECONDS, **arguments)
        except asyncio.CancelledError:
            # Its answer is still to come, and would be taken for that to the next call.
            connection, self._connection = self._connection, None
            await connection.close()
            raise


@cache
def _for_the_scheduler() -> bytes:
    """Return `shipped_scaling`, packed behind the sources whose functions it uses."""
    ours = [(__package__, module) for module in ("shipped_owner", "shipped_results", "shipped_scaling")]
    texts = [_source(*module) for module in [(shipped_scheduler.__package__, "shipped_scheduler"), *ours]]
    # Each is compiled by itself, since each begins with a `from __future__`; and there is no dasktop to import from.
    texts = [re.sub(r"^from dasktop\.[^\n(]*(\([^)]*\))?\n", "", text, flags=re.MULTILINE) for text in texts]
    return pack_source("\n".join(f"exec(compile({text!r}, '<dasktop_shipped>', 'exec'))" for text in texts))


@cache
def _for_the_workers() -> bytes:
    return pack_source(_source(__package__, "shipped_unfinished"))


def _source(package: str, module: str) -> str:
    return files(package).joinpath(f"{module}.py").read_text(encoding="utf-8")
