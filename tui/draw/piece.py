"""Text with a role; themes map roles to styles. Pure."""

from typing import Literal, NamedTuple, get_args

BarRole = Literal["cpu", "memory", "threads", "rate", "high", "full", "track", "done", "queued", "failed", "stuck"]
"""Roles of bars and graphs only; they keep their colours in a selected line."""
Role = Literal["text", "strong", "quiet", "good", "waiting", "bad", "soon", "head", "key", "border"] | BarRole
BAR_ROLES: frozenset[Role] = frozenset(get_args(BarRole))


class Piece(NamedTuple):
    """Text of one role."""

    text: str
    role: Role = "text"
