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
        ("a-word-that-is-long", 8, ["a-word-", "that-is-", "long"]),
        ("to a-word-that-is-long too", 8, ["to", "a-word-", "that-is-", "long too"]),
        ("inc-8a7f0d5e2c41-123", 18, ["inc-8a7f0d5e2c41-", "123"]),
        ("inc-8a7f0d5e2c41-123", 8, ["inc-", "8a7f0d5e", "2c41-123"]),
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
