"""The pictures of the README are current, and SVG and PNG match and load nothing."""

import re
import time

import pytest

from tests import screenshots
from tests.support.svg_text import lines_of

README = (screenshots.REPOSITORY / "README.md").read_text()


@pytest.fixture(autouse=True)
def _restore_environment(monkeypatch):
    for name, value in screenshots.ENVIRONMENT.items():  # set by draw()
        monkeypatch.setenv(name, value)
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("name", screenshots.PICTURES)
async def test_picture_is_what_the_screen_draws(name):
    kept = (screenshots.FOLDER / f"{name}.svg").read_text()
    drawn = await screenshots.draw(name)
    assert lines_of(drawn) == lines_of(kept), "run: make screenshots"
    assert drawn == kept, "the colours differ; run: make screenshots"


@pytest.mark.parametrize("name", screenshots.PICTURES)
def test_png_was_made_from_its_svg(name):
    svg, png = (screenshots.FOLDER / f"{name}.{ending}" for ending in ("svg", "png"))
    assert screenshots.made_from(png.read_bytes()) == screenshots.digest(svg.read_text()), "run: make screenshots"


def test_folder_has_no_other_picture():
    named = {f"{name}.{ending}" for name in screenshots.PICTURES for ending in ("svg", "png")}
    assert {path.name for path in screenshots.FOLDER.iterdir()} == named


def test_pictures_of_the_readme_exist():
    shown = re.findall(r"\(screenshots/([^)]*)\)", README)
    assert shown
    assert all((screenshots.FOLDER / name).exists() for name in shown)


@pytest.mark.parametrize("name", screenshots.PICTURES)
def test_picture_loads_nothing_from_the_network(name):
    svg = (screenshots.FOLDER / f"{name}.svg").read_text()
    assert "url(http" not in svg.replace('"', "")
    assert "@font-face" not in svg
    assert "href" not in svg
