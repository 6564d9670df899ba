"""Names of keys: conversion between common spelling and Textual's names, for all keys of a terminal."""

import pytest
from textual.keys import KEY_NAME_REPLACEMENTS, Keys, _character_to_key

from dasktop.tui.view.keys import named, shown

ASCII = [chr(code) for code in range(33, 127)]
SENT = [key.value for key in Keys if "<" not in key.value and key.value != "ctrl-at"]
SAME_TO_A_TERMINAL = {"return": "enter", "ctrl+i": "tab", "ctrl+m": "enter", "ctrl+@": "ctrl+at"}


@pytest.mark.parametrize("character", ASCII)
def test_characters_convert_to_textuals_names_and_back(character: str) -> None:
    name = _character_to_key(character)
    assert named(character) == KEY_NAME_REPLACEMENTS.get(name, name)
    assert named(named(character)) == named(character)
    assert shown(named(character)) == character


@pytest.mark.parametrize("key", SENT)
def test_textuals_names_are_accepted(key: str) -> None:
    assert named(key) == SAME_TO_A_TERMINAL.get(key, key)
    assert named(key.upper() if len(key) > 1 else key) == named(key)


@pytest.mark.parametrize(
    "words", ["", " ", "ctrl", "ctrl+", "+a", "++a", "f25", "f0", "nosuch", "a b", "\x1b", "\x00", "ab"]
)
def test_invalid_names_are_refused(words: str) -> None:
    with pytest.raises(ValueError, match="there is no key"):
        named(words)


def test_shown_keys_can_be_written() -> None:
    for key in ("pageup", "escape", "up", "slash", "plus", "home", "left_curly_bracket"):
        assert named(shown(key)) == key
