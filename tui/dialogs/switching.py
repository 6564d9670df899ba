"""Asks which scheduler to watch: at the start when there are several, and whenever the user wants another. No I/O."""

from collections.abc import Callable
from typing import Any

from textual.app import App

from dasktop.collectors.model.feed import Choice, Feed
from dasktop.tui.dialogs.picker import Picker
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.widgets.status_line import StatusLine


class SwitchingController:
    """The choice of a scheduler.

    Parameters
    ----------
    app
        For the picker.
    feed
        Looks for schedulers, and goes over to another.
    activity
        Where it is told what is going on.
    why_not
        Tells why none can be chosen just now; empty: it can.
    leave
        Called with the reason when one had to be chosen, and none was.
    """

    def __init__(
        self,
        app: App[Any],
        feed: Feed,
        activity: StatusLine,
        glyphs: Glyphs,
        *,
        why_not: Callable[[], str],
        leave: Callable[[str], None],
    ) -> None:
        self._app = app
        self._feed = feed
        self._activity = activity
        self._glyphs = glyphs
        self._why_not = why_not
        self._leave = leave
        self._picker: Picker | None = None
        self._needed: Choice | None = None

    def ask(self) -> None:
        """Look for schedulers, and let the user choose."""
        if self._is_refused():
            return
        self._open(None)
        self._feed.look_for_schedulers()

    def look_again(self) -> None:
        """Look once more, with the picker open."""
        self._feed.look_for_schedulers()

    def take(self, choice: Choice) -> None:
        """Show what was found; what nobody waits for any more is dropped, unless somebody has to choose."""
        if choice.is_needed:
            self._needed = choice
        if self._picker is not None:
            self._picker.show(choice)
        elif choice.is_needed:
            self._open(choice)

    def _open(self, choice: Choice | None) -> None:
        self._picker = Picker(choice, self._glyphs)
        self._app.push_screen(self._picker, self._answer)

    def _answer(self, address: str | None) -> None:
        self._picker = None
        needed, self._needed = self._needed, None
        if address is None:
            if needed is not None:
                self._leave(f"there are {len(needed.candidates)} schedulers, and none was chosen")
            return
        if needed is None:
            if self._is_refused():
                return
            self._activity.tell(f"going over to {address}…")
        self._feed.choose(address)

    def _is_refused(self) -> bool:
        """Tell, on the screen too, whether none can be chosen now."""
        why_not = self._why_not()
        if why_not:
            self._app.bell()
            self._activity.remark(why_not, "waiting")
        return bool(why_not)
