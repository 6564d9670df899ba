"""Cleaning of text from outside."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from dasktop.collectors.text.clean import MAX_CHARACTERS, clean, clean_lines, clean_or_none


def test_escape_sequences_and_line_breaks_are_removed():
    assert clean("a\x1b[31mb\x9b2Jc\nd\re\tf") == "a [31mb 2Jc d e f"


def test_bidirectional_and_invisible_controls_are_removed():
    assert clean("abc\u202edef\u200bghi\u2066\ufeff") == "abc def ghi"


def test_letters_of_all_scripts_stay():
    assert clean("zażółć 作业 עבודה 🚀") == "zażółć 作业 עבודה 🚀"


def test_invalid_utf8_is_replaced():
    assert clean(b"job\xff\xfe") == "job\ufffd\ufffd"


def test_long_text_is_truncated():
    assert len(clean("x" * 10**6)) == MAX_CHARACTERS


def test_empty_text_is_none():
    assert clean_or_none("\x1b\x00") is None
    assert clean_or_none(None) is None
    assert clean_or_none(4711) is None


def test_lines_keep_indentation_and_empty_lines():
    assert clean_lines("a\x1bb\r\n\n\tc\td  \n") == ("a b", "", "    c   d")
    assert clean_lines("") == ()
    assert clean_lines("a\n\n") == ("a", "")


def test_many_and_long_lines_are_truncated():
    assert clean_lines("x\n" * 5000, most=2) == ("x", "x", "… 4,998 more lines")
    assert max(map(len, clean_lines(" " * 10**6 + "x" * 10**6))) <= 2 * MAX_CHARACTERS


@given(st.text() | st.binary())
def test_cleaned_text_has_no_controls(text):
    cleaned = clean(text)
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in cleaned)
    assert clean(cleaned) == cleaned
