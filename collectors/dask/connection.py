"""One connection to a scheduler: opens it, asks one thing at a time, hangs up.

Never a ``Client``, which would register itself and poll by itself; never asks for what would have to be unpickled.
"""

import asyncio
import contextlib
import os
import re
from typing import Any

import dask.config
from distributed.comm.core import Comm, connect
from distributed.comm.registry import backends
from distributed.core import send_recv
from distributed.security import Security

from dasktop.collectors.dask.address import Address
from dasktop.collectors.dask.diagnosis import Diagnosis, Listener, diagnose, sentence
from dasktop.collectors.dask.quiet import quiet
from dasktop.collectors.errors import NoSchedulerError, SilentSchedulerError, SourceError
from dasktop.collectors.options import TlsFiles
from dasktop.collectors.text import clean

__all__ = ["Connection", "FarSideError", "HungUpError", "TlsFiles"]

_SECONDS_BEFORE_A_LOOK = 0.25
_SECONDS_FOR_A_LOOK = 1.5
_SECONDS_FOR_GOODBYE = 0.1


class HungUpError(SourceError):
    """The other side closed the connection: the scheduler has ended, or was started anew."""


class FarSideError(SourceError):
    """The other side answered that it can't, or won't."""


class Connection:
    """An open connection; made by `open`. Calls of several tasks wait for each other."""

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
            What is ``None`` of it is left to dask's configuration (``distributed.comm.tls.*``).
        seconds
            To give up after; telling why may take a third longer.

        Raises
        ------
        NoSchedulerError
            Nobody listens there, or something that doesn't speak dask's protocol, or with other certificates;
            `SilentSchedulerError` for what may be a scheduler that hangs.
        """
        if address.scheme not in backends:
            raise NoSchedulerError(
                f"dask knows no {address.scheme}://, as in {address}; perhaps tcp:// or tls:// is meant"
            )
        arguments = connection_arguments(address, tls)
        with quiet():
            return cls(address, await _dial(address, arguments, seconds))

    @property
    def closed(self) -> bool:
        """Whether one side has hung up, as far as it was noticed."""
        return bool(self._comm.closed())

    async def call(self, op: str, seconds: float, **arguments: Any) -> Any:
        """Return the other side's answer; ``None`` also where it knows no such handler.

        Raises
        ------
        HungUpError
            It closed the connection.
        FarSideError
            It answered with an error.
        SourceError
            It didn't answer in time, or not sensibly. The connection is closed then: a late answer would be taken for
            that to the next call.
        """
        async with self._turn:
            try:
                with quiet():
                    async with asyncio.timeout(seconds):
                        return await send_recv(self._comm, op=op, **arguments)
            except TimeoutError:
                self._comm.abort()
                raise SourceError(f"{self.address} didn't answer within {seconds:g} s") from None
            except OSError as error:
                self._comm.abort()
                raise HungUpError(f"{self.address} closed the connection") from error
            except Exception as error:
                # With `deserialize=False`, what the other side raised comes as a plain Exception with its text.
                if type(error) is Exception:
                    raise FarSideError(clean(str(error))) from error
                self._comm.abort()
                raise SourceError(f"{self.address} gave an answer that makes no sense: {clean(repr(error))}") from error

    async def close(self) -> None:
        """Say goodbye and hang up."""
        if self.closed:
            return
        with quiet():
            with contextlib.suppress(OSError):
                async with asyncio.timeout(_SECONDS_FOR_GOODBYE), self._turn:
                    await self._comm.write({"op": "close", "reply": False})
                    await self._comm.close()
            self._comm.abort()


def connection_arguments(address: Address, tls: TlsFiles | None) -> dict[str, Any]:
    """Return what distributed wants to know to connect.

    Raises
    ------
    NoSchedulerError
        The certificates are missing or no good, or dask's configuration forbids to connect without.
    """
    tls = tls or TlsFiles()
    given = {"tls_ca_file": tls.ca_file, "tls_client_cert": tls.cert, "tls_client_key": tls.key}
    required = bool(dask.config.get("distributed.comm.require-encryption"))
    try:
        # `require_encryption` is said, since else giving any file would forbid tcp://, where the files are not needed.
        security = Security(require_encryption=required, **{name: file for name, file in given.items() if file})
        unreadable = [file for name in given if (file := getattr(security, name)) and not _is_readable(file)]
        arguments: dict[str, Any] = {} if unreadable else security.get_connection_args("client")
    except (OSError, ValueError, ImportError) as error:  # ssl.SSLError is an OSError
        raise NoSchedulerError(f"can't use the certificates for {address}: {clean(str(error))}") from error
    if unreadable:
        raise NoSchedulerError(f"can't read {clean(unreadable[0])}, a certificate or key for {address}")
    if address.encrypted and arguments.get("ssl_context") is None:
        raise NoSchedulerError(
            f"{address} needs certificates: give --tls-ca-file, --tls-cert and --tls-key, "
            "or set distributed.comm.tls in dask's configuration"
        )
    if required and not address.encrypted:
        raise NoSchedulerError(f"{address} is not encrypted, and dask's configuration requires encryption: say tls://…")
    return arguments


def _is_readable(file: str) -> bool:
    """Return whether it is a file that can be read, or the text of one, which dask's configuration may hold as well."""
    return "\n" in file or os.access(file, os.R_OK)


