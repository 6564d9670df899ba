"""Where a user's own files lie, as the XDG base directory specification says; and how none but the user reads them."""

import os
from collections.abc import Mapping
from pathlib import Path


def user_folder(environment: Mapping[str, str], variable: str, below_home: str) -> Path:
    """Return dasktop's own folder: in the one that a variable names, else in one below the user's home.

    A relative path in the variable is to be ignored, says the specification.
    """
    base = Path(environment.get(variable, ""))
    if not base.is_absolute():
        base = Path(environment.get("HOME") or _home()) / below_home
    return base / "dasktop"


def make_private(folder: Path) -> None:
    """Make a folder, and those that it lies in, for the user alone, whatever the umask is. What is there stays.

    Raises
    ------
    OSError
        One of them can't be made.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)


def private_opener(path: str, flags: int) -> int:
    """Open a file; one that is made by it is for the user alone, whatever the umask is. For ``open(opener=)``.

    The umask itself stays as it is, since jobs inherit it from sbatch.
    """
    return os.open(path, flags, 0o600)


def _home() -> Path:
    """Return the home that the user database knows; a container may run as a user that isn't in it."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")
