"""Whether there is a terminal that the screen can be drawn on. Headless."""

import os
import sys

_CANNOT_MOVE_A_CURSOR = ("dumb", "unknown")


def can_show_screen() -> bool:
    """Tell whether who reads stdout would see the screen, which is drawn on stderr and reads keys from stdin."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return os.environ.get("TERM") not in _CANNOT_MOVE_A_CURSOR and all(stream.isatty() for stream in streams)


def forget_told_size() -> None:
    """Forget the size that some shells export: Textual would believe that rather than the terminal itself."""
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
