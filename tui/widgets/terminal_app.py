"""What our apps have to do with their terminal: colours, keys, what is sent to it. Knows nothing of what is shown."""

from collections.abc import Iterable
from functools import partial
from time import monotonic as time  # as Textual stamps messages
from typing import ClassVar

from textual import events
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.theme import BUILTIN_THEMES, Theme
from textual.widget import Widget

from dasktop.tui.draw.glyphs import glyphs
from dasktop.tui.terminal.display_sync import ANSWER_SECONDS, DisplaySync, Seen
from dasktop.tui.terminal.driver import ThriftyDriver
from dasktop.tui.terminal.sent_screen import SentScreen
from dasktop.tui.terminal.theme import THEMES
from dasktop.tui.terminal.typeahead import TypeaheadApp
from dasktop.tui.view.keys import ANYWHERE, Keymap, shown
from dasktop.tui.widgets.bindings import bindings


class TerminalApp(TypeaheadApp):
    """An app in our colours, on a terminal that is sent only what isn't there yet.

    Parameters
    ----------
    theme
        The name of one of ours.
    unicode
        Whether the terminal shows more than ASCII.
    keymap
        Keys that are not those of the table.
    """

    CSS = """
    .box { border: round $border; background: $background; }
    TerminalApp.-ascii .box { border: ascii $border; }
    TerminalApp.-ascii CommandList { scrollbar-size-vertical: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(ANYWHERE, priority=True),
        Binding("ctrl+z", "suspend_process", show=False),
        Binding("ctrl+l", "redraw", show=False, priority=True),
    ]

    def __init__(self, theme: str, *, unicode: bool, keymap: Keymap) -> None:
        # The colours from the start: Textual chooses its filter for NO_COLOR here.
        super().__init__(ThriftyDriver, ansi_color=True)
        self.sent_screen = SentScreen()
        self.display_sync = DisplaySync()
        self.animation_level = "none"
        for name in list(self.available_themes):
            self.unregister_theme(name)  # Textual's own have no styles for our roles
        for ours in THEMES:
            self.register_theme(ours)
        self.theme = theme
        self.ansi_color = None  # from here on as the theme says
        self.set_keymap(keymap)
        self.set_class(not unicode, "-ascii")
        self._glyphs = glyphs(unicode=unicode)

    def on_mount(self) -> None:
        """Draw all anew when it is called for."""
        self.app_resume_signal.subscribe(self, lambda _: self._resume())
        self.theme_changed_signal.subscribe(self, self._recolour)

    def on_resize(self) -> None:
        """Expect nothing of what the terminal shows: it may have moved or cut it."""
        self.sent_screen.forget()

    def when_seen(self, then: Seen) -> None:
        """Call ``then`` when what is being drawn can be seen; to be called while a widget renders its lines."""
        if self.is_headless:
            self.call_after_refresh(lambda: then(time()))
        else:
            self.display_sync.wait(then)
            self.set_timer(ANSWER_SECONDS, lambda: self.display_sync.give_up(time()))

    def on_cursor_position(self, event: events.CursorPosition) -> None:
        """Take the terminal's answer."""
        self.display_sync.answered(event.time)

    def _resume(self) -> None:
        self.display_sync.forget()
        self.action_redraw()

    def action_redraw(self) -> None:
        """Draw everything: the terminal may show something else, such as another program's words."""
        self.sent_screen.forget()
        self.draw_again()

    def draw_again(self) -> None:
        """Draw everything that is not on the terminal yet: it was behind, and updates were left out."""
        self._draw_lines_again()
        self.refresh(layout=True)

    def _recolour(self, _theme: Theme) -> None:
        """Draw all lines in other colours; Textual sees only what its style sheets colour."""
        self._draw_lines_again()

    def _draw_lines_again(self) -> None:
        for screen in self.screen_stack:
            for widget in screen.query(Widget):
                widget.refresh()

    def get_key_display(self, binding: Binding) -> str:
        """Return a key as people write it."""
        return self._glyphs.own(shown(binding.key))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Yield what can be done without a key; what keys do comes from their table."""
        del screen
        for name in sorted(self.available_themes.keys() - BUILTIN_THEMES.keys() - {self.theme}):
            yield SystemCommand(f"theme: {name}", "", partial(setattr, self, "theme", name))
