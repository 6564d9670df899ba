"""Typed search patterns: no pattern crashes or blocks the program."""

import pytest

from dasktop.collectors.text.patterns import FREE_SECONDS, TEXT_SECONDS, Pattern, compiled, remark

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

RUNAWAY = [
    ".*.*.*x",
    ".*.*.*.*[xz]y",
    "(.*)(.*)(.*)1",
    r"(\w+).*\1.*\1y",
    "(a|b|ab)*c",
    "(?=.*.*.*x)z",
    "(a?){40}a{40}b",
]
"""With consecutive repeats: time grows with the third power of the line's length, or more."""

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


@pytest.mark.parametrize("typed", [*FOR_EVER, *RUNAWAY])
def test_slow_patterns_time_out(typed):
    for text in (LONG, f"{LONG} x", "x" + "a" * 4096, "1" * 4096 + "xz", "a b " * 1024 + "x"):
        Pattern(typed).search(text)
        list(Pattern(typed).finditer(text))


def test_slow_pattern_becomes_plain_text(monkeypatch):
    monkeypatch.setattr("dasktop.collectors.text.patterns.TEXT_SECONDS", TEXT_SECONDS / 1000)
    typed = "(a?){40}a{40}b"
    assert compiled(typed).search("a" * 39 + f"b and {typed}")
    assert "as plain text" in remark(typed)
    assert compiled(typed).search(LONG) is None
    assert compiled(typed).search(f"say {typed}")


def test_pattern_slow_on_every_text_becomes_plain_text(monkeypatch):
    now = iter(range(1000))
    monkeypatch.setattr("dasktop.collectors.text.patterns.thread_time", lambda: next(now) * FREE_SECONDS / 10)
    pattern = Pattern("w.rker")
    texts = 0
    while not pattern.has_given_up:
        texts += 1
        assert pattern.search("the worker")
    assert texts == 11
    assert pattern.search("the worker") is None
    assert pattern.search("the w.rker")


@pytest.mark.parametrize("typed", HARMLESS)
def test_usual_patterns_stay_regular_expressions(typed):
    compiled(typed).search(LONG)
    assert not compiled(typed).has_given_up


@pytest.mark.parametrize(("typed", "words"), [("[", "not a valid regular expression"), ("a.b", ""), ("(" * 600, "")])
def test_invalid_pattern_has_a_remark(typed, words):
    assert remark(typed) == (f" (searched as plain text: {words})" if words else "")


def test_nested_repeat_is_a_regular_expression():
    assert compiled(r"(\w+\s*)+:").search("the worker: gone")[0] == "the worker:"


@pytest.mark.parametrize(
    "typed", ["a{99999999999}", "a{1,99999999999}", "(" * 600 + "a" + ")" * 600, "(", "[", "a**", "\\"]
)
def test_invalid_pattern_is_plain_text(typed):
    assert compiled(typed).search(f"say {typed}")


def test_pattern_with_capitals_is_case_sensitive():
    assert compiled("lost").search("LOST")
    assert not compiled("Lost").search("LOST")


def test_matches_are_remembered_until_the_pattern_is_plain_text():
    pattern = Pattern("(n1|n2)$")
    assert pattern.matches("node n2")
    assert not pattern.matches("(n1|n2)$ again")
    pattern._give_up()
    assert not pattern.matches("node n2")
    assert pattern.matches("(n1|n2)$ again")


def test_matches_in_several_texts_are_remembered():
    pattern = Pattern("(n1|n2)$")
    assert pattern.matches_any(("n3", None, "", "node n2"))
    assert not pattern.matches_any((None, "", "(n1|n2)$ again"))
    assert not Pattern("^$").matches_any((None, ""))
    pattern._give_up()
    assert not pattern.matches_any(("n3", None, "", "node n2"))
    assert pattern.matches_any((None, "", "(n1|n2)$ again"))


def test_name_with_a_hyphen_is_plain_text():
    pattern = Pattern("cluster-1_2 &")
    assert pattern._matcher is None
    assert not pattern.is_invalid
    assert pattern.matches("SLURMCluster-1_2 & more")
