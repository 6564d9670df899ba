"""The list of schedulers, one line each, for the screen and for stderr. Pure."""

from dasktop.collectors.model.feed import Candidate, Choice
from dasktop.collectors.text.format import counted
from dasktop.tui.draw.text_width import fit, printable, width


def is_watched(candidate: Candidate, choice: Choice) -> bool:
    """Return whether this is the scheduler that is watched now."""
    return choice.watched is not None and candidate.scheduler_id == choice.watched


def texts_of(choice: Choice) -> list[str]:
    """Return one line for each scheduler: address, size, whether it is current, description, and how it was found."""
    rows = [
        (
            printable(one.address),
            "" if one.workers is None else counted(one.workers, "worker"),
            "" if one.jobs is None else counted(one.jobs, "job"),
            "current" if is_watched(one, choice) else "",
            printable(one.about),
            printable(one.origin),
        )
        for one in choice.candidates
    ]
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return [
        f" {'  '.join(fit(text, cells) for text, cells in zip(row, widths, strict=True) if cells)} " for row in rows
    ]
