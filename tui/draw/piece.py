"""Text with a role; themes map roles to styles. Pure."""

from typing import Literal, NamedTuple

Role = Literal["text", "strong", "quiet", "good", "waiting", "bad", "cpu", "memory", "full", "soon", "head", "key"]


class Piece(NamedTuple):
    """Text of one role."""

    text: str
    role: Role = "text"
