"""Opens a file that a user named. A pipe would let the program wait for ever, and a device may do anything."""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

_KINDS = ((stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))


class NotRegularError(OSError):
    """It is no file; `strerror` says what it is."""


def open_regular(path: str | Path) -> BufferedReader:
    """Open a file for reading; ``/dev/null`` counts as an empty one.

    Raises
    ------
    OSError
        It can't be opened, or is no regular file (`NotRegularError`).
    """
    # Where it is a pipe, opening must not wait for whoever writes to it.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        check_regular(os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def check_regular(status: os.stat_result) -> None:
    """See whether this is a regular file.

    Raises
    ------
    NotRegularError
        It isn't.
    """
    if stat.S_ISREG(status.st_mode) or status.st_rdev == os.stat(os.devnull).st_rdev != 0:  # noqa: PTH116
        return
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    kind = next((words for is_kind, words in _KINDS if is_kind(status.st_mode)), "a device")
    raise NotRegularError(0, f"it is {kind}, not a file")
