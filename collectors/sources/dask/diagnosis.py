"""Finds out what listens at an address where dask's own connecting failed, and says it in one line.

Never sends anything that a scheduler would trip over.
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
_WAY_OUT = "dasktop without an address looks for your schedulers"


class Listener(Enum):
    """What listens at an address."""

    NOBODY = "nobody"
    NO_ANSWER = "perhaps nobody: the host doesn't answer"
    DASK = "dask, not encrypted"
    TLS = "something that speaks TLS"
    WEB = "a web server"
    SILENT = "something that says nothing"
    HANGS_UP = "something that hangs up"
    STRANGER = "something else"


class Diagnosis(NamedTuple):
    """What was found, and for nobody and a stranger some words on it."""

    listener: Listener
    words: str = ""


async def diagnose(address: Address, seconds: float) -> Diagnosis:
    """Return what listens at the address. Takes at most ``seconds`` for each of up to three tries; raises nothing."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(address.host, address.port)
    except TimeoutError:
        return Diagnosis(Listener.NO_ANSWER, "the host doesn't answer")
    except (OSError, ValueError) as error:  # ValueError: a host that IDNA can't encode
        return Diagnosis(Listener.NOBODY, _why_unreachable(address, error))
    try:
        async with asyncio.timeout(seconds):
            said = await _hear(reader, writer, min(_SPEAKS_FIRST_SECONDS, seconds / 2))
    except TimeoutError:
        return Diagnosis(Listener.SILENT)
    except OSError:
        said = b""
    finally:
        writer.transport.abort()
    if not said and await _speaks_tls(address, seconds):
        return Diagnosis(Listener.TLS)
    return _judge(said)


async def _speaks_tls(address: Address, seconds: float) -> bool:
    """Return whether it answers a TLS greeting; many hang up on any other without a word."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is said to it, nor believed
    try:
        async with asyncio.timeout(seconds):
            _, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")  # it wants a certificate of ours, say; and it says so in TLS
    except OSError:
        return False
    writer.transport.abort()
    return True


async def _hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience_seconds: float) -> bytes:
    """Return the first bytes the other side says: by itself, as dask and ssh do, or to a greeting."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience_seconds):
            return await reader.read(_MOST_BYTES)
    writer.write(_greeting())
    return await reader.read(_MOST_BYTES)


def _greeting() -> bytes:
    """Return a handshake that a scheduler understands, and that also ends a web request and is no TLS."""
    return encode({"compression": None, "pickle-protocol": 4, "": "\r\n\r\n"})


def _judge(said: bytes) -> Diagnosis:
    if not said:
        return Diagnosis(Listener.HANGS_UP)
    if b"pickle-protocol" in said:
        return Diagnosis(Listener.DASK)
    if said.startswith(_TLS_ALERT):
        return Diagnosis(Listener.TLS)
    if said.startswith(b"HTTP/"):
        return Diagnosis(Listener.WEB)
    return Diagnosis(Listener.STRANGER, clean(said.split(b"\n")[0][:40]) or repr(said[:8]))


def _why_unreachable(address: Address, error: Exception) -> str:
    if isinstance(error, socket.gaierror | ValueError):
        return f"no host is called {address.host}"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused: has the scheduler ended?"
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number in errno.errorcode and number is not None else clean(str(error))


def sentence(address: Address, diagnosis: Diagnosis, failure: str, seconds: float) -> str:
    """Return one line that says what is wrong with the address and the way out.

    Parameters
    ----------
    failure
        What dask's own connecting said; told where the diagnosis explains nothing.
    seconds
        How long was waited.
    """
    match diagnosis.listener:
        case Listener.NOBODY | Listener.NO_ANSWER:
            return f"nobody answers at {address} ({diagnosis.words}); {_WAY_OUT}"
        case Listener.WEB:
            return (
                f"{address} is a web page, perhaps the dashboard; "
                f"the scheduler listens on another port, usually {USUAL_PORT}"
            )
        case Listener.TLS if not address.encrypted:
            return (
                f"{address} speaks TLS: say {address._replace(scheme='tls')} and give its certificates "
                "(--tls-ca-file, --tls-cert, --tls-key)"
            )
        case Listener.DASK if address.encrypted:
            return f"{address} is not encrypted: say {address._replace(scheme='tcp')}"
        case Listener.STRANGER if not address.encrypted:
            return f"{address} is no dask scheduler: it says “{diagnosis.words}”"
        case Listener.HANGS_UP if not address.encrypted:
            return f"{address} hangs up when it is spoken to: it is no dask scheduler, or one that is just ending"
        case Listener.SILENT if not failure:
            return (
                f"{address} takes connections but has said nothing for {seconds:g} s: "
                "the scheduler hangs or is busy, or it is no scheduler"
            )
        case _:
            return f"can't talk to {address}: {failure or f'no answer for {seconds:g} s'}"