async def _dial(address: Address, arguments: dict[str, Any], seconds: float) -> Comm:
    """Return a connection, or raise `NoSchedulerError`.

    distributed tries again until its time is up, also where nobody listens; so something else has a look meanwhile.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    dialling = asyncio.create_task(connect(str(address), timeout=seconds, deserialize=False, **arguments))
    looking = asyncio.create_task(_look_if_slow(address, min(_SECONDS_FOR_A_LOOK, seconds / 4)))
    comm: Comm | None = None
    try:
        await asyncio.wait({dialling, looking}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if looking.done() and not _is_hopeless(address, looking.result()):
            await asyncio.wait({dialling}, timeout=deadline - loop.time())
        failure = ""
        if dialling.done():
            error = dialling.exception()
            if error is None:
                comm = dialling.result()
                return comm
            failure = _in_words(error)
        diagnosis = await looking
        words = sentence(address, diagnosis, failure, seconds)
        raise SilentSchedulerError(words) if diagnosis.listener is Listener.SILENT else NoSchedulerError(words)
    finally:
        looking.cancel()
        dialling.cancel()
        await asyncio.wait({looking, dialling})
        if comm is None and not dialling.cancelled() and dialling.exception() is None:
            dialling.result().abort()


def _in_words(error: BaseException) -> str:
    """Return what distributed's error says, without the innards that it begins with (``in <TCP (closed) …>: …``)."""
    while error.__cause__ is not None:  # "Timed out during handshake", says an old version whatever went wrong
        error = error.__cause__
    words = re.sub(r"^in <.*?>: ", "", clean(str(error)))
    if "certificate does not match" in words or "CERTIFICATE_VERIFY_FAILED" in words:
        return "its certificate is not from the authority that we trust (--tls-ca-file)"
    if "ALERT" in words:
        return f"it doesn't accept our certificate (--tls-cert): {words}"
    return words or type(error).__name__


async def _look_if_slow(address: Address, seconds: float) -> Diagnosis:
    """Find out what listens there, after a moment in which connecting mostly is done."""
    await asyncio.sleep(_SECONDS_BEFORE_A_LOOK)
    return await diagnose(address, seconds)


def _is_hopeless(address: Address, diagnosis: Diagnosis) -> bool:
    """Return whether trying on can't help. What is silent may be a scheduler that is busy, or a slow network."""
    match diagnosis.listener:
        case Listener.SILENT | Listener.NO_ANSWER:
            return False
        case Listener.DASK:
            return address.encrypted
        case Listener.TLS:
            return not address.encrypted
        case _:
            return True
