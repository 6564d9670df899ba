"""Keys that are not bound by default, so that tests that use them still pass when dasktop gets a new key."""

import string

from dasktop.tui.view.keys import KEYS, keys_of


def free_letters() -> list[str]:
    """Return all letters that are not bound."""
    taken = {key for key_id in KEYS for key in keys_of(key_id, {})}
    return [letter for letter in string.ascii_letters if letter not in taken]
