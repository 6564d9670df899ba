"""Only changed cells are sent, and the terminal shows the same as if all were."""

import os
import random
import re
import unicodedata
from collections.abc import Sequence

import pytest
from rich.cells import cell_len

from dasktop.tui.draw.text_width import printable
from dasktop.tui.terminal.pens import change
from dasktop.tui.terminal.sent_screen import SentScreen
from tests.support.screen import HOSTILE
from tests.support.sgr import Pen, seen, turned
from tests.support.terminal import Terminal

COLUMNS, LINES = 60, 12
GROUND = "48;2;17;21;28"
PENS = ("", "1", "2", "7", "32", "31;1", "2;4", "7;90;49", "53", "38;5;78;48;5;16", "1;38;5;78;48;5;237")
TRUE_COLOURS = (GROUND, f"38;2;111;206;146;{GROUND}", f"1;4;38;2;161;173;191;{GROUND}", "38;2;1;2;4;48;2;50;56;67")
SPACING_ACCENTS = {character for character in map(chr, range(0x3000)) if unicodedata.category(character) == "Mc"}
"""tmux gives them their own cell, Textual does not."""
WORDS = ("RUNNING", "▏", "████▌", " 88%", "1.1G", "      ", "–", "…", "work-4c58", "3/12")


def move(y: int, x: int) -> str:
    return f"\x1b[{y};{x}H"


def styled(pen: str, text: str) -> str:
    return f"\x1b[{pen}m{text}\x1b[0m" if pen else text


def update(*runs: str) -> str:
    """Return one output of Textual: runs of text, each at a position, and the final position of the cursor."""
    return "\n".join(runs) + move(1, 2)


def test_first_drawing_is_sent_whole():
    screen = SentScreen()
    first = update(move(1, 1) + "some " + styled("1", "words"))
    assert screen.changes(first) == "\x1b[1;1Hsome \x1b[1mwords\x1b[m\x1b[1;2H"


@pytest.mark.parametrize(
    ("before", "after", "sent"),
    [
        ("cpu  3% of one", "cpu  4% of one", "\x1b[4;6H4"),
        ("a 12 b", "a 34 b", "\x1b[4;3H34"),
        ("1 and far away 2", "3 and far away 4", "\x1b[4;1H3\x1b[14C4"),
        ("1 - 2", "3 - 4", "\x1b[4;1H3 - 4"),  # a jump would be longer
        (styled("32", "██") + " 1%", styled("32", "█▌") + " 1%", "\x1b[4;2H\x1b[32m▌\x1b[m"),
        (styled("2", "off") + "on", styled("1", "off") + styled("31", "on"), "\x1b[4;1H\x1b[1moff\x1b[0;31mon\x1b[m"),
        (styled("2", "idle   ") + "0", "idle   0", "\x1b[4;1Hidle"),  # blanks look the same dim
        (styled("7", "a  "), "a  ", "\x1b[4;1Ha  "),  # and not the same reversed
    ],
)
def test_only_changed_cells_are_sent(before, after, sent):
    screen = SentScreen()
    screen.changes(update(move(4, 1) + before))
    assert screen.changes(update(move(4, 1) + after)) == sent + "\x1b[1;2H"


@pytest.mark.parametrize(
    ("pen", "style", "sent"),
    [
        ("", "1;31", "\x1b[1;31m"),
        ("1;31", "", "\x1b[m"),
        ("31", "32", "\x1b[32m"),
        (f"38;2;1;2;3;{GROUND}", f"38;2;4;5;6;{GROUND}", "\x1b[38;2;4;5;6m"),
        (f"1;38;2;1;2;3;{GROUND}", f"38;2;1;2;3;{GROUND}", "\x1b[22m"),
        (f"1;{GROUND}", f"2;{GROUND}", "\x1b[22;2m"),
        (f"38;2;1;2;3;{GROUND}", GROUND, "\x1b[39m"),
        (f"38;2;1;2;3;{GROUND}", "38;2;1;2;3", "\x1b[49m"),
        ("4;31", "53;31", "\x1b[0;53;31m"),  # its end is not known
    ],
)
def test_only_the_changed_part_of_a_style_is_sent(pen, style, sent):
    assert change(pen, style) == sent


def test_the_style_is_kept_from_line_to_line():
    screen = SentScreen()
    sent = screen.changes(update(move(1, 1) + styled("31", "one two"), move(2, 1) + styled("31", "three")))
    assert sent == "\x1b[1;1H\x1b[31mone two\x1b[2;1Hthree\x1b[m\x1b[1;2H"


