"""The text of the details pane."""

from collections.abc import Sequence

from dasktop.collectors.model.queries import Answer
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.tui.details.of_worker import Stack
from dasktop.tui.details.sections import sections, subject
from dasktop.tui.draw.glyphs import UNICODE, Glyphs
from dasktop.tui.draw.prose import lay_out
from dasktop.tui.view.history import History
from dasktop.tui.view.rows import Row
from dasktop.tui.view.visible_rows import visible_rows


def details_lines(
    shown: Snapshot,
    kind: str = "job",
    *,
    number: int = 0,
    cells: int = 90,
    history: History | None = None,
    stack: Stack = Stack(),  # noqa: B008 - frozen
    answers: Sequence[Answer] = (),
    glyphs: Glyphs = UNICODE,
) -> list[str]:
    """Return the lines of the details, without trailing spaces."""
    row = subject(row_of(shown, kind, number), shown)
    found = {answer.question: answer for answer in answers}
    lines = lay_out(sections(row, shown, history or History(), stack, found), cells, glyphs)
    return ["".join(piece.text for piece in line).rstrip() for line in lines]


def row_of(shown: Snapshot, kind: str, number: int = 0) -> Row:
    """Return a row of this kind from the fully unfolded tree."""
    return [row for row in visible_rows(shown, lambda _: True) if row.kind == kind][number]
