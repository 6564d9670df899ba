"""Messages of dask's protocol as bytes, also invalid ones that distributed never sends."""

import struct
from typing import Any

from distributed.protocol.core import dumps


def framed(frames: list[bytes], uncounted: int = 0) -> bytes:
    """Return a message of these frames; the length at its start does not count the last `uncounted` frames."""
    lengths = [len(frame) for frame in frames]
    prelude = struct.pack(f"={1 + len(frames)}Q", len(frames), *lengths)
    length = len(prelude) + sum(lengths[: len(frames) - uncounted])
    return struct.pack("=Q", length) + prelude + b"".join(frames)


def from_distributed(message: Any) -> list[bytes]:
    return [bytes(frame) for frame in dumps(message)]
