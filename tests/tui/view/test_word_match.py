"""What the command palette finds: words in any order, the best match first."""

import pytest

from dasktop.tui.view.keys import KEYS
from dasktop.tui.view.word_match import match_score

DESCRIPTIONS = [key.description for key in KEYS.values() if key.description]


def best(typed: str) -> list[str]:
    found = [text for text in DESCRIPTIONS if match_score(typed, text) > 0]
    return sorted(found, key=lambda text: match_score(typed, text), reverse=True)


def test_words_match_in_any_order() -> None:
    assert best("script job")[0] == best("job script")[0] == KEYS["job_script"].description
    assert best("scheduler switch")[0] == KEYS["switch"].description
    assert best("release mark")[0] in (KEYS["mark"].description, KEYS["release"].description)


def test_all_words_must_match() -> None:
    assert best("job zebra") == []
    assert best("") == best("  ") == []


def test_better_matches_come_first() -> None:
    texts = ["relog", "follow the logs", "the log", "clone a group", "a long gap"]
    scores = {text: match_score("log", text) for text in texts}
    assert scores["the log"] > scores["follow the logs"] > scores["relog"] > scores["a long gap"] > 0
    assert scores["clone a group"] == 0, "letters that begin within a word are chance"


def test_worst_word_decides() -> None:
    assert (
        match_score("job scr", "job script")
        > match_score("job ipt", "job script")
        > match_score("jb ipt", "job script")
    )


@pytest.mark.parametrize(
    ("typed", "key_id"),
    [
        ("sort", "sort"),
        ("script", "job_script"),
        ("call stack", "call_stack"),
        ("stack call", "call_stack"),
        ("findings", "findings"),
        ("adapt", "adapt"),
        ("quit", "quit"),
        ("columns", "columns"),
        ("LOST", "replace_lost"),
    ],
)
def test_first_is_what_was_meant(typed: str, key_id: str) -> None:
    assert best(typed)[0] == KEYS[key_id].description


@pytest.mark.parametrize("typed", ["(", "[", ".*", "\\", "ß", "🚀"])
def test_any_text_can_be_typed(typed: str) -> None:
    assert match_score(typed, f"a {typed} b") > 0
    assert match_score(typed, "") == 0
