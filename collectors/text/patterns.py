"""What a user types to look for. Knows nothing of what is looked through.

Any text can be typed, and some, such as ``.*.*.*x``, take a matcher hours on a long line. Python's ``re`` can't be
interrupted, and keeps all other threads waiting meanwhile; the package ``regex`` has a timeout. It counts CPU time, so
that a busy machine finds the same as an idle one.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from time import thread_time
from typing import Protocol

TEXT_SECONDS = 0.05
"""Of CPU time, for one text. What takes longer is no pattern to wait for."""
FREE_SECONDS = 0.25
CHARACTER_SECONDS = 1e-6
"""Beyond `FREE_SECONDS` in all, for each character that is looked at; common patterns take a twentieth of it."""
_CHARACTERS_PER_CALL = 50
"""As many characters as a call itself costs."""
_LONGEST_PATTERN = 500
_KEPT = 32


class Found(Protocol):
    """Where something was found."""

    def start(self) -> int:
        """Return the place of the first character."""

    def end(self) -> int:
        """Return the place behind the last one."""

    def __getitem__(self, group: int, /) -> str:
        """Return what was found, for group 0."""


class _Matcher(Protocol):
    def search(self, string: str, /, *, timeout: float | None = ...) -> Found | None: ...

    def finditer(self, string: str, /, *, timeout: float | None = ...) -> Iterator[Found]: ...


class Pattern:
    """What was typed, as a user means it: bad as a regular expression, or one to wait for, it is plain text.

    Capitals matter if there are any.

    Parameters
    ----------
    typed
        Any text.

    Attributes
    ----------
    has_given_up
        Whether it was taken as a regular expression at first and took too long: since then it is plain text.
    """

    def __init__(self, typed: str) -> None:
        self.is_any_case = not any(map(str.isupper, typed))
        self._text = re.compile(re.escape(typed), re.IGNORECASE if self.is_any_case else re.NOFLAG)
        self._matcher = _matcher(typed, is_any_case=self.is_any_case)
        self.has_given_up = False
        self._seconds_left = FREE_SECONDS

    def search(self, text: str) -> Found | None:
        """Return where this is found first."""
        if self._matcher is not None:
            began = thread_time()
            try:
                found = self._matcher.search(text, timeout=TEXT_SECONDS)
            except (TimeoutError, MemoryError):
                self._give_up()
            else:
                self._account_for(thread_time() - began, text)
                return found
        return self._text.search(text)

    def finditer(self, text: str) -> Iterator[Found]:
        """Return all places where this is found."""
        if self._matcher is not None:
            began = thread_time()
            try:
                found = list(self._matcher.finditer(text, timeout=TEXT_SECONDS))
            except (TimeoutError, MemoryError):
                self._give_up()
            else:
                self._account_for(thread_time() - began, text)
                return iter(found)
        return self._text.finditer(text)

    def _account_for(self, seconds: float, text: str) -> None:
        self._seconds_left += CHARACTER_SECONDS * (len(text) + _CHARACTERS_PER_CALL) - seconds
        if self._seconds_left < 0:
            self._give_up()
        self._seconds_left = min(self._seconds_left, FREE_SECONDS)

    def _give_up(self) -> None:
        self._matcher, self.has_given_up = None, True


@lru_cache(_KEPT)
def compiled(typed: str) -> Pattern:
    """Return the pattern that was typed; the same one for the same text, so that none is waited for twice."""
    return Pattern(typed)


def remark(typed: str) -> str:
    """Return what to say behind a pattern that found nothing: that it was not taken for what it looks like."""
    return " (as text: as a regular expression it takes too long)" if compiled(typed).has_given_up else ""


def _matcher(typed: str, *, is_any_case: bool) -> _Matcher | None:
    """Return what matches a regular expression; ``None`` for what is none, or means itself."""
    if re.escape(typed) == typed or len(typed) > _LONGEST_PATTERN:
        return None
    import regex  # only who types such a pattern pays for it

    try:
        matcher: _Matcher = regex.compile(typed, regex.IGNORECASE if is_any_case else 0)
    except (regex.error, OverflowError, RecursionError):  # {99999999999}, or hundreds of brackets
        return None
    return matcher
