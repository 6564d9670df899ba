"""The anatomy of a job as lines: a table if it fits, else one line for each part. Pure."""

from collections.abc import Iterator

from dasktop.collectors.analysis.anatomy.facts import Anatomy, Part, Verdict
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.numbers import UNKNOWN
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.text_width import fit, printable, width, wrap

_MARKS: dict[Verdict, Piece] = {
    "agrees": Piece("✓", "good"),
    "rounded": Piece("✓", "good"),
    "differs": Piece("✗", "bad"),
    "unknown": Piece(UNKNOWN, "quiet"),
}
_GAP = "  "
_NAME = 9
_INDENT = 2 + _NAME + len(_GAP)


def anatomy_lines(anatomy: Anatomy, remark: str, cells: int, glyphs: Glyphs) -> list[list[Piece]]:
    """Return the lines for a width of `cells`; the remark, if any, comes before the parts."""
    lines = [*_wrapped(_origin(anatomy), cells, "strong")]
    if remark:
        lines += _wrapped(f"! {remark}", cells, "waiting")
    if anatomy.starts_workers is False:
        lines += _wrapped("! The script does not appear to start a dask worker.", cells, "waiting")
    lines += [[], *(_table(anatomy, cells) or _flow(anatomy, cells)), []]
    lines += _wrapped(f"✓ agrees   ✗ differs   {UNKNOWN} unknown", cells, "quiet")
    return [[Piece(glyphs.encode(text), role) for text, role in line] for line in lines]


def _origin(anatomy: Anatomy) -> str:
    if anatomy.call is None:
        return f"How job {anatomy.job_id} was submitted is unknown."
    return f"Inferred from the script: {anatomy.call}" if anatomy.is_implied else anatomy.call


def _heads(anatomy: Anatomy) -> tuple[str, ...]:
    return ("implied" if anatomy.is_implied else "requested", "script", "SLURM", "running")


def _places(part: Part) -> tuple[str, ...]:
    return tuple(printable(text or UNKNOWN) for text in (part.asked, part.script, part.granted, part.running))


def _table(anatomy: Anatomy, cells: int) -> list[list[Piece]]:
    """Return the parts as a table, or no lines if it is too wide."""
    rows = [_heads(anatomy), *map(_places, anatomy.parts)]
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    if _INDENT + sum(widths) + len(_GAP) * (len(widths) - 1) > cells:
        return []

    def row(texts: tuple[str, ...]) -> str:
        return _GAP.join(fit(text, room) for text, room in zip(texts, widths, strict=True))

    lines = [[Piece(" " * _INDENT), Piece(row(rows[0]), "quiet")]]
    for part in anatomy.parts:
        lines += [[*_name(part), Piece(row(_places(part)))], *_notes(part, cells)]
    return lines


def _flow(anatomy: Anatomy, cells: int) -> list[list[Piece]]:
    lines = _wrapped(" → ".join(_heads(anatomy)), cells, "quiet", _INDENT)
    for part in anatomy.parts:
        first, *others = _wrapped(" → ".join(_places(part)), cells, "text", _INDENT)
        lines += [[*_name(part), *first[1:]], *others, *_notes(part, cells)]
    return lines


def _name(part: Part) -> list[Piece]:
    return [_MARKS[part.verdict], Piece(" "), Piece(fit(part.name, _NAME) + _GAP, "strong")]


def _notes(part: Part, cells: int) -> Iterator[list[Piece]]:
    for note in part.notes:
        yield from _wrapped(note, cells, "bad" if part.verdict == "differs" else "quiet", _INDENT)


def _wrapped(text: str, cells: int, role: Role, indent: int = 0) -> list[list[Piece]]:
    """Return the wrapped text, each line with its indentation as a piece of its own."""
    return [[Piece(" " * indent), Piece(line, role)] for line in wrap(text, max(8, cells - indent))]
