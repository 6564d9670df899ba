"""What a user types to look for. Pure; knows nothing of what is looked through."""

import re


def compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern as a user means it: bad as a regular expression, it is plain text.

    Capitals matter if there are any.
    """
    flags = re.NOFLAG if any(map(str.isupper, pattern)) else re.IGNORECASE
    try:
        return re.compile(pattern, flags)
    except re.error:
        return re.compile(re.escape(pattern), flags)
