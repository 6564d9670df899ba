"""Draw the pictures of the README (``make screenshots``): the screen on the recorded run, as SVG and PNG.

The pictures show the real screen: a recording goes through the same code as a live cluster.
"""

import asyncio
import hashlib
import os
import struct
import sys
import time
import zlib
from pathlib import Path
from typing import NamedTuple

from dasktop.tui.dialogs.saving import screenshot_of
from tests.support.scenes import SCENES, app_for, play, recorded

REPOSITORY = Path(__file__).parents[1]
FOLDER = REPOSITORY / "screenshots"
ENVIRONMENT = {"TZ": "UTC", "TERM": "xterm-256color", "COLORTERM": "truecolor"}
"""The screen shows local times, and themes have fewer colours on some terminals."""
MADE_FROM = "made from"
"""The key of the PNG text chunk with the digest of its SVG."""
_AFTER_HEADER = 33
"""Length of the PNG signature and the first chunk, in bytes."""

FONT = "DejaVu Sans Mono"
"""It has all characters of the screen; most fonts lack some, and glyphs of a fallback font have another width."""
FONT_FILES = ("DejaVuSansMono.ttf", "DejaVuSansMono-Bold.ttf")
FONT_FOLDERS = (
    "/usr/share/fonts/truetype/dejavu",  # Debian
    "/usr/share/fonts/dejavu-sans-mono-fonts",  # Fedora
    "/usr/share/fonts/TTF",  # Arch
    "/opt/homebrew/share/fonts",
    "~/Library/Fonts",
    "~/.local/share/fonts",
)


class Picture(NamedTuple):
    """The size of a picture, in cells; it has the name of its scene."""

    columns: int
    lines: int
    theme: str | None = None
    """``None``: the default one."""


PICTURES = {
    "overview": Picture(124, 42, "dark"),
    "beside": Picture(150, 29),
    "work": Picture(112, 15),
    "anatomy": Picture(112, 18),
    "scale": Picture(112, 26),
    "findings": Picture(112, 20),
}


class NoFontError(Exception):
    """The font of the pictures is not installed."""


async def draw(name: str) -> str:
    """Return a picture as SVG, byte for byte the same on any machine."""
    os.environ |= ENVIRONMENT
    time.tzset()
    scene, picture = SCENES[name], PICTURES[name]
    app = app_for(scene)
    if picture.theme is not None:
        app.theme = picture.theme
    async with app.run_test(size=(picture.columns, picture.lines), notifications=True) as pilot:
        await play(pilot, scene, recorded(scene.run))
        return screenshot_of(app)


def png_of(svg: str, fonts: list[Path]) -> bytes:
    """Return a picture as PNG, with the digest of the SVG in it."""
    from resvg_py import svg_to_bytes

    files = [str(font) for font in fonts]
    png = bytes(svg_to_bytes(svg_string=svg, font_files=files, skip_system_fonts=True, monospace_family=FONT))
    text = f"{MADE_FROM}\0sha256 {digest(svg)}".encode("latin-1")
    return png[:_AFTER_HEADER] + _chunk(b"tEXt", text) + png[_AFTER_HEADER:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def digest(svg: str) -> str:
    """Return the digest of an SVG."""
    return hashlib.sha256(svg.encode()).hexdigest()


def made_from(png: bytes) -> str | None:
    """Return the digest of the SVG that a PNG was made from, or None if it has none."""
    at = 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        key, _, value = png[at + 8 : at + 8 + length].partition(b"\0")
        if kind == b"tEXt" and key.decode("latin-1") == MADE_FROM:
            return value.decode("latin-1").removeprefix("sha256 ")
        at += 12 + length
    return None


def fonts() -> list[Path]:
    """Return the files of the font.

    Raises
    ------
    NoFontError
        It is not in any of the usual folders.
    """
    for folder in map(Path, FONT_FOLDERS):
        files = [folder.expanduser() / name for name in FONT_FILES]
        if all(file.exists() for file in files):
            return files
    raise NoFontError(f"the pictures need the font {FONT}: apt-get install fonts-dejavu-core")


def main() -> None:
    """Write the pictures."""
    try:
        drawn_in = fonts()
    except NoFontError as error:
        sys.exit(f"make screenshots: {error}")
    for name in PICTURES:
        svg = asyncio.run(draw(name))
        (FOLDER / f"{name}.svg").write_text(svg)
        (FOLDER / f"{name}.png").write_bytes(png_of(svg, drawn_in))
        sys.stdout.write(f"screenshots/{name}.svg, .png\n")


if __name__ == "__main__":
    main()
