"""Dask's protocol with one peer, over TCP or TLS; accepts nothing but plain data.

A message is its length, the number of its frames, their lengths, and the frames. The first frame is msgpack; the
others hold what the sender pickled, serialized or compressed, and the first one refers to them. Only the first one is
decoded here, within bounds, and a reference stays a dictionary. So nothing that a peer sends is unpickled, imported,
decompressed or run.

distributed's own `connect` cannot be used for this: it unpickles whatever the peer marks as ``__Pickled__``, in the
handshake too, and imports what it marks as ``__Enum__``, whatever ``deserialize=False`` says (2022.2 to 2026.8).
"""

import asyncio
import ssl
import struct
import sys
from collections.abc import Mapping
from typing import Any

import msgpack

from dasktop.collectors.sources.dask.shipped_values import PACKED

MOST_BYTES = 64 << 20
"""Per message. A reading takes about 0.1 KB per worker, its identity 1 KB, and its threads a few KB."""
MOST_FRAMES = 100_000
MOST_ITEMS = 200_000
"""Per list or dictionary, and so of workers, jobs and threads."""
MOST_VALUES_OF_A_PART = 100_000
"""In an answer that a message contains packed, such as one worker's: its threads are some hundred values."""
MOST_VALUES = 8_000_000
"""In all lists and dictionaries of a message together. The identity takes about 95 per worker."""
_MOST_HANDSHAKE_BYTES = 64 << 10
_CHUNK_BYTES = 1 << 20

_NUMBER = struct.Struct("=Q")  # dask also writes in native byte order
_HANDSHAKE: dict[str, Any] = {
    "compression": None,  # a peer compresses only with a method that both sides name
    "python": tuple(sys.version_info[:3]),
    "pickle-protocol": 4,
}


class ProtocolError(Exception):
    """The peer sent something that is not dask's protocol, not plain data, or beyond the bounds. Text not cleaned."""


class Comm:
    """A connection for messages; created by `open`. For one task at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, host: str, port: int, context: ssl.SSLContext | None) -> "Comm":
        """Connect and do the handshake. Has no timeout of its own.

        Raises
        ------
        OSError
            Nothing listens there, it closed the connection, or TLS failed (`ssl.SSLError`).
        ProtocolError
            It uses another protocol.
        """
        reader, writer = await asyncio.open_connection(host, port, ssl=context, limit=_CHUNK_BYTES)
        comm = cls(reader, writer)
        try:
            await comm._shake_hands()
        except BaseException:
            comm.abort()
            raise
        return comm

    async def _shake_hands(self) -> None:
        await self.write(_HANDSHAKE)
        answer = await self.read(_MOST_HANDSHAKE_BYTES)
        if not isinstance(answer, dict) or "pickle-protocol" not in answer:
            raise ProtocolError("it does not send dask's handshake")

    @property
    def closed(self) -> bool:
        """Whether one side has closed the connection, as far as known."""
        return self._writer.is_closing() or self._reader.at_eof()

    async def write(self, message: Mapping[str, Any]) -> None:
        """Send a message of plain data.

        Raises
        ------
        OSError
            The connection is closed.
        """
        self._writer.write(encode(message))
        await self._writer.drain()

    async def read(self, most_bytes: int = MOST_BYTES) -> Any:
        """Return the next message. If it is not read to its end, for any reason, the connection is unusable.

        Raises
        ------
        OSError
            The connection is closed.
        ProtocolError
            The message is longer than ``most_bytes``, or see `decode`.
        """
        try:
            frame, rest_bytes = await self._first_frame(most_bytes)
            while rest_bytes:
                rest_bytes -= len(await self._reader.readexactly(min(rest_bytes, _CHUNK_BYTES)))
        except asyncio.IncompleteReadError:
            raise ConnectionResetError("it closed the connection") from None
        return decode(frame)

    async def _first_frame(self, most_bytes: int) -> tuple[bytes, int]:
        """Return the first frame, and how many bytes of others follow."""
        # In newer versions, the first length excludes the last frames if these are large.
        stated_bytes, frames = await self._number(), await self._number()
        if not 1 <= frames <= MOST_FRAMES:
            raise ProtocolError(f"a message with {frames:,} frames")
        lengths = [number for (number,) in _NUMBER.iter_unpack(await self._reader.readexactly(_NUMBER.size * frames))]
        whole_bytes = _NUMBER.size * (1 + frames) + sum(lengths)
        if whole_bytes > most_bytes:
            raise ProtocolError(f"a message of {whole_bytes:,} bytes, more than {most_bytes:,}")
        if stated_bytes > whole_bytes:
            raise ProtocolError("a message with inconsistent lengths")
        return await self._reader.readexactly(lengths[0]), sum(lengths[1:])

    async def _number(self) -> int:
        (number,) = _NUMBER.unpack(await self._reader.readexactly(_NUMBER.size))
        return int(number)

    async def close(self) -> None:
        """Send a close message and close; without it, a scheduler may log that the connection was lost."""
        await self.write({"op": "close", "reply": False})
        self._writer.close()
        await self._writer.wait_closed()

    def abort(self) -> None:
        """Close the connection at once."""
        self._writer.transport.abort()


def encode(message: Mapping[str, Any]) -> bytes:
    """Encode a message of plain data, in one frame."""
    frame: bytes = msgpack.packb(message)
    return struct.pack("=QQQ", 2 * _NUMBER.size + len(frame), 1, len(frame)) + frame


def decode(frame: bytes, most_values: int = MOST_VALUES) -> Any:
    """Decode the msgpack of a message's first frame; lists become tuples.

    Raises
    ------
    ProtocolError
        It is not msgpack, not plain data, nested too deep (msgpack's bound is 1,024), or too large.
    """
    values = 0

    def counted(container: Any) -> Any:
        nonlocal values
        values += 1 + len(container)
        if values > most_values:
            raise ProtocolError(f"more than {most_values:,} values")
        return container

    try:
        _check_lengths(frame)
        return msgpack.unpackb(
            frame,
            use_list=False,  # a list may be a key
            strict_map_key=False,
            object_hook=counted,
            list_hook=counted,
            ext_hook=_refuse,
            max_array_len=MOST_ITEMS,
            max_map_len=MOST_ITEMS,
            max_ext_len=0,
        )
    # A dictionary as a key is a TypeError; every other error of msgpack is one of the others.
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise ProtocolError(f"it is not plain data: {error}") from None


def _check_lengths(frame: bytes) -> None:
    """Raise an exception of msgpack if a list is shorter than it announces: memory is allocated for what it announces.

    Reads the frame once without making values, in a small part of the time of decoding.
    """
    reader = msgpack.Unpacker(max_buffer_size=max(1, len(frame)))
    reader.feed(frame)
    reader.skip()


def unpacked(answer: Any, most_values: int = MOST_VALUES) -> Any:
    """Return an answer as it was before `shipped_values.pack_answer`; every other one as it is.

    Raises
    ------
    ProtocolError
        See `decode`.
    """
    frame = answer.get(PACKED) if isinstance(answer, dict) else None
    return decode(frame, most_values) if isinstance(frame, bytes) else answer


def _refuse(code: int, _data: bytes) -> Any:
    raise ProtocolError(f"msgpack extension type {code}")
