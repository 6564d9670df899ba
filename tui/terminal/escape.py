"""Hears escape as a key also when another one follows at once."""

from collections.abc import Iterable

from textual import events
from textual._xterm_parser import XTermParser

_ESCAPE = "\x1b"
_OPENS_A_SEQUENCE = "[O"
"""Behind escape, these begin what a terminal sends for arrows, the mouse and so on (CSI and SS3)."""


class EscapeParser(XTermParser):
    """Textual's parser of what a terminal sends, in which escape and a character are two keys.

    Textual waits 0.1 s for more behind an escape, and takes what comes as a key with alt, as a character of iTerm's
    (``1`` as ``¡``), or drops the escape. Fast typing and a slow line both bring two keys within that time, and no key
    of ours has alt. Terminals with kitty's protocol send escape in a form of its own and never come here.
    """

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        is_pair = len(sequence) == 2 and sequence[0] == _ESCAPE and sequence[1] not in _OPENS_A_SEQUENCE
        if alt or is_pair:
            yield events.Key("escape", _ESCAPE)
            yield from super()._sequence_to_key_events(sequence[-1])
        else:
            yield from super()._sequence_to_key_events(sequence)
