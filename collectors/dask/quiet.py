"""Keeps what distributed logs about our own connections off the user's screen. Leaves everybody else's logging alone.

A process may hold a cluster of the user's besides, whose log is none of our business.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ours: ContextVar[bool] = ContextVar("dasktop_quiet", default=False)


def _not_ours(_record: logging.LogRecord) -> bool:
    """Return whether somebody else's code logs this."""
    return not _ours.get()


@contextmanager
def quiet() -> Iterator[None]:
    """Let distributed log nothing of what is done inside, and of what is started there."""
    # A logger's filter isn't asked for its children's records, so each needs it. Adding it twice does nothing.
    for name in list(logging.root.manager.loggerDict):
        if name == "distributed" or name.startswith("distributed."):
            logging.getLogger(name).addFilter(_not_ours)
    token = _ours.set(True)
    try:
        yield
    finally:
        _ours.reset(token)
