"""Opens standard streams that whoever started the program has closed (``>&-``). Headless."""

import os
import sys

_STREAMS = (("stdin", os.O_RDONLY), ("stdout", os.O_RDONLY), ("stderr", os.O_WRONLY))
"""In the order of their descriptors: each takes the lowest that is free. Stdout is opened so that writing to it fails,
as it does on a closed one: what was asked for can't be delivered. Stdin is empty, and what goes to stderr is lost."""


def open_closed_streams() -> None:
    """Open what is closed among stdin, stdout and stderr, which Python leaves as `None`.

    Otherwise the next file or socket gets the free descriptor, and what is printed on it ends up in there.
    """
    for name, flags in _STREAMS:
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(os.open(os.devnull, flags), mode, encoding="utf-8", closefd=False))


def stdout_is_writable() -> bool:
    """Return whether stdout was opened for writing."""
    import fcntl  # only who could not write pays for it

    return fcntl.fcntl(sys.stdout.fileno(), fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
