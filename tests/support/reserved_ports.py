"""TCP ports for processes that need a fixed port: SLURM's daemons, and a scheduler that is restarted at its address.

A port that is free now may be in use a moment later, since tests run in parallel. So each reservation also binds the
UDP port of the same number; other calls of `reserved_ports` then see that the port is taken.
"""

import contextlib
import random
import socket
from collections.abc import Iterator

PORTS = range(20_000, 32_000)  # below the ephemeral ports of the kernel


@contextlib.contextmanager
def reserved_ports(count: int) -> Iterator[tuple[int, ...]]:
    """Yield `count` free ports; no other call returns them until the block ends."""
    with contextlib.ExitStack() as held:
        found: list[int] = []
        for port in random.sample(PORTS, len(PORTS)):
            if len(found) == count:
                break
            token = _reserve(port)
            if token is not None:
                held.enter_context(token)
                found.append(port)
        else:
            raise OSError(f"fewer than {count} free ports")
        yield tuple(found)


def _reserve(port: int) -> socket.socket | None:
    """Return a socket that reserves a port, or None if the port is in use."""
    token = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with socket.socket() as probe:
        try:
            token.bind(("", port))
            probe.bind(("", port))
        except OSError:
            token.close()
            return None
    return token
