"""A connection to a scheduler: one call at a time.

Never uses a ``Client``, which would register itself and poll. Accepts only plain data, see `comm`.
"""

import asyncio
import contextlib
import ssl
from typing import Any

from dasktop.collectors.model.errors import NoSchedulerError, SilentSchedulerError, SourceError
from dasktop.collectors.model.options import TlsFiles
from dasktop.collectors.sources.address import Address
from dasktop.collectors.sources.dask.certificates import tls_context
from dasktop.collectors.sources.dask.comm import Comm, ProtocolError, unpacked
from dasktop.collectors.sources.dask.diagnosis import Diagnosis, Listener, diagnose, sentence
from dasktop.collectors.sources.dask.plain_values import as_dict, as_text
from dasktop.collectors.text.clean import clean

__all__ = ["Connection", "ConnectionClosedError", "RemoteError", "TlsFiles"]

_DIAGNOSE_AFTER_SECONDS = 0.25
_DIAGNOSE_SECONDS = 1.5
_CLOSE_SECONDS = 0.1


class ConnectionClosedError(SourceError):
    """The peer closed the connection: the scheduler has ended, or was restarted."""


class RemoteError(SourceError):
    """The peer answered with an error."""


class Connection:
    """An open connection; created by `open`. Calls of several tasks run one after the other."""

    def __init__(self, address: Address, comm: Comm) -> None:
        self.address = address
        self._comm = comm
        self._turn = asyncio.Lock()

    @classmethod
    async def open(cls, address: Address, tls: TlsFiles | None, seconds: float) -> "Connection":
        """Connect.

        Parameters
        ----------
        tls
            Fields that are ``None`` are taken from dask's configuration (``distributed.comm.tls.*``).
        seconds
            The timeout; the diagnosis may take a third longer.

        Raises
        ------
        NoSchedulerError
            Nothing listens there, or a server that does not speak dask's protocol, or the certificates do not match;
            `SilentSchedulerError` for what may be a scheduler that hangs.
        """
        if address.scheme not in ("tcp", "tls"):
            raise NoSchedulerError(f"dasktop supports tcp:// and tls://, but not {address.scheme}:// ({address})")
        context = tls_context(address, tls)
        return cls(address, await _connect(address, context if address.encrypted else None, seconds))

    @property
    def closed(self) -> bool:
        """Whether one side has closed the connection, as far as known."""
        return self._comm.closed

    async def call(self, op: str, seconds: float, **arguments: Any) -> Any:
        """Return the peer's answer; ``None`` also if it has no such handler.

        Raises
        ------
        ConnectionClosedError
            It closed the connection.
        RemoteError
            It answered with an error.
        SourceError
            It did not answer in time, or sent an invalid answer. The connection is closed then: a late answer would be
            taken for that to the next call.
        """
        async with self._turn:
            try:
                async with asyncio.timeout(seconds):
                    await self._comm.write({**arguments, "op": op, "reply": True})
                    answer = unpacked(await self._comm.read())
            except TimeoutError:
                self._comm.abort()
                raise SourceError(f"{self.address} did not answer within {seconds:g} s") from None
            except OSError as error:
                self._comm.abort()
                raise ConnectionClosedError(f"{self.address} closed the connection") from error
            except ProtocolError as error:
                self._comm.abort()
                raise SourceError(f"{self.address} sent an invalid answer: {clean(str(error))}") from None
            except BaseException:  # cancelled, mostly
                self._comm.abort()
                raise
        reply = as_dict(answer)
        if reply.get("status") == "uncaught-error":
            raise RemoteError(as_text(reply.get("exception_text")) or "it failed without a message")
        return answer

    async def close(self) -> None:
        """Send a close message, and close the connection."""
        if self.closed:
            return
        with contextlib.suppress(OSError):  # a TimeoutError is one
            async with asyncio.timeout(_CLOSE_SECONDS), self._turn:
                await self._comm.close()
        self._comm.abort()


async def _connect(address: Address, context: ssl.SSLContext | None, seconds: float) -> Comm:
    """Return a connection, or raise `NoSchedulerError`.

    What listens there may wait for the client to speak first, so a diagnosis runs at the same time.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    connecting = asyncio.create_task(Comm.open(address.host, address.port, context))
    diagnosing = asyncio.create_task(_diagnose_if_slow(address, connecting, min(_DIAGNOSE_SECONDS, seconds / 4)))
    comm: Comm | None = None
    try:
        await asyncio.wait({connecting, diagnosing}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if diagnosing.done() and not _is_hopeless(address, diagnosing.result()):
            await asyncio.wait({connecting}, timeout=deadline - loop.time())
        failure = ""
        if connecting.done():
            error = connecting.exception()
            if error is None:
                comm = connecting.result()
                return comm
            failure = error_words(error)
        diagnosis = await diagnosing
        words = sentence(address, diagnosis, failure, seconds)
        raise SilentSchedulerError(words) if diagnosis.listener is Listener.SILENT else NoSchedulerError(words)
    finally:
        diagnosing.cancel()
        connecting.cancel()
        await asyncio.wait({diagnosing, connecting})
        if comm is None and not connecting.cancelled() and connecting.exception() is None:
            connecting.result().abort()


_CERTIFICATE_FAULTS = {
    9: "its certificate is not valid yet: check the clocks",
    10: "its certificate, or that of its CA, has expired",
    23: "its certificate was revoked",
    62: "its certificate is for another host",
    64: "its certificate is for another host",
    **dict.fromkeys((2, 18, 19, 20, 21), "its certificate is not signed by the trusted CA (--tls-ca-file)"),
}
"""By OpenSSL's X509_V_ERR_*."""


def error_words(error: BaseException) -> str:
    """Return a short description of a connection error."""
    if isinstance(error, ssl.SSLCertVerificationError):
        other = f"its certificate is not valid: {clean(error.verify_message)}"
        return _CERTIFICATE_FAULTS.get(error.verify_code, other)
    if isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""):
        if "CERTIFICATE_EXPIRED" in (error.reason or ""):
            return "it rejects our certificate (--tls-cert): that, or that of its CA, has expired"
        return f"it rejects our certificate (--tls-cert): {clean(str(error))}"
    return clean(str(error)) or type(error).__name__


async def _diagnose_if_slow(address: Address, connecting: "asyncio.Task[Comm]", seconds: float) -> Diagnosis:
    """Diagnose what listens there, if connecting failed or takes longer than usual."""
    await asyncio.wait({connecting}, timeout=_DIAGNOSE_AFTER_SECONDS)
    return await diagnose(address, seconds)


def _is_hopeless(address: Address, diagnosis: Diagnosis) -> bool:
    """Return whether waiting longer is useless. A silent peer may be a busy scheduler, or a slow network."""
    match diagnosis.listener:
        case Listener.SILENT | Listener.NO_ANSWER:
            return False
        case Listener.DASK:
            return address.encrypted
        case Listener.TLS:
            return not address.encrypted
        case _:
            return True


_REFUSALS: dict[str, str] = {}


def note_refusal(scheduler_id: str, why: str) -> None:
    """Remember that a scheduler refuses to run functions: that is configured at its start, and its id is unique."""
    _REFUSALS[scheduler_id] = why


def refusal_of(scheduler_id: str | None) -> str | None:
    """Return why the scheduler refuses; ``None``: it does not, or was not asked yet."""
    return _REFUSALS.get(scheduler_id or "")


def any_refusal_known() -> bool:
    """Return whether any scheduler is known to refuse; if none is, its id need not be read."""
    return bool(_REFUSALS)
