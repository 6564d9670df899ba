"""Textual bindings made from the key table, and the bindings that are active now, with the keymap applied."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from textual.binding import ActiveBinding, Binding, BindingType
from textual.dom import DOMNode
from textual.screen import Screen

from dasktop.tui.view.keys import KEYS, Key, shown


def bindings(keys: Mapping[str, Key], *, priority: bool = False) -> list[BindingType]:
    """Return the bindings of table entries that have an action; `priority` ones also work in modal screens."""
    return [
        Binding(key.keys, key.action, key.short, show=bool(key.short), id=key_id, priority=priority)
        for key_id, key in keys.items()
    ]


def bound(*, priority: bool = False, **actions: str | tuple[str, str]) -> list[BindingType]:
    """Return bindings of key ids to actions: ``bound(up="move(-1)")``.

    Parameters
    ----------
    priority
        Whether they take precedence over the focused widget, such as a text field.
    actions
        The action, or the action and a label that replaces the table's; empty label: not shown.
    """
    made: list[BindingType] = []
    for key_id, given in actions.items():
        action, short = given if isinstance(given, tuple) else (given, KEYS[key_id].short)
        made.append(Binding(KEYS[key_id].keys, action, short, show=bool(short), id=key_id, priority=priority))
    return made


class Bound(NamedTuple):
    """An active binding with all its keys."""

    key_id: str
    keys: tuple[str, ...]
    """The first one is displayed."""
    active: ActiveBinding
    """The active binding of the first key."""

    @property
    def node(self) -> DOMNode:
        """The widget, screen or app that has the action."""
        return self.active.node


def bound_now(screen: Screen[Any]) -> list[Bound]:
    """Return the active bindings with an id on a screen, those of the focused widget first.

    Disabled bindings are included; hidden ones and keys that type a character in the focused field are not.
    """
    found: dict[tuple[DOMNode, str], dict[str, ActiveBinding]] = {}
    for key, active in screen.active_bindings.items():
        if active.binding.id is not None and not _is_typed(key, active, screen):
            found.setdefault((active.node, active.binding.id), {})[key] = active
    return [_bound(key_id, active) for (_, key_id), active in found.items()]


def _is_typed(key: str, active: ActiveBinding, screen: Screen[Any]) -> bool:
    """Return whether a key types into the focused field; Textual (8.2) knows no character for ``plus`` or ``slash``."""
    character = shown(key)
    if screen.focused in (None, active.node) or active.binding.priority or len(character) > 1:
        return False
    return character.isascii() and screen.focused.check_consume_key(key, character)


def _bound(key_id: str, active: Mapping[str, ActiveBinding]) -> Bound:
    """Return the keys in table order: Textual lists those first that one of its own widgets binds, too."""
    order = KEYS[key_id].keys.split(",")
    keys = sorted(active, key=lambda key: order.index(key) if key in order else len(order))
    return Bound(key_id, tuple(keys), active[keys[0]])
