"""Which lines of a log stand out, by the words in them: what failed, and what was warned of. Pure."""

import re
from functools import lru_cache

from dasktop.tui.draw.piece import Role

_LOOKED_AT = 200
"""Characters at the beginning of a line; in a longer one it is not the whole line that failed."""

_TONES: tuple[tuple[Role, re.Pattern[str]], ...] = (
    (
        "bad",
        re.compile(
            r"\b(?:ERROR|CRITICAL|FATAL)\b"  # of Python's logging
            r"|\b(?:error|fatal): "  # of programs, SLURM's among them
            r"|Traceback \(most recent call last\)"
            r"|^(?:\w+\.)*\w*(?:Error|Exception)(?::|$)"  # what a traceback ends with
        ),
    ),
    ("waiting", re.compile(r"\bWARN(?:ING)?\b|\bwarning: |\b\w+Warning: ")),
)


@lru_cache(maxsize=4096)
def tone(text: str) -> Role:
    """Return the role of a line."""
    begin = text[:_LOOKED_AT]
    return next((role for role, pattern in _TONES if pattern.search(begin)), "text")
