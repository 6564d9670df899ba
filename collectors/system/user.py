"""User names, as SLURM accepts them, and home folders."""

import os
import pwd


def own_name() -> str:
    """Return the current user's name, or the uid if the user database does not have it: SLURM accepts both."""
    return name_of(os.getuid())


def is_known(name: str) -> bool | None:
    """Return whether a user name is in the user database; ``None``: unknown, as for any uid.

    If the database does not have the current user, it is missing or unreachable, and the answer is ``None``.
    """
    if name.isdecimal():  # SLURM accepts any uid
        return None
    try:
        pwd.getpwnam(name)
    except (KeyError, ValueError):  # ValueError: a null byte
        return None if own_name().isdecimal() else False
    return True


def name_of(uid: int) -> str:
    """Return a user's name, or the uid if the user database does not have it. A remote database may be slow."""
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return str(uid)


def home_of(user: str) -> str | None:
    """Return a user's home folder; ``None`` if unknown. A remote database may be slow."""
    own = os.environ.get("HOME")
    if own and user == own_name():
        return own
    try:
        return pwd.getpwnam(user).pw_dir or None
    except (KeyError, ValueError):
        return None
