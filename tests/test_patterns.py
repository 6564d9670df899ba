"""What is typed to look for: no text that one can type ends the program, or keeps it from ending."""

import pytest

from dasktop.collectors.patterns import compiled, may_take_for_ever, remark

LONG = "the worker on node twelve of the cluster has not been heard of since noon"

FOR_EVER = [
    r"(\w+\s*)+:",
    r"(.*)*!",
    r"((a+)b?)*c",
    r"([a-z]+-?)+!",
    r"(?:[a-z]*){20}!",
    r"(?P<word>\w+)*!",
    r"(\w?){30}!",
    r"((?:\(\w+\))+)*!",
    r"the(?=(\w+ ?)+:)",
    r"(\w+? ?)+:",
    r"(?i:\w+ ?)+:",
    r"([\]]+[a]]*)+",
]

HARMLESS = [
    "",
    "worker-(3|5)$",
    r".*error.*worker",
    r"(\d{1,3}\.){3}\d{1,3}",
    r"(abc)+",
    r"(a{3})+",
    r"(?>\w+\s*)+:",
    r"(\w++\s)+",
    r"\(a+\)+",
    r"\\(a+)",
    r"[(a+)+]",
    r"[]a+)]+(b)*",
    r"(?#(a+)+)x",
    ")(",
    "}{",
    "a{1,2}{",
]


@pytest.mark.parametrize("typed", FOR_EVER)
def test_a_repeat_within_a_repeat_is_text(typed):
    assert may_take_for_ever(typed)
    assert compiled(typed).search(LONG) is None
    assert compiled(typed).search(f"say {typed}")
    assert "as text" in remark(typed)


@pytest.mark.parametrize("typed", HARMLESS)
def test_other_repeats_are_not(typed):
    assert not may_take_for_ever(typed)
    assert remark(typed) == ""
    compiled(typed)


@pytest.mark.parametrize(
    "typed", ["a{99999999999}", "a{1,99999999999}", "(" * 600 + "a" + ")" * 600, "(", "[", "a**", "\\"]
)
def test_what_is_no_pattern_is_text(typed):
    assert compiled(typed).search(f"say {typed}")


def test_capitals_matter_if_there_are_any():
    assert compiled("lost").search("LOST")
    assert not compiled("Lost").search("LOST")
