"""The user's folders for dasktop, by the XDG base directory specification, and functions that open files safely.

New files are private; pipes and devices, which might block forever, are not opened.
"""

import errno
import os
import stat
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path


def user_folder(environment: Mapping[str, str], variable: str, below_home: str) -> Path:
    """Return dasktop's folder: below the path in ``variable``, else below the user's home.

    The specification requires that a relative path in the variable is ignored.
    """
    base = Path(environment.get(variable, ""))
    if not base.is_absolute():
        base = Path(environment.get("HOME") or _home()) / below_home
    return base / "dasktop"


def make_private(folder: Path) -> None:
    """Create a folder and its parents, accessible only to the user, whatever the umask. Existing ones are not changed.

    Raises
    ------
    OSError
        One of them can't be created.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)


def private_opener(path: str, flags: int) -> int:
    """Open a file; a new one is accessible only to the user. For ``open(opener=...)``.

    The umask is not changed, since jobs inherit it from sbatch.
    """
    return os.open(path, flags, 0o600)


def _home() -> Path:
    """Return the home folder in the user database; ``/`` for an unknown user, as in some containers."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


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
