"""Several schedulers, a line each: on the screen and on stderr. Pure."""

from dasktop.collectors.model.feed import Candidate, Choice
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.text_width import fit, printable, width


def is_watched(candidate: Candidate, choice: Choice) -> bool:
    """Tell whether it is the scheduler that is watched."""
    return choice.watched is not None and candidate.scheduler_id == choice.watched


def texts_of(choice: Choice) -> list[str]:
    """Return a line for each scheduler: its address, how large it is, what tells it apart, and how it was found."""
    rows = [
        (
            printable(one.address),
            "" if one.workers is None else figures.plural(one.workers, "worker"),
            "" if one.jobs is None else figures.plural(one.jobs, "job"),
            "watched now" if is_watched(one, choice) else "",
            printable(one.about),
            printable(one.origin),
        )
        for one in choice.candidates
    ]
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return [
        f" {'  '.join(fit(text, cells) for text, cells in zip(row, widths, strict=True) if cells)} " for row in rows
    ]
