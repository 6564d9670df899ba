"""Standard streams: prints snapshots and JSON, and reopens streams that are closed (``>&-``). Never draws a screen."""

import os
import shutil
import sys

import click

from dasktop.collectors.model.snapshot import Snapshot, to_json
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.tui.terminal.abilities import shows_unicode

_STREAMS = (("stdin", os.O_RDONLY), ("stdout", os.O_RDONLY), ("stderr", os.O_WRONLY))
"""In the order of their descriptors, since each takes the lowest free one. Stdout is opened read-only, so that writing
to it fails as on a closed one. Stdin is empty, and output to stderr is discarded."""


def open_closed_streams() -> None:
    """Open those of stdin, stdout and stderr that are closed, which Python sets to `None`.

    Otherwise the next file or socket gets the free descriptor, and output printed to it ends up there.
    """
    for name, flags in _STREAMS:
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(os.open(os.devnull, flags), mode, encoding="utf-8", closefd=False))


def stdout_is_writable() -> bool:
    """Return whether stdout was opened for writing."""
    import fcntl  # imported late: only needed after a failed write

    return fcntl.fcntl(sys.stdout.fileno(), fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY


def print_one(snapshot: Snapshot, as_text: bool, thresholds: Thresholds = DEFAULTS) -> None:
    """Print a snapshot to stdout as a line of JSON, or as plain text, cut to the width of a terminal."""
    if as_text:
        from dasktop.tui.view.plain import plain_tree  # imported late: JSON needs no view

        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        unicode = shows_unicode(sys.stdout.encoding or "ascii")
        sys.stdout.write(plain_tree(snapshot, width, unicode, thresholds) + "\n")
    else:
        print_json(to_json(snapshot))
    sys.stdout.flush()


def print_json(json: bytes) -> None:
    """Print JSON and a newline to stdout, in UTF-8 in any locale."""
    click.echo(json)
