"""A piece of text with a role; the theme gives each role its style."""

from typing import Literal, NamedTuple

Role = Literal["text", "strong", "quiet", "good", "waiting", "bad", "cpu", "memory", "full", "soon", "head", "key"]


class Piece(NamedTuple):
    """Some text of one role."""

    text: str
    role: Role = "text"
