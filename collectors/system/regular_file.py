"""Opens a file that the user named, but no pipe or device, which might block forever."""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

_KINDS = ((stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))


class NotRegularError(OSError):
    """The path is not a regular file; `strerror` says what it is."""


def open_regular(path: str | Path) -> BufferedReader:
    """Open a file for reading; ``/dev/null`` counts as an empty file.

    Raises
    ------
    OSError
        It can't be opened, or is not a regular file (`NotRegularError`).
    """
    # Opening a pipe would block until another process opens it for writing.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        check_regular(os.fstat(descriptor))
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def check_regular(status: os.stat_result) -> None:
    """Check that this is a regular file or ``/dev/null``.

    Raises
    ------
    OSError
        It is not: `IsADirectoryError` for a folder, else `NotRegularError`.
    """
    if stat.S_ISREG(status.st_mode) or status.st_rdev == os.stat(os.devnull).st_rdev != 0:  # noqa: PTH116
        return
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    kind = next((words for is_kind, words in _KINDS if is_kind(status.st_mode)), "a device")
    raise NotRegularError(0, f"it is {kind}, not a file")
