"""The command palette: Textual's, with only our commands: those of the keys, and some without a key."""

from collections.abc import Callable, Iterator
from functools import partial
from math import inf
from typing import Any, NamedTuple

from textual.app import App
from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider, SearchIcon
from textual.content import Content
from textual.screen import Screen

from dasktop.tui.draw.text_width import fit, wrap
from dasktop.tui.terminal.textual_private import MovesOnlyInLaidOutList, palette_containers
from dasktop.tui.view.keys import ANYWHERE, KEYS
from dasktop.tui.view.word_match import match_score
from dasktop.tui.widgets.bindings import bound_now

KEY_CELLS = 10
"""Width of the keys beside the descriptions."""
_CELLS = 76
_CELLS_AROUND = 5
"""The border, one space at each side, and a scrollbar."""


class Command(NamedTuple):
    """A command of the palette."""

    description: str
    run: Callable[[], Any]
    key: str = ""
    is_enabled: bool = True
    key_id: str = ""
    keys: tuple[str, ...] = ()
    """Textual's names of all its keys."""

    def prompt(self, cells: int) -> Content:
        """Return the key and beside it the description, wrapped."""
        first, *others = wrap(self.description, cells - KEY_CELLS)
        description = "\n".join([first, *(" " * KEY_CELLS + line for line in others)])
        return Content.assemble((fit(self.key, KEY_CELLS), "bold"), description).stylize(
            "" if self.is_enabled else "dim"
        )


def commands_on(screen: Screen[Any]) -> Iterator[Command]:
    """Yield the commands of a screen: those with a key, in order of the bindings, then those without."""
    app: App[Any] = screen.app
    for one in bound_now(screen):
        description = KEYS[one.key_id].description
        if description and one.key_id not in ANYWHERE:
            run = partial(app.run_action, one.active.binding.action, one.node)
            is_enabled = one.active.enabled
            key = app.get_key_display(one.active.binding)
            yield Command(description, run if is_enabled else app.bell, key, is_enabled, one.key_id, one.keys)
    for other in app.get_system_commands(screen):
        yield Command(other.title, other.callback)


class Commands(Provider):
    """The palette's only provider."""

    async def discover(self) -> Hits:
        """Yield all commands."""
        for command in commands_on(self.screen):
            yield DiscoveryHit(command.prompt(self._cells), command.run, command.description)

    async def search(self, query: str) -> Hits:
        """Yield the commands whose description matches, as `match_score` tells, or whose key was typed."""
        for command in commands_on(self.screen):
            score = inf if query == command.key else match_score(query, command.description)
            if score > 0:
                yield Hit(score, command.prompt(self._cells), command.run, command.description)

    @property
    def _cells(self) -> int:
        return min(_CELLS, self.app.size.width) - _CELLS_AROUND


class CommandBox(MovesOnlyInLaidOutList, CommandPalette):
    """The palette, styled like the other dialogs."""

    DEFAULT_CSS = """
    CommandBox { background: transparent; }
    CommandBox > Vertical {
        visibility: visible; margin-top: 0; padding: 0 1; width: 76; max-width: 100%; height: auto; max-height: 100%;
        background: $background;
    }
    CommandBox #--input, CommandBox #--input.--list-visible { border: none; }
    CommandBox CommandInput, CommandBox CommandInput:focus { border: none; height: 1; padding: 0; }
    CommandBox SearchIcon { margin: 0; color: $border; }
    CommandBox #--results { overlay: none; }
    CommandBox LoadingIndicator { display: none; }
    CommandBox CommandList { border: none; max-height: 1fr; background: $background; scrollbar-size-vertical: 1; }
    CommandBox CommandList > .option-list--option { padding: 0; text-style: none; }
    CommandBox CommandList > .option-list--option-highlighted { text-style: none; }
    CommandBox CommandList:nocolor > .option-list--option-highlighted { text-style: underline; }
    """

    def __init__(self) -> None:
        super().__init__([Commands], placeholder="")

    def on_mount(self) -> None:
        """Apply the style of the other dialogs."""
        for container in palette_containers(self):
            container.add_class("box")
        for icon in self.query(SearchIcon):
            icon.icon = ">"
