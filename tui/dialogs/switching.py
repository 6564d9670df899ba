"""Asks which scheduler to watch, at the start or when the user switches. Does no I/O; the feed searches."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual.app import App

from dasktop.collectors.model.feed import Choice, Feed
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.widgets.status_line import StatusLine

if TYPE_CHECKING:
    from dasktop.tui.dialogs.picker import Picker


class SwitchingController:
    """Opens the picker and switches schedulers.

    Parameters
    ----------
    app
        Shows the picker.
    feed
        Searches for schedulers, and switches to another.
    status
        Shows messages.
    why_not
        Returns why switching is not possible now; empty: it is.
    leave
        Called with a message if a scheduler had to be chosen and none was.
    """

    def __init__(
        self,
        app: App[Any],
        feed: Feed,
        status: StatusLine,
        glyphs: Glyphs,
        *,
        why_not: Callable[[], str],
        leave: Callable[[str], None],
    ) -> None:
        self._app = app
        self._feed = feed
        self._status = status
        self._glyphs = glyphs
        self._why_not = why_not
        self._leave = leave
        self._picker: Picker | None = None
        self._needed: Choice | None = None

    def ask(self) -> None:
        """Search for schedulers, and let the user choose."""
        if self._is_refused():
            return
        self._open(None)
        self._feed.look_for_schedulers()

    def look_again(self) -> None:
        """Search again, with the picker open."""
        self._feed.look_for_schedulers()

    def take(self, choice: Choice) -> None:
        """Show what was found; drop it if the picker was closed, unless the user has to choose."""
        if choice.is_needed:
            self._needed = choice
        if self._picker is not None:
            self._picker.show(choice)
        elif choice.is_needed:
            self._open(choice)

    def _open(self, choice: Choice | None) -> None:
        from dasktop.tui.dialogs.picker import Picker  # as all dialogs, imported late: the start is faster

        self._picker = Picker(choice, self._glyphs)
        self._app.push_screen(self._picker, self._answer)

    def _answer(self, address: str | None) -> None:
        self._picker = None
        needed, self._needed = self._needed, None
        if address is None:
            if needed is not None:
                self._leave(f"{len(needed.candidates)} schedulers found, none chosen")
            return
        if needed is None:
            if self._is_refused():
                return
            self._status.show(f"switching to {address}…")
        self._feed.choose(address)

    def _is_refused(self) -> bool:
        """Return whether switching is refused now, and show why."""
        why_not = self._why_not()
        if why_not:
            self._app.bell()
            self._status.show_result(why_not, "waiting")
        return bool(why_not)
