"""Pictures of each scene at five sizes: the text and styles of each line, without the line of keys.

After an intended change run ``pytest tests/tui/test_looks.py --snapshot-update``, and read the difference.
`tests.test_screenshots` compares whole pictures.
"""

import re
import time

import pytest

from dasktop.tui.config.view_settings import ViewSettings
from dasktop.tui.draw import glyphs
from dasktop.tui.terminal.theme import has_sixteen
from tests.support.scenes import SCENES, app_for, play, recorded
from tests.support.screen_text import text_and_styles

SIZES = ((60, 15), (80, 24), (120, 40), (200, 50), (300, 100))
COLOUR = re.compile(r"color\(|#|\b(black|red|green|yellow|blue|magenta|cyan|white)\b")
SNAPSHOTS = slice(-23, None, 2)
"""The recorded snapshots that are shown: enough for a short history, four seconds apart."""


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "{}x{}".format(*size))
@pytest.mark.parametrize("name", SCENES)
async def test_a_scene_looks_as_before(name, size, snapshot, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")  # sixteen colours
    monkeypatch.delenv("COLORTERM", raising=False)
    scene = SCENES[name]
    app = app_for(scene)
    assert has_sixteen(app)
    async with app.run_test(size=size) as pilot:
        await play(pilot, scene, recorded(scene.run)[SNAPSHOTS])
        # The line of keys is last; a new key must not change each of these.
        text, styles = (lines[:-1] for lines in text_and_styles(app))
    shown = [*text, "", "styles:", *(f"{number}: {runs}" for number, runs in enumerate(styles) if runs)]
    assert "\n".join(shown) == snapshot


@pytest.mark.parametrize("name", SCENES)
async def test_a_scene_needs_neither_colours_nor_unicode(name, monkeypatch):
    """It is opened once, and resized to each size. Each character that is drawn has a replacement in ASCII."""
    monkeypatch.setenv("NO_COLOR", "1")
    known = {code: text for code, text in glyphs._ASCII_FOR.items() if "?" not in text}
    replacements = glyphs._AsciiFor(known)
    monkeypatch.setattr(glyphs, "_ASCII_FOR", replacements)
    app = app_for(SCENES[name], unicode=False, looks=ViewSettings(theme="dark"))
    async with app.run_test(size=SIZES[2]) as pilot:
        await play(pilot, SCENES[name], recorded(SCENES[name].run)[SNAPSHOTS])
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await pilot.pause()
            await pilot.pause()
            for text, styles in zip(*text_and_styles(app), strict=True):
                assert text.isascii()
                assert not COLOUR.search(styles), (text, styles)
    assert [chr(code) for code, text in replacements.items() if "?" in text] == []
