"""Comparing what stands at one place of a job's anatomy with what stands at the next. Pure."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from dasktop.collectors.analysis.anatomy.model import BY_WEIGHT, Part, Verdict
from dasktop.collectors.analysis.anatomy.words import Read, Say
from dasktop.collectors.model.snapshot import Worker
from dasktop.collectors.sources.slurm.script_request import Figure
from dasktop.collectors.text.format import counted


class Check(NamedTuple):
    """What came of one comparison."""

    verdict: Verdict
    note: str = ""


UNKNOWN = Check("unknown")
AGREES = Check("agrees")


def part(
    name: str,
    checks: Sequence[Check],
    *,
    asked: str | None = None,
    script: Figure | None = None,
    granted: str | None = None,
    running: str | None = None,
) -> Part:
    """Return a part with the gravest of the verdicts, and all notes."""
    return Part(
        name=name,
        asked=asked,
        script=script.words if script is not None else None,
        granted=granted,
        running=running,
        verdict=max((check.verdict for check in checks), key=BY_WEIGHT.index, default="unknown"),
        notes=tuple(check.note for check in checks if check.note),
    )


def same(here: int | None, there: int | None, note: str, say: Callable[[int], str] = str) -> Check:
    """Compare two figures; ``{0}`` and ``{1}`` in the note are what they are where they differ."""
    if here is None or there is None:
        return UNKNOWN
    return AGREES if here == there else Check("differs", note.format(say(here), say(there)))


def same_of_each(wanted: int | None, workers: Sequence[Worker] | None, read: Read, say: Say) -> Check:
    """Compare what each worker has with what it was to have."""
    found = [value for worker in workers or () if (value := read(worker)) is not None]
    if wanted is None or not found:
        return UNKNOWN
    others = [value for value in found if value != wanted]
    if not others:
        return AGREES
    has = f"{len(others)} of {counted(len(found), 'worker')} {'has' if len(others) == 1 else 'have'}"
    return Check("differs", f"{has} {say(others[0])}, not {say(wanted)}")
