"""The user's folders for dasktop, by the XDG base directory specification, and private files in them."""

import os
from collections.abc import Mapping
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
    """Create a folder and its parents, accessible only to the user, whatever the umask. Existing ones stay unchanged.

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
