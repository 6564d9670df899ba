"""Diagnose what listens at an address when connecting to a scheduler failed, in one line.

Never sends anything that would disturb a scheduler.
"""

import asyncio
import contextlib
import errno
import os
import socket
import ssl
from enum import Enum
from typing import NamedTuple

from dasktop.collectors.sources.address import USUAL_PORT, Address
from dasktop.collectors.sources.dask.comm import encode
from dasktop.collectors.text.clean import clean

_MOST_BYTES = 256
_SPEAKS_FIRST_SECONDS = 0.3
_TLS_ALERT = b"\x15\x03"
_ADVICE = "run dasktop without an address to find your schedulers"


class Listener(Enum):
    """What listens at an address."""

    NOTHING = "nothing"
    NO_ANSWER = "no answer from the host"
    DASK = "dask, not encrypted"
    TLS = "a TLS server"
    WEB = "a web server"
    SILENT = "a server that sends nothing"
    CLOSES = "a server that closes the connection"
    OTHER = "something else"


class Diagnosis(NamedTuple):
    """What listens there, with details for `NOTHING`, `NO_ANSWER` and `OTHER`."""

    listener: Listener
    words: str = ""


async def diagnose(address: Address, seconds: float) -> Diagnosis:
    """Return what listens at the address. Takes at most ``seconds`` for each of up to three attempts; never raises."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(address.host, address.port)
    except TimeoutError:
        return Diagnosis(Listener.NO_ANSWER, "the host does not answer")
    except (OSError, ValueError) as error:  # ValueError: a host name that IDNA cannot encode
        return Diagnosis(Listener.NOTHING, _why_unreachable(address, error))
    try:
        async with asyncio.timeout(seconds):
            received = await _first_bytes(reader, writer, min(_SPEAKS_FIRST_SECONDS, seconds / 2))
    except TimeoutError:
        return Diagnosis(Listener.SILENT)
    except OSError:
        received = b""
    finally:
        writer.transport.abort()
    if not received and await _speaks_tls(address, seconds):
        return Diagnosis(Listener.TLS)
    return _classify(received)


async def _speaks_tls(address: Address, seconds: float) -> bool:
    """Return whether it answers a TLS handshake; many TLS servers close any other connection silently."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # no data is sent or trusted
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")  # a TLS alert, such as a missing client certificate
    except OSError:
        return False
    writer.transport.abort()
    return True


async def _first_bytes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wait_seconds: float) -> bytes:
    """Return the first bytes that the server sends: by itself, as dask and ssh do, or after a greeting."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(wait_seconds):
            return await reader.read(_MOST_BYTES)
    writer.write(_greeting())
    return await reader.read(_MOST_BYTES)


def _greeting() -> bytes:
    """Return a handshake that a scheduler understands; it also ends an HTTP request, and is not TLS."""
    return encode({"compression": None, "pickle-protocol": 4, "": "\r\n\r\n"})


def _classify(received: bytes) -> Diagnosis:
    if not received:
        return Diagnosis(Listener.CLOSES)
    if b"pickle-protocol" in received:
        return Diagnosis(Listener.DASK)
    if received.startswith(_TLS_ALERT):
        return Diagnosis(Listener.TLS)
    if received.startswith(b"HTTP/"):
        return Diagnosis(Listener.WEB)
    return Diagnosis(Listener.OTHER, clean(received.split(b"\n")[0][:40]) or repr(received[:8]))


def _why_unreachable(address: Address, error: Exception) -> str:
    if isinstance(error, socket.gaierror | ValueError):
        return f"host not found: {address.host}"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused; the scheduler may have ended"
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number in errno.errorcode and number is not None else clean(str(error))


def sentence(address: Address, diagnosis: Diagnosis, failure: str, seconds: float) -> str:
    """Return one line that says what is wrong with the address and what to do.

    Parameters
    ----------
    failure
        The error of the connection attempt; used if the diagnosis explains nothing.
    seconds
        The timeout that passed.
    """
    match diagnosis.listener:
        case Listener.NOTHING | Listener.NO_ANSWER:
            return f"no scheduler at {address} ({diagnosis.words}); {_ADVICE}"
        case Listener.WEB:
            return (
                f"{address} is a web server, perhaps the dashboard; "
                f"the scheduler listens on another port, usually {USUAL_PORT}"
            )
        case Listener.TLS if not address.encrypted:
            return (
                f"{address} uses TLS: write {address._replace(scheme='tls')} and pass the certificates "
                "(--tls-ca-file, --tls-cert, --tls-key)"
            )
        case Listener.DASK if address.encrypted:
            return f"{address} is not encrypted: write {address._replace(scheme='tcp')}"
        case Listener.OTHER if not address.encrypted:
            return f"{address} is not a dask scheduler: it sends “{diagnosis.words}”"
        case Listener.CLOSES if not address.encrypted:
            return f"{address} closes the connection: it is not a dask scheduler, or one that is shutting down"
        case Listener.SILENT if not failure:
            return (
                f"{address} accepts connections but has sent nothing for {seconds:g} s: "
                "the scheduler hangs or is busy, or it is not a scheduler"
            )
        case _:
            return f"cannot connect to {address}: {failure or f'no answer within {seconds:g} s'}"
