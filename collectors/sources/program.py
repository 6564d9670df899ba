"""Describe a program by its command line and folder, to distinguish notebooks and scripts. Pure."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from dasktop.collectors.text.clean import clean

_KERNELS = ("ipykernel_launcher", "ipykernel")
_WITH_A_VALUE = ("-W", "-X", "--check-hash-based-pycs")
"""Python's options that take a value."""
_MOST_FOLDERS = 2


def program_words(command: Sequence[str], folder: str | None, home: str) -> str:
    """Return ``train.py in ~/runs``, or ``notebook in ~/analysis``.

    Parameters
    ----------
    command
        Its command line, beginning with Python.
    folder
        Its working directory; for a notebook, the folder of its file. ``None``: unknown.
    home
        The user's home directory.
    """
    words = [_program(command), "" if folder is None else f"in {_short(folder, home)}"]
    return clean(" ".join(word for word in words if word))


def _program(command: Sequence[str]) -> str:
    words = iter(command[1:])
    for word in words:
        if word == "-m":
            module = next(words, "")
            return "notebook" if module in _KERNELS else module
        if word == "-c":
            break
        if word in _WITH_A_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return PurePosixPath(word).name
    return PurePosixPath(command[0]).name if command else ""


def _short(folder: str, home: str) -> str:
    """Return the end of a folder's path, its most specific part: ``~/runs``, ``…/runs/3``."""
    path = PurePosixPath(folder)
    if path.is_relative_to(home):
        path = PurePosixPath("~", path.relative_to(home))
    names = [name for name in path.parts if name != "/"]
    return str(path) if len(names) <= _MOST_FOLDERS else "/".join(("…", *names[-_MOST_FOLDERS:]))
