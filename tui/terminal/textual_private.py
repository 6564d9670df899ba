"""The private names of Textual that dasktop relies on, all in one file. Without one, the screen still runs.

All exist in Textual 8.2.5 (the oldest supported version) and 8.2.8. `PRIVATE_NAMES` lists what each name is needed for,
and what is missing without it. Two other places rely on Textual's behaviour without using private names: `sent_screen`
parses what the driver writes, and passes on what it does not recognise; `logs.screen` ignores the redraws that
``Screen._compositor_refresh`` requests for the screen below it.
"""

import inspect
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NamedTuple, cast

from textual import events
from textual.driver import Driver
from textual.drivers import linux_driver
from textual.widget import Widget

from dasktop.tui.terminal.nonblocking_writer import NonBlockingWriter

_ESCAPE = "\x1b"
_SEQUENCE_STARTS = "[O"
"""After escape, these start the sequences (CSI and SS3) of arrow keys, the mouse and so on."""


class PrivateName(NamedTuple):
    """A private name of Textual."""

    needed_for: str
    without_it: str


PRIVATE_NAMES = {
    "textual.drivers.linux_driver.XTermParser._sequence_to_key_events": PrivateName(
        "escape and a key right after it are two keys (`escape_parser`)",
        "a key pressed within 0.1 s of escape is taken as alt and that key, or lost",
    ),
    "textual.drivers.linux_driver.XTermParser": PrivateName(
        "the driver creates the parser by this name, and accepts no other",
        "as without `_sequence_to_key_events`",
    ),
    "textual.drivers.linux_driver.WriterThread": PrivateName(
        "the driver creates the writer by this name, and accepts no other (`NonBlockingWriter`)",
        "the screen waits for a terminal that does not read, and does not skip outdated updates",
    ),
    "textual.drivers.linux_driver.LinuxDriver._writer_thread": PrivateName(
        "`DiffDriver` asks the writer whether the terminal keeps up",
        "as without `WriterThread`",
    ),
    "textual.command.CommandPalette._action_command_list": PrivateName(
        "keys do nothing while the list of the palette has no layout (`MovesOnlyInLaidOutList`)",
        "on a terminal that is too narrow for the list, moving in it ends the program",
    ),
    "textual.command.CommandPalette#--container": PrivateName(
        "the palette has the border of the other dialogs (`palette_containers`)",
        "the palette has Textual's border, or none",
    ),
}


class _SeparateEscape:
    """Mixin for Textual's parser of terminal input: escape and a character are two keys.

    Textual waits 0.1 s for more after an escape, and takes what arrives as a key with alt, as a character of iTerm
    (``1`` as ``¡``), or drops the escape. With fast typing or a slow line, two keys arrive within that time, and no
    binding of dasktop uses alt. Terminals with the kitty protocol send escape as a sequence and are not affected.
    """

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        to_key_events = cast("Any", super())._sequence_to_key_events
        is_pair = len(sequence) == 2 and sequence[0] == _ESCAPE and sequence[1] not in _SEQUENCE_STARTS
        if alt or is_pair:
            yield events.Key("escape", _ESCAPE)
            yield from to_key_events(sequence[-1])
        else:
            yield from to_key_events(sequence)


def escape_parser() -> type[Any] | None:
    """Return Textual's parser of terminal input with escape as a key of its own; ``None`` if it cannot be extended."""
    parser = getattr(linux_driver, "XTermParser", None)
    method = getattr(parser, "_sequence_to_key_events", None)
    if parser is None or method is None or list(inspect.signature(method).parameters) != ["self", "sequence", "alt"]:
        return None
    return parser if issubclass(parser, _SeparateEscape) else type("EscapeParser", (_SeparateEscape, parser), {})


def extend_driver() -> None:
    """Let Textual's driver use `escape_parser` and `NonBlockingWriter`, as far as its private names allow it."""
    parser = escape_parser()
    if parser is not None:
        setattr(linux_driver, "XTermParser", parser)  # noqa: B010 - mypy does not allow assigning to a type
    writer = getattr(linux_driver, "WriterThread", None)
    if writer is not None and all(hasattr(NonBlockingWriter, name) for name in vars(writer) if name[0] != "_"):
        setattr(linux_driver, "WriterThread", NonBlockingWriter)  # noqa: B010


def writer_of(driver: Driver) -> NonBlockingWriter | None:
    """Return the writer of a running driver; ``None`` if it is Textual's own, or there is none."""
    writer = getattr(driver, "_writer_thread", None)
    return writer if isinstance(writer, NonBlockingWriter) else None


class MovesOnlyInLaidOutList:
    """Mixin for ``CommandPalette``: a key that moves in a list without layout does nothing.

    Textual (8.2, ``OptionList._move_page``) raises `KeyError`: on a terminal that is too narrow, and briefly after
    each typed character.
    """

    def _action_command_list(self, action: str) -> None:
        with suppress(KeyError):
            cast("Any", super())._action_command_list(action)


def palette_containers(palette: Widget) -> Iterable[Widget]:
    """Return the widgets of the command palette that get the border of a dialog: one, or none if it was renamed."""
    return palette.query("#--container")
