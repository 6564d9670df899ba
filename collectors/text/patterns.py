"""Search patterns that a user types, with a limit on the time that matching may take.

Some patterns, such as ``.*.*.*x``, take hours on a long line. Python's ``re`` can't be interrupted and blocks all other
threads while it runs; the package ``regex`` has a timeout. It counts CPU time, so the result does not depend on how
busy the machine is.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from time import thread_time
from typing import Protocol

TEXT_SECONDS = 0.05
"""CPU time that matching one text may take."""
FREE_SECONDS = 0.25
CHARACTER_SECONDS = 1e-6
"""CPU time that each character may take, beyond `FREE_SECONDS` in total; usual patterns take a twentieth of it."""
_CHARACTERS_PER_CALL = 50
"""The overhead of a call, in characters."""
_LONGEST_PATTERN = 500
_KEPT = 8
_MOST_REMEMBERED = 100_000
_SPECIAL = frozenset(r".^$*+?{}[]\|()")


class Found(Protocol):
    """A match."""

    def start(self) -> int:
        """Return the index of the first character."""

    def end(self) -> int:
        """Return the index after the last character."""

    def __getitem__(self, group: int, /) -> str:
        """Return the matching text, for group 0."""


class _Matcher(Protocol):
    def search(self, string: str, /, *, timeout: float | None = ...) -> Found | None: ...

    def finditer(self, string: str, /, *, timeout: float | None = ...) -> Iterator[Found]: ...


class Pattern:
    """A typed pattern: a regular expression or, if that is invalid or too slow, plain text.

    It is case-sensitive if it has capital letters.

    Parameters
    ----------
    typed
        Any text.

    Attributes
    ----------
    has_given_up
        Whether it was too slow as a regular expression and is now plain text.
    is_invalid
        Whether it is plain text because it is not a valid regular expression.
    """

    def __init__(self, typed: str) -> None:
        self.is_any_case = not any(map(str.isupper, typed))
        self._text = re.compile(re.escape(typed), re.IGNORECASE if self.is_any_case else re.NOFLAG)
        self.is_invalid = False
        try:
            self._matcher = _matcher(typed, is_any_case=self.is_any_case)
        except ValueError:
            self._matcher, self.is_invalid = None, True
        self.has_given_up = False
        self._seconds_left = FREE_SECONDS
        self._matches: dict[str, bool] = {}
        self._matches_any: dict[tuple[str | None, ...], bool] = {}

    def matches(self, text: str) -> bool:
        """Return whether there is a match. Remembered: a filter asks for the same names at each snapshot."""
        found = self._matches.get(text)
        if found is None:
            found = self.search(text) is not None
            if len(self._matches) >= _MOST_REMEMBERED:
                self._matches.clear()
            self._matches[text] = found
        return found

    def matches_any(self, texts: tuple[str | None, ...]) -> bool:
        """Return whether there is a match in any of these texts; none is in an unknown or empty one. Remembered."""
        found = self._matches_any.get(texts)
        if found is None:
            had_given_up = self.has_given_up
            found = any(map(self.matches, filter(None, texts)))
            if self.has_given_up != had_given_up:  # some texts were compared with the regular expression
                return self.matches_any(texts)
            if len(self._matches_any) >= _MOST_REMEMBERED:
                self._matches_any.clear()
            self._matches_any[texts] = found
        return found

    def search(self, text: str) -> Found | None:
        """Return the first match."""
        if self._matcher is not None:
            start = thread_time()
            try:
                found = self._matcher.search(text, timeout=TEXT_SECONDS)
            except (TimeoutError, MemoryError):
                self._give_up()
            else:
                self._account_for(thread_time() - start, text)
                return found
        return self._text.search(text)

    def finditer(self, text: str) -> Iterator[Found]:
        """Return all matches."""
        if self._matcher is not None:
            start = thread_time()
            try:
                found = list(self._matcher.finditer(text, timeout=TEXT_SECONDS))
            except (TimeoutError, MemoryError):
                self._give_up()
            else:
                self._account_for(thread_time() - start, text)
                return iter(found)
        return self._text.finditer(text)

    def _account_for(self, seconds: float, text: str) -> None:
        self._seconds_left += CHARACTER_SECONDS * (len(text) + _CHARACTERS_PER_CALL) - seconds
        if self._seconds_left < 0:
            self._give_up()
        self._seconds_left = min(self._seconds_left, FREE_SECONDS)

    def _give_up(self) -> None:
        self._matcher, self.has_given_up = None, True
        self._matches.clear()
        self._matches_any.clear()


@lru_cache(_KEPT)
def compiled(typed: str) -> Pattern:
    """Return the pattern for a text, cached: a slow pattern is tried as a regular expression only once."""
    return Pattern(typed)


def remark(typed: str) -> str:
    """Return a remark for a pattern without matches if it was searched as plain text; otherwise empty."""
    pattern = compiled(typed)
    if pattern.is_invalid:
        return " (searched as plain text: not a valid regular expression)"
    return " (searched as plain text: too slow as a regular expression)" if pattern.has_given_up else ""


def _matcher(typed: str, *, is_any_case: bool) -> _Matcher | None:
    """Return the matcher of a regular expression; ``None`` if it is too long or plain text.

    Raises
    ------
    ValueError
        It is invalid.
    """
    if _SPECIAL.isdisjoint(typed) or len(typed) > _LONGEST_PATTERN:
        return None
    import regex  # imported only when it is needed

    try:
        matcher: _Matcher = regex.compile(typed, regex.IGNORECASE if is_any_case else 0)
    except (regex.error, OverflowError, RecursionError) as error:  # {99999999999}, or hundreds of brackets
        raise ValueError(str(error)) from error
    return matcher
