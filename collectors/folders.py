"""Where a user's own files lie, as the XDG base directory specification says."""

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


def _home() -> Path:
    """Return the home that the user database knows; a container may run as a user that isn't in it."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")
