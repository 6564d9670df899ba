"""Messages of dask's protocol, byte by byte, also such as distributed would never send."""

import struct
from typing import Any

from distributed.protocol.core import dumps


def framed(frames: list[bytes], apart: int = 0) -> bytes:
    """Return a message of these frames; so many of the last are left out of the length that stands first."""
    lengths = [len(frame) for frame in frames]
    prelude = struct.pack(f"={1 + len(frames)}Q", len(frames), *lengths)
    told = len(prelude) + sum(lengths[: len(frames) - apart])
    return struct.pack("=Q", told) + prelude + b"".join(frames)


def from_distributed(message: Any) -> list[bytes]:
    return [bytes(frame) for frame in dumps(message)]
