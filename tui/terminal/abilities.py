"""Whether there is a terminal that the screen can be drawn on, and what it shows. Headless."""

import locale
import os
import sys

_CANNOT_MOVE_A_CURSOR = ("dumb", "unknown")


def can_show_screen() -> bool:
    """Tell whether who reads stdout would see the screen, which is drawn on stderr and reads keys from stdin."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return os.environ.get("TERM") not in _CANNOT_MOVE_A_CURSOR and all(stream.isatty() for stream in streams)


def shows_unicode(encoding: str | None = None) -> bool:
    """Tell whether more than ASCII may be written: in this encoding or, without one, in the user's.

    Where the locale is C, Python itself takes UTF-8 (PEP 538, PEP 540), as most terminals do; who sets ``LC_ALL=C``
    means it.
    """
    if os.environ.get("LC_ALL") in ("C", "POSIX"):
        return False
    return "utf" in (encoding or locale.getpreferredencoding(do_setlocale=False)).lower()


def forget_told_size() -> None:
    """Forget the size that some shells export: Textual would believe that rather than the terminal itself."""
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
