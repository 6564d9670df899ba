"""Keys that nothing has by default: a test that takes one goes on holding when dasktop gets another key."""

import string

from dasktop.tui.view.keys import KEYS, keys_of


def free_letters() -> list[str]:
    """Return all letters that are no key yet."""
    taken = {key for key_id in KEYS for key in keys_of(key_id, {})}
    return [letter for letter in string.ascii_letters if letter not in taken]
