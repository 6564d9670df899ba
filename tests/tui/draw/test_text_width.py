"""Wrapping text into lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasktop.tui.draw.text_width import chop, printable, width, wrap


@pytest.mark.parametrize(
    ("text", "cells", "lines"),
    [
        ("", 10, []),
        ("one two", 10, ["one two"]),
        ("one two three", 7, ["one two", "three"]),
        ("a-word-that-is-long", 8, ["a-word-t", "hat-is-l", "ong"]),
        ("to a-word-that-is-long too", 8, ["to", "a-word-t", "hat-is-l", "ong too"]),
        ("日本語の名前", 5, ["日本", "語の", "名前"]),
    ],
)
def test_text_is_wrapped_at_words(text, cells, lines):
    assert wrap(text, cells) == lines


@given(st.text(max_size=80), st.integers(2, 30))
def test_wrapping_loses_only_spaces(text, cells):
    lines = wrap(text, cells)
    assert all(width(line) <= cells for line in lines)
    assert "".join(lines).replace(" ", "") == printable(text).replace(" ", "")


@pytest.mark.parametrize("cells", [-5, -1, 0])
def test_wrapping_ends_without_room(cells):
    assert "".join(wrap("two words", cells)) == "twowords"
    assert "".join(chop("two words", cells)) == "two words"
