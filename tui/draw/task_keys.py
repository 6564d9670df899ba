"""Task keys as text: their token, which is the same in many keys, is left out first. Pure.

A key is a name, usually a token (a hash or a UUID), and often an index: ``('load-3f2a…', 7)``, ``inc-5b0c…-12``.
"""

import re

_TOKEN = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}|(?=[0-9]*[a-f])[0-9a-f]{8,})"
    r"(?![0-9A-Za-z])"
)
"""A UUID, an MD5 hash or a part of it. A number alone is none: it may be a date."""


def without_token(key: str) -> str:
    """Return a key with ``…`` in place of its token."""
    return _TOKEN.sub("…", key)
