"""The README's pictures show the program as it is, and fetch nothing."""

import re
from html import unescape

from tests import screenshots


def words(svg: str) -> list[str]:
    """Return what a picture says, without the ids that each drawing makes anew."""
    return [unescape(text).replace("\xa0", " ") for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


async def test_the_tree_is_what_the_program_draws(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")  # put back afterwards
    committed = (screenshots.FOLDER / "tree.svg").read_text()
    assert words(committed) == words(await screenshots.draw_tree()), "run: make screenshots"


def test_pictures_fetch_nothing():
    for picture in screenshots.FOLDER.glob("*.svg"):
        assert "url(http" not in picture.read_text().replace('"', ""), picture.name