def test_unchanged_cells_are_not_sent():
    screen = SentScreen()
    same = update(move(2, 5) + styled("32", "████") + " 88%")
    assert screen.changes(same)
    assert screen.changes(same) == ""


def test_cursor_is_moved_without_changed_cells():
    screen = SentScreen()
    screen.changes(move(2, 5) + "text" + move(1, 2))
    assert screen.changes(move(2, 5) + "text" + move(3, 3)) == move(3, 3)


@pytest.mark.parametrize("text", ["\x1b[?2026h", "\a", "\x1b]52;c;NDcwOQ==\a"])
def test_other_output_passes_and_keeps_the_state(text):
    screen = SentScreen()
    same = update(move(1, 1) + "words")
    screen.changes(same)
    assert screen.changes(text) == text
    assert screen.changes(same) == ""


@pytest.mark.parametrize("text", ["\x1b[?1049h", move(1, 1) + "erased\x1b[2J"])
def test_other_sequences_pass_and_reset_the_state(text):
    screen = SentScreen()
    same = update(move(1, 1) + "words")
    screen.changes(same)
    assert screen.changes(text) == text
    assert screen.changes(same) == same


def test_forgetting_sends_everything_again():
    screen = SentScreen()
    same = update(move(1, 1) + "words")
    screen.changes(same)
    screen.forget()
    assert screen.changes(same) == same


def test_lines_of_ambiguous_width_are_sent_whole():
    screen = SentScreen()
    before, after = (update(move(1, 3) + "ab " + styled("1", "日本e\u0301") + f" {number}%") for number in (1, 2))
    screen.changes(before)
    assert screen.changes(before) == ""
    assert screen.changes(after) == ("\x1b[1;3Hab \x1b[1m     \x1b[1;6H日本e\u0301\x1b[1;11H\x1b[m 2%\x1b[1;2H")


def random_update(draw: random.Random, words: Sequence[str]) -> str:
    """Return a typical update: of some lines, from some column on."""
    runs = []
    for y in draw.sample(range(1, LINES), draw.randint(1, LINES - 1)):
        x = draw.choice((1, 1, 20))
        text, room = move(y, x), COLUMNS - x
        for word in draw.choices(words, k=draw.randint(1, 4)):
            if cell_len(word) <= room:
                text, room = text + styled(draw.choice(PENS + TRUE_COLOURS), word), room - cell_len(word)
        runs.append(text)
    return update(*runs)


def cells(data: str) -> dict[tuple[int, int], tuple[str, str]]:
    """Return the cells of a terminal: a character and its style; of a blank only the visible part of the style."""
    shown = {}
    y = x = 0
    pen: Pen = {}
    for row, column, jump, style, character in re.findall(
        r"\x1b\[(\d+);(\d+)H|\x1b\[(\d+)C|\x1b\[([\d;]*)m|([^\x00-\x1f])", data
    ):
        if row:
            y, x = int(row), int(column)
        elif jump:
            x += int(jump)
        elif character:
            shown[y, x] = character, seen(character, pen)
            x += 1
        else:
            pen = turned(pen, style)
    return shown


@pytest.mark.parametrize("seed", range(20))
def test_any_updates_give_the_same_screen(seed):
    draw, screen = random.Random(seed), SentScreen()
    updates = [random_update(draw, WORDS) for _ in range(20)]
    thinned = [screen.changes(data) for data in updates]
    assert cells("".join(thinned)) == cells("".join(updates))
    assert sum(map(len, thinned)) < sum(map(len, updates))


def test_real_terminal_shows_the_same(tmp_path):
    """Compares a terminal with the full output and one with the changes, also for characters of two or no cells."""
    draw, screen = random.Random(1), SentScreen()
    words = (*WORDS * 4, *(printable(text)[:30] for text in HOSTILE if not SPACING_ACCENTS.intersection(text)))
    rounds = [[random_update(draw, words) for _ in range(20)] for _ in range(5)]
    shown = []
    for name, sent in (("whole", rounds), ("thinned", [map(screen.changes, updates) for updates in rounds])):
        folder = tmp_path / name
        folder.mkdir()
        for number, updates in enumerate(sent):
            (folder / f"{number}.part").write_text("".join(updates), newline="")
        script = (
            f"stty raw -echo; printf '\\033[?7l'; cd {folder}; for part in *.part; "
            f"do cat $part; printf '\\033[{LINES};1H'$part; head -c 1; done"
        )
        with Terminal(["sh", "-c", script], folder, os.environ, COLUMNS, LINES) as terminal:
            for number in range(len(rounds)):
                shown.append(terminal.wait_for(f"{number}.part"))
                terminal.press("x")
    assert shown[: len(rounds)] == shown[len(rounds) :]
