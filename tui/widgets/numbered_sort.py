"""The digits that sort by a column right after the sort key; at other times, digits are other keys."""

from collections.abc import Callable, Mapping, Sequence

MOST_COLUMNS = 9
"""How many columns have a digit."""


class NumberedSort:
    """Offers digits for the next key, and takes it."""

    def __init__(self) -> None:
        self._now: Callable[[int], None] | None = None
        self._next: Callable[[int], None] | None = None

    def before_key(self) -> None:
        """Offer the digits of the previous key for this one."""
        self._now, self._next = self._next, None

    def offer(self, choose: Callable[[int], None]) -> None:
        """Let the next key, if it is a digit, call ``choose`` with it."""
        self._next = choose

    def take(self, key: str) -> bool:
        """Return whether a key is a digit that was offered; if so, choose it."""
        if self._now is None or len(key) != 1 or key not in "0123456789":
            return False
        self._now(int(key))
        return True


def numbered(names: Sequence[str], heads: Mapping[str, str]) -> str:
    """Return the columns with their digits: ``sort by: 1 name  2 STATE  0 default order``."""
    listed = [f"{number} {heads.get(name, name)}" for number, name in enumerate(names[:MOST_COLUMNS], start=1)]
    return f"sort by: {'  '.join([*listed, '0 default order'])}"
