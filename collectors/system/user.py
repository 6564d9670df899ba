"""Users by the names that SLURM knows: who runs this program, and who did something."""

import os
import pwd


def own_name() -> str:
    """Return the user's name or, where no database knows it, the number: SLURM takes both."""
    return name_of(os.getuid())


def is_known(name: str) -> bool | None:
    """Return whether a user's name (or number) is in the user database; ``None`` where that can't tell.

    One that does not know who runs this program doesn't know others either: it is out of reach, or there is none.
    """
    if name.isdecimal():  # SLURM takes any number
        return None
    try:
        pwd.getpwnam(name)
    except (KeyError, ValueError):  # ValueError: a null byte
        return None if own_name().isdecimal() else False
    return True


def name_of(uid: int) -> str:
    """Return a user's name or, where no database knows it, the number. A database of the site's may take long."""
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return str(uid)


def home_of(user: str) -> str | None:
    """Return a user's home folder, if it is known. A database of the site's may take long."""
    own = os.environ.get("HOME")
    if own and user == own_name():
        return own
    try:
        return pwd.getpwnam(user).pw_dir or None
    except (KeyError, ValueError):
        return None
