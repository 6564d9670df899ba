"""The table of keys: complete, without conflicts, and shown in common spelling."""

from collections.abc import Iterator
from itertools import chain, combinations

import pytest

from dasktop.tui.view import help_rows
from dasktop.tui.view.help_rows import HelpRow
from dasktop.tui.view.keys import (
    ANYWHERE,
    KEYS,
    LIVE_ONLY,
    MOVES,
    REPLAY,
    SCREEN,
    TOGETHER,
    TREE,
    keys_of,
    keys_words,
    shown,
)

HELP_CELLS = 60
"""The width of texts in the help."""


def help_of_all_places() -> Iterator[HelpRow]:
    for groups in vars(help_rows).values():
        if isinstance(groups, tuple) and groups and isinstance(groups[0], tuple) and not hasattr(groups, "ids"):
            for group in groups:
                yield from (row for row in group if isinstance(row, HelpRow))


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("slash", "/"),
        ("plus", "+"),
        ("minus", "-"),
        ("full_stop", "."),
        ("question_mark", "?"),
        ("right_curly_bracket", "}"),
        ("greater_than_sign", ">"),
        ("up", "↑"),
        ("pageup", "PgUp"),
        ("escape", "esc"),
        ("space", "space"),
        ("tab", "tab"),
        ("backspace", "backspace"),
        ("enter", "enter"),
        ("ctrl+u", "ctrl+u"),
        ("f5", "f5"),
        ("G", "G"),
    ],
)
def test_keys_are_shown_in_common_spelling(key: str, words: str) -> None:
    assert shown(key) == words


def test_help_describes_every_key() -> None:
    listed = {key_id for row in help_of_all_places() for key_id in row.ids}
    assert listed == set(KEYS) - {"help", "close_help", "keep_filter"}


def test_help_lines_are_neither_long_nor_empty() -> None:
    words = [row.description for row in help_of_all_places()]
    assert len(words) > 50
    assert {row for row in words if not 0 < len(row) <= HELP_CELLS} == set()


@pytest.mark.parametrize("place", TOGETHER)
def test_no_key_has_two_meanings_in_one_place(place: str) -> None:
    for one, other in combinations(TOGETHER[place], 2):
        if one not in LIVE_ONLY or other not in REPLAY:
            assert set(keys_of(one, {})).isdisjoint(keys_of(other, {})), (one, other)


def test_every_key_can_be_pressed_somewhere() -> None:
    assert set(chain.from_iterable(TOGETHER.values())) == set(KEYS) - {"close_help", "keep_filter"}


def test_replay_reuses_only_pause_and_speed_keys() -> None:
    live = MOVES | TREE | SCREEN | ANYWHERE
    taken = {(one, other) for one in REPLAY for other in live if set(keys_of(one, {})) & set(keys_of(other, {}))}
    assert taken == {("replay_pause", "pause"), ("replay_faster", "faster"), ("replay_slower", "slower")}
    assert {other for _, other in taken} <= LIVE_ONLY


def test_what_a_replay_lacks_exists_live() -> None:
    assert set(SCREEN) >= LIVE_ONLY


def test_alternative_keys_are_listed_if_they_fit() -> None:
    assert keys_words([["up", "k"], ["down", "j"]], 9) == "↑ ↓  k j"
    pages = [["pageup", "ctrl+u"], ["pagedown", "ctrl+d"]]
    assert keys_words(pages, 9) == "PgUp PgDn"
    assert keys_words(pages, 30) == "PgUp PgDn  ctrl+u ctrl+d"
    assert keys_words([["plus", "equals_sign"], ["minus"]], 9) == "+ -  ="


def test_keymap_overrides_the_table() -> None:
    assert keys_of("up", {"up": "w, f7"}) == ["w", "f7"]
    assert keys_of("down", {"up": "w, f7"}) == ["down", "j"]
