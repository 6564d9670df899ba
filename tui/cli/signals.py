"""Ends the program cleanly on SIGTERM and SIGHUP, with the exit status that shells use. Never imports textual."""

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from dasktop.tui.cli.exit_status import SIGNAL_STATUS

EXIT_TIMEOUT_SECONDS = 20
"""A shutdown that takes longer is aborted."""
EXIT_SIGNALS = (signal.SIGHUP, signal.SIGTERM)
"""Sent by batch jobs, by ``timeout``, and when a terminal closes."""


@contextmanager
def clean_exit() -> Iterator[None]:
    """Raise `SystemExit` on the first exit signal, so that files are closed; a second one ends the program at once.

    A signal that is ignored stays ignored, as ``nohup`` requires. For the main thread only.
    """
    handled = [number for number in EXIT_SIGNALS if signal.getsignal(number) is signal.SIG_DFL]

    def end(number: int, _: object) -> None:
        _restore_defaults(handled)
        signal.alarm(EXIT_TIMEOUT_SECONDS)  # closing may block forever, as on a full pipe
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            sys.exit(SIGNAL_STATUS + number)
        # Raised here, it would end only the task that is running; raised by the loop, it cancels all tasks.
        loop.call_soon_threadsafe(sys.exit, SIGNAL_STATUS + number)

    for number in handled:
        signal.signal(number, end)
    try:
        yield
    finally:
        _restore_defaults(handled)


def _restore_defaults(numbers: list[signal.Signals]) -> None:
    for number in numbers:
        signal.signal(number, signal.SIG_DFL)
