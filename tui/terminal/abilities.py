"""Whether there is a terminal for the screen, and whether it shows Unicode. Imports no Textual."""

import locale
import os
import sys

_WITHOUT_CURSOR_MOVEMENT = ("dumb", "unknown")


def can_show_screen() -> bool:
    """Return whether all standard streams are a terminal: the screen is drawn on stderr, and keys come from stdin."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return os.environ.get("TERM") not in _WITHOUT_CURSOR_MOVEMENT and all(stream.isatty() for stream in streams)


def shows_unicode(encoding: str | None = None) -> bool:
    """Return whether characters beyond ASCII may be written, in this encoding or by default the user's.

    In the C locale Python uses UTF-8 (PEP 538, PEP 540), as most terminals do; an explicit ``LC_ALL=C`` is respected.
    """
    if os.environ.get("LC_ALL") in ("C", "POSIX"):
        return False
    return "utf" in (encoding or locale.getpreferredencoding(do_setlocale=False)).lower()


def forget_told_size() -> None:
    """Remove the size that some shells export: Textual would use it instead of the terminal's size."""
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
