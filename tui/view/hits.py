"""How much a search finds, in words. Pure."""

from dasktop.collectors.text.format import counted

NO_MATCH = "no match"
NO_SEARCH = "nothing to go to: no search yet"


def of_all(found: int, number: int, noun: str = "") -> str:
    """Return ``3 of 17``, or with a noun ``3 of 17 jobs``; ``no match`` if the first number is 0."""
    if not found:
        return NO_MATCH
    return f"{found:,} of {counted(number, noun) if noun else f'{number:,}'}"
