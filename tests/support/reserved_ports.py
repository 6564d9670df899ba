"""TCP ports for those who must name theirs: SLURM's daemons, and a scheduler that is started anew where another was.

A port that is free now may be somebody else's a moment later: tests run beside each other, and each brings up its own.
So whoever takes one here holds the same number of UDP as well, from which all others who ask here see that it is taken.
"""

import contextlib
import random
import socket
from collections.abc import Iterator

PORTS = range(20_000, 32_000)  # below those that the kernel gives to whoever asks for any


@contextlib.contextmanager
def reserved_ports(count: int) -> Iterator[tuple[int, ...]]:
    """Yield so many ports that nobody has, and that nobody else gets here until the block ends."""
    with contextlib.ExitStack() as held:
        found: list[int] = []
        for port in random.sample(PORTS, len(PORTS)):
            if len(found) == count:
                break
            token = _taken(port)
            if token is not None:
                held.enter_context(token)
                found.append(port)
        else:
            raise OSError(f"fewer than {count} free ports")
        yield tuple(found)


def _taken(port: int) -> socket.socket | None:
    """Return what holds a port, or None if somebody has it."""
    token = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with socket.socket() as probe:
        try:
            token.bind(("", port))
            probe.bind(("", port))
        except OSError:
            token.close()
            return None
    return token
