"""What each scene looks like, at three sizes: every word, place and colour as in the pictures that are kept.

A picture that differs on purpose is kept anew by ``pytest tests/test_looks.py --snapshot-update``, and looked at.
"""

import time
from functools import partial
from pathlib import Path

import pytest

from tests.support.scenes import SCENES, app_for, play, recorded

SIZES = ((60, 15), (80, 24), (160, 45))
SNAPSHOTS = slice(-23, None, 2)
"""Which of the recorded ones are shown one after the other: enough for a short history, four seconds apart."""


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "{}x{}".format(*size))
@pytest.mark.parametrize("name", SCENES)
def test_it_looks_as_it_did(name, size, snap_compare):
    scene = SCENES[name]
    seen = partial(play, scene=scene, snapshots=recorded()[SNAPSHOTS])
    is_as_it_was = snap_compare(app_for(scene), terminal_size=size, run_before=seen)
    assert is_as_it_was, f"{name} looks different: see snapshot_report.html"


def test_no_picture_is_kept_of_what_is_no_more():
    kept = {path.name for path in (Path(__file__).parent / "__snapshots__" / "test_looks").iterdir()}
    assert kept <= {f"test_it_looks_as_it_did[{name}-{w}x{h}].svg" for name in SCENES for w, h in SIZES}
