"""Pictures of each scene at four sizes: the text and styles of each line, without the line of keys.

After an intended change run ``pytest tests/tui/test_looks.py --snapshot-update``, and read the difference.
`tests.test_screenshots` compares whole pictures.
"""

import time

import pytest

from tests.support.scenes import SCENES, app_for, play, recorded
from tests.support.screen_text import lines_on, styles_on

SIZES = ((60, 15), (80, 24), (120, 40), (200, 50))
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
async def test_a_scene_looks_as_before(name, size, snapshot):
    scene = SCENES[name]
    app = app_for(scene)
    async with app.run_test(size=size) as pilot:
        await play(pilot, scene, recorded()[SNAPSHOTS])
        # The line of keys is last; a new key must not change each of these.
        text, styles = lines_on(app)[:-1], styles_on(app)[:-1]
    shown = [*text, "", "styles:", *(f"{number}: {runs}" for number, runs in enumerate(styles) if runs)]
    assert "\n".join(shown) == snapshot
