"""Users by the names that SLURM knows: who runs this program, and who did something."""

import os
import pwd


def own_name() -> str:
    """Return the user's name or, where no database knows it, the number: SLURM takes both."""
    return name_of(os.getuid())


def name_of(uid: int) -> str:
    """Return a user's name or, where no database knows it, the number. A database of the site's may take long."""
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return str(uid)
