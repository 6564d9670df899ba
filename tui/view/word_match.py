"""How well a text matches the words that a user types to find it. Pure."""

import re

_WORD = re.compile(r"\w+")

_WHOLE, _PREFIX, _PART, _SCATTERED = 4, 3, 2, 1


def match_score(typed: str, text: str) -> float:
    """Return how well a text matches, ignoring case; 0: it does not.

    All typed words must match, in any order. A word matches best as a whole word, then as the start of a word, then
    anywhere, and last if its letters follow each other with gaps, the first one at the start of a word. The word that
    matches worst counts most; of equal ones, what matches nearer to the start is better.
    """
    text = text.casefold()
    starts = [found.start() for found in _WORD.finditer(text)]
    found = [_found(word, text, starts) for word in typed.casefold().split()]
    ranks = [rank for rank, _ in found]
    if not ranks or not all(ranks):
        return 0.0
    nearest = min(at for _, at in found)
    return min(ranks) + sum(ranks) / len(ranks) / 10 + 1 / (100 * (1 + nearest))


def _found(word: str, text: str, starts: list[int]) -> tuple[int, int]:
    """Return how well a word matches, and where."""
    at_starts = [at for at in starts if text.startswith(word, at)]
    for at in at_starts:
        if not text[at + len(word) : at + len(word) + 1].isalnum():
            return _WHOLE, at
    if at_starts:
        return _PREFIX, at_starts[0]
    if word in text:
        return _PART, text.index(word)
    scattered = (at for at in starts if _has_in_order(word, text[at:]))
    return next(((_SCATTERED, at) for at in scattered), (0, 0))


def _has_in_order(letters: str, text: str) -> bool:
    """Return whether a text begins with the first letter, and contains the others in this order."""
    rest = iter(text)
    return text.startswith(letters[0]) and all(letter in rest for letter in letters)
