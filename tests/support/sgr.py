"""Styles as a terminal keeps them, from the sequences that it gets."""

import re
from collections.abc import Mapping

Pen = Mapping[str, str]
"""Attributes and colours by their codes; colours by ``fore`` and ``back``."""

_ENDED_BY = {"22": "12", "23": "3", "24": "4", "27": "7", "29": "9"}
_SHOWS_ON_BLANKS = {"4", "7", "9", "53"}


def turned(pen: Pen, parameters: str) -> Pen:
    """Return the style after a sequence with these parameters."""
    new = dict(pen)
    for color, code in re.findall(r"([34]8;(?:2;\d+;\d+;\d+|5;\d+))|(\d+)", parameters or "0"):
        if color:
            new["fore" if color[0] == "3" else "back"] = color
        elif code == "0":
            new.clear()
        elif re.fullmatch(r"3\d|9\d|4\d|10\d", code):
            new["fore" if code[0] in "39" else "back"] = code
        elif code in _ENDED_BY:
            for ended in _ENDED_BY[code]:
                new.pop(ended, None)
        else:
            new[code] = code
    return {name: code for name, code in new.items() if code not in ("39", "49")}


def seen(character: str, pen: Pen) -> str:
    """Return what is visible of a style on a character: on a blank no foreground, unless it is underlined or so."""
    if character == " " and not pen.keys() & _SHOWS_ON_BLANKS:
        return pen.get("back", "")
    return ";".join(sorted(pen.values()))
