"""Why a key does nothing at the moment, for keys that do something elsewhere. Pure."""

from collections.abc import Iterator

from dasktop.tui.view.keys import KEYS, SCREEN, TREE, Keymap, keys_of, shown

CHANGES = frozenset({"add_job", "remove_job", "scale", "release", "mark", "adapt", "replace_lost"})
"""The ids of the keys that change the cluster, and their actions."""
READ_ONLY = "read-only: dasktop changes nothing"
REPLAY_CHANGES_NOTHING = "a replay cannot change the cluster"
NOT_RECORDED = "this is a replay: not recorded"


def ids_of_key(key: str, keymap: Keymap) -> Iterator[str]:
    """Yield the ids of the tree's and the screen's keys that a key has."""
    return (key_id for key_id in (*SCREEN, *TREE) if key in keys_of(key_id, keymap))


def why_not_here(key: str, key_id: str) -> str:
    """Return that a key does nothing on this page, and what it does in the tree."""
    return f"{shown(key)} does nothing on this page; in the tree: {KEYS[key_id].description}"
