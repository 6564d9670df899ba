"""Textual's bindings, made from the table of keys; and which keys they are now, for a keymap may have changed them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from textual.binding import ActiveBinding, Binding, BindingType
from textual.dom import DOMNode
from textual.screen import Screen

from dasktop.tui.view.keys import KEYS, Key, shown


def bindings(keys: Mapping[str, Key], *, priority: bool = False) -> list[BindingType]:
    """Return the bindings of keys that say what they do; with priority also where something modal is open."""
    return [
        Binding(key.keys, key.action, key.short, show=bool(key.short), id=key_id, priority=priority)
        for key_id, key in keys.items()
    ]


def bound(*, priority: bool = False, **actions: str | tuple[str, str]) -> list[BindingType]:
    """Return the bindings of keys by their ids, each with what it does here: ``bound(up="move(-1)")``.

    Parameters
    ----------
    priority
        Whether they are heard before what is in focus, such as a field to type in.
    actions
        With a second word: what to call it here, where that isn't what the table says; empty: not to be shown.
    """
    made: list[BindingType] = []
    for key_id, told in actions.items():
        action, short = told if isinstance(told, tuple) else (told, KEYS[key_id].short)
        made.append(Binding(KEYS[key_id].keys, action, short, show=bool(short), id=key_id, priority=priority))
    return made


class Bound(NamedTuple):
    """What one can do now, and by which keys."""

    key_id: str
    keys: tuple[str, ...]
    """The first is the one that is shown."""
    active: ActiveBinding
    """Of the first key."""

    @property
    def node(self) -> DOMNode:
        """Whose action it is."""
        return self.active.node


def bound_now(screen: Screen[Any]) -> list[Bound]:
    """Return all that can be done by a key with an id on this screen now, what is in focus before what is around it.

    What Textual has for a key that isn't enabled is among it; what isn't there now is not, nor what is typed.
    """
    found: dict[tuple[DOMNode, str], dict[str, ActiveBinding]] = {}
    for key, active in screen.active_bindings.items():
        if active.binding.id is not None and not _is_typed(key, active, screen):
            found.setdefault((active.node, active.binding.id), {})[key] = active
    return [_bound(key_id, active) for (_, key_id), active in found.items()]


def _is_typed(key: str, active: ActiveBinding, screen: Screen[Any]) -> bool:
    """Tell whether a key goes into the field in focus. Textual (8.2) doesn't know what ``plus`` or ``slash`` type."""
    character = shown(key)
    if screen.focused in (None, active.node) or active.binding.priority or len(character) > 1:
        return False
    return character.isascii() and screen.focused.check_consume_key(key, character)


def _bound(key_id: str, active: Mapping[str, ActiveBinding]) -> Bound:
    """Return keys as the table has them: Textual tells those first that one of its own widgets has too."""
    order = KEYS[key_id].keys.split(",")
    keys = sorted(active, key=lambda key: order.index(key) if key in order else len(order))
    return Bound(key_id, tuple(keys), active[keys[0]])
