"""What the screen shows, as an SVG picture that needs nothing from the network."""

import re
from typing import Any

from textual.app import App


def self_contained(svg: str) -> str:
    """Return the picture without the web fonts that it would fetch, and with its blanks kept by all viewers."""
    return re.sub(r"@font-face\s*{[^}]*}\s*", "", svg).replace("<text ", '<text xml:space="preserve" ')


def picture_of(app: App[Any]) -> str:
    """Return what the screen shows."""
    return self_contained(app.export_screenshot(title="dasktop"))
