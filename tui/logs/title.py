"""The title above a log: job, file, size and position. Only draws."""

from collections.abc import Sequence

from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import has_ended, is_pending, squeue_id
from dasktop.collectors.model.logs import LogPart
from dasktop.collectors.model.queries import OutputFiles
from dasktop.collectors.model.snapshot import Job
from dasktop.collectors.text.clean import clean
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece
from dasktop.tui.draw.text_width import cut, cut_left, printable, width
from dasktop.tui.logs.window import LogWindow
from dasktop.tui.widgets.lines import Lines


class LogTitle(Lines):
    """Two lines: a name with a state at the right, and a path below."""

    DEFAULT_CSS = "LogTitle { height: 2; }"

    def __init__(self, glyphs: Glyphs) -> None:
        super().__init__()
        self._glyphs = glyphs
        self._texts = ("", "", "")

    def show(self, name: str, path: str, state: str) -> None:
        """Set the texts."""
        self._texts = (name, path, state)
        self.update()

    def lines(self, cells: int) -> list[list[Piece]]:
        """Return both lines."""
        name, path, state = map(printable, self._texts)
        name = cut(name, max(1, cells - width(state) - 3))
        gap = " " * (cells - width(name) - width(state) - 2)
        first = [Piece(f" {name}{gap}", "strong"), Piece(f"{state} ", "quiet")]
        second = [Piece(f" {cut_left(path, max(1, cells - 2))}", "quiet")]
        return [[Piece(self._glyphs.encode(text), role) for text, role in line] for line in (first, second)]


def name_and_path(job: Job, files: Sequence[tuple[str, str]], at_file: int, other_file_key: str) -> tuple[str, str]:
    """Return the job's name with the kind of this file and of the next, and the path. Without files only the name."""
    name = " ".join(filter(None, (f"job {squeue_id(job)}", job.name)))
    kind, path = files[at_file] if at_file < len(files) else ("", "")
    following = files[(at_file + 1) % len(files)][0] if files else kind
    other = f" ({other_file_key}: {following})" if following != kind else ""
    return " · ".join(filter(None, (name, kind))) + other, clean(path)


def position_words(window: LogWindow, bottom_at: int | None) -> str:
    """Return how much of the file is above the bottom of the view; ``None``: the end is followed."""
    size = figures.bytes_text(window.size_bytes)
    if bottom_at is None:
        return f"following · {size}" if window.lines else "following"
    return f"{figures.percent_text(figures.share(bottom_at, window.size_bytes))} of {size}" if window.lines else ""


def files_of(files: OutputFiles | None) -> list[tuple[str, str]]:
    """Return the label and path of each file, once."""
    if files is None:
        return []
    if files.stdout == files.stderr and files.stdout is not None:
        return [("output and errors", files.stdout)]
    return [(kind, path) for kind, path in (("output", files.stdout), ("errors", files.stderr)) if path is not None]


def has_failed(job: Job) -> bool:
    """Return whether the job has ended in a state other than COMPLETED."""
    state = read_state(job.fate.state if job.fate else job.state)
    return has_ended(job) and state.name is not None and not state.is_completed


def problem_words(part: LogPart, job: Job) -> str:
    """Return why nothing can be read and, for a missing file, what that may mean."""
    if not part.is_missing:
        return part.problem or ""
    if is_pending(job):
        return "the job has not started; the file is created when it starts"
    when = "any more" if has_ended(job) else "yet"
    nodes = ", ".join(job.nodes[:3]) or "the node"
    return f"{part.problem} {when}; local disks of {nodes} cannot be read from here"
