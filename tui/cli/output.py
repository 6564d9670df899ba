"""Standard streams: prints snapshots, and opens streams that the caller has closed (``>&-``). No screen."""

import os
import shutil
import sys

import click

from dasktop.collectors.model.snapshot import Snapshot, to_json
from dasktop.tui.terminal.abilities import shows_unicode
from dasktop.tui.view.plain import plain_tree

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


def print_one(snapshot: Snapshot, as_text: bool) -> None:
    """Print a snapshot on stdout, as a line of JSON or as plain text: on a terminal in its width, else whole."""
    if as_text:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        sys.stdout.write(plain_tree(snapshot, width, unicode=shows_unicode(sys.stdout.encoding or "ascii")) + "\n")
    else:
        print_json(to_json(snapshot))
    sys.stdout.flush()


def print_json(json: bytes) -> None:
    """Print JSON on stdout, and a line's end: in UTF-8, whatever the locale says, as who reads JSON expects."""
    click.echo(json)
