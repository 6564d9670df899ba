"""How signals end the program in order, and what a shell sees of that. Headless."""

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALLED = 128  # as shells say it
LONGEST_END_SECONDS = 20
"""After that, an end that hangs is cut short."""
ENDING = (signal.SIGHUP, signal.SIGTERM)
"""What batch jobs, ``timeout`` and terminals that go away end programs with."""


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Turn the first such signal into `SystemExit`, so that what is open is closed; a second one ends at once.

    One that is ignored stays so: ``nohup`` asks for that. For the main thread only.
    """
    taken = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]

    def end(number: int, _: object) -> None:
        _leave_to_the_system(taken)
        signal.alarm(LONGEST_END_SECONDS)  # who waits, as for a full pipe, may wait for ever
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            sys.exit(SIGNALLED + number)
        # Not from here, where it would hit whatever task is just running: the loop ends, and cancels all of them.
        loop.call_soon_threadsafe(sys.exit, SIGNALLED + number)

    for number in taken:
        signal.signal(number, end)
    try:
        yield
    finally:
        _leave_to_the_system(taken)


def _leave_to_the_system(numbers: list[signal.Signals]) -> None:
    for number in numbers:
        signal.signal(number, signal.SIG_DFL)
