"""The base of the apps: themes, keys and output to the terminal. Knows nothing of what is shown."""

from collections.abc import Iterable, Sequence
from functools import partial
from time import monotonic as time  # as Textual stamps messages
from typing import ClassVar

from textual import events
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.screen import Screen
from textual.theme import BUILTIN_THEMES, Theme
from textual.widget import Widget

from dasktop.tui.draw.glyphs import glyphs
from dasktop.tui.terminal.ascii_filter import AsciiFilter
from dasktop.tui.terminal.display_sync import ANSWER_SECONDS, DisplaySync, Seen
from dasktop.tui.terminal.driver import DiffDriver
from dasktop.tui.terminal.sent_screen import SentScreen
from dasktop.tui.terminal.theme import has_sixteen, themes
from dasktop.tui.terminal.typeahead import TypeaheadApp
from dasktop.tui.view.keys import ANYWHERE, Keymap, shown
from dasktop.tui.widgets.bindings import bindings


class TerminalApp(TypeaheadApp):
    """An app with our themes that sends only changed cells to the terminal.

    Parameters
    ----------
    theme
        Name of one of our themes.
    unicode
        Whether the terminal shows characters beyond ASCII.
    keymap
        Keys that replace those of the key table.
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
        # Textual chooses its NO_COLOR filter here, from the initial value.
        super().__init__(DiffDriver, ansi_color=True)
        self.sent_screen = SentScreen()
        self.display_sync = DisplaySync()
        self.animation_level = "none"
        for name in list(self.available_themes):
            self.unregister_theme(name)  # built-in themes have no styles for our roles
        for ours in themes(sixteen=has_sixteen(self)):
            self.register_theme(ours)
        self.theme = theme
        self.ansi_color = None  # from here on, the theme decides
        self.set_keymap(keymap)
        self.set_class(not unicode, "-ascii")
        self._glyphs = glyphs(unicode=unicode)
        self._ascii_filters = () if unicode else (AsciiFilter(),)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Return what is applied to each line that is drawn."""
        return (*super().get_line_filters(), *self._ascii_filters)

    def on_mount(self) -> None:
        """Redraw after a suspension and after a change of theme."""
        self.app_resume_signal.subscribe(self, lambda _: self._resume())
        self.theme_changed_signal.subscribe(self, self._recolour)

    def on_resize(self) -> None:
        """Forget what the terminal shows: a resize may have moved or cut it."""
        self.sent_screen.forget()

    def when_seen(self, then: Seen) -> None:
        """Call ``then`` when the current drawing is on the terminal; call this while a widget renders its lines."""
        if self.is_headless:
            self.call_after_refresh(lambda: then(time()))
        else:
            self.display_sync.wait(then)
            self.set_timer(ANSWER_SECONDS, lambda: self.display_sync.give_up(time()))

    def on_cursor_position(self, event: events.CursorPosition) -> None:
        """Handle the terminal's reply."""
        self.display_sync.answered(event.time)

    def _resume(self) -> None:
        self.display_sync.forget()
        self.action_redraw()

    def action_redraw(self) -> None:
        """Redraw everything: another program may have written to the terminal."""
        self.sent_screen.forget()
        self.draw_again()

    def draw_again(self) -> None:
        """Draw what is not on the terminal yet, after updates were skipped."""
        self._draw_lines_again()
        self.refresh(layout=True)

    def _recolour(self, _theme: Theme) -> None:
        """Redraw all lines: Textual only redraws what its style sheets colour."""
        self._draw_lines_again()

    def _draw_lines_again(self) -> None:
        for screen in self.screen_stack:
            for widget in screen.query(Widget):
                widget.refresh()

    def get_key_display(self, binding: Binding) -> str:
        """Return the displayed text of a key."""
        return self._glyphs.encode(shown(binding.key))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Yield the commands without a key; the others come from the key table."""
        del screen
        for name in sorted(self.available_themes.keys() - BUILTIN_THEMES.keys() - {self.theme}):
            yield SystemCommand(f"theme: {name}", "", partial(setattr, self, "theme", name))
