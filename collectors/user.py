"""Who runs this program, by the name that SLURM knows."""

import os
import pwd


def own_name() -> str:
    """Return the user's name or, where no database knows it, the number: SLURM takes both."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
