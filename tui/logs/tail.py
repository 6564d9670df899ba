"""The last lines of the log of one job, for its details. Decides what is read, and when; reads nothing itself."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from dasktop.collectors.model.jobs import is_pending
from dasktop.collectors.model.logs import LogEvent, LogLine, LogPart, LogRequest, Page
from dasktop.collectors.model.queries import Answer, JobFiles
from dasktop.collectors.model.snapshot import Job
from dasktop.tui.draw.boxes import BORDER, cells_of, cropped
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.draw.piece import Piece, Role
from dasktop.tui.draw.prose import Line
from dasktop.tui.draw.text_width import wrap
from dasktop.tui.logs.sources import LogSources
from dasktop.tui.logs.title import files_of, problem_words
from dasktop.tui.logs.window import printable_line, tone

READ_AGAIN_SECONDS = 10.0
"""Log files are often on a network file system, where each look takes a round trip to its server; and whatever is read
is drawn and sent over ssh. Whoever wants to follow a log opens it."""
ASK_AGAIN_SECONDS = 60.0
"""After SLURM has not told the paths of a job."""
_TITLE_LINES = 1
_HANGING = 2
"""The indentation of what follows when a line is wrapped."""
_ROLES: Mapping[Role, Role] = {"bad": "bad", "waiting": "waiting"}
"""Other lines are quiet: they are context, beside what is watched."""
_END = 1 << 62
"""A position behind the end of any file."""


class LogTail:
    """The end of the log of the job that is looked at. The same file as on the log page, read without following it.

    Parameters
    ----------
    ask
        Asks for the paths of a job's files; the answer is passed to `take_files`.
    request
        Requests lines of a file; they are passed to `take`. ``None`` stops reading.
    open_key
        The key that opens the log page, as displayed.
    """

    def __init__(
        self,
        ask: Callable[[JobFiles], None],
        request: Callable[[LogRequest | None], None],
        glyphs: Glyphs,
        open_key: str,
    ) -> None:
        self._ask = ask
        self._request = request
        self._glyphs = glyphs
        self._open_key = open_key
        self.forget()

    def forget(self) -> None:
        """Look at no job, and forget all paths: the next snapshot is of another cluster."""
        self._answers: dict[str, Answer] = {}
        self._asked_at: dict[str, datetime] = {}
        self._begin(None, datetime.min)

    def _begin(self, job: Job | None, now: datetime) -> None:
        self._job, self._now, self._since = job, now, now
        self._sources: LogSources | None = None
        self._read_at: datetime | None = None
        self._lines: tuple[LogLine, ...] | None = None
        self._problem: str | None = None

    def look_at(self, job: Job | None, now: datetime) -> None:
        """Look at this job from now on, the time of a snapshot, and read what is due.

        SLURM is asked once for each job, and only if it is still looked at when the next snapshot arrives: moving
        through the rows asks nothing.
        """
        if self._job is None or job is None or self._job.job_id != job.job_id:
            if self._sources is not None and self._sources.path:
                self._request(None)  # close the file
            self._begin(None if job is None or is_pending(job) else job, now)
        if self._job is not None:
            self._job = job
        self._now = now
        self._go_on()

    def take_files(self, answer: Answer) -> None:
        """Remember the paths of a job's files, for the next `look_at`."""
        if isinstance(answer.question, JobFiles):
            self._answers[answer.question.job_id] = answer

    def _go_on(self) -> None:
        """Read the file, or ask for its path."""
        if self._job is None:
            return
        job_id = self._job.job_id
        answer, asked_at = self._answers.get(job_id), self._asked_at.get(job_id)
        names = [] if answer is None else files_of(answer.files)
        if answer is not None and names:
            if _is_due(self._read_at, self._now, READ_AGAIN_SECONDS):
                self._read_at = self._now
                if self._sources is None or not self._lines:  # another file may have lines by now
                    self._sources = LogSources(self._job, self._request, lambda _: None, lambda _: None)
                    self._sources.set_files(answer.files)
                self._read()
            return
        if answer is not None:
            self._problem = answer.error or "SLURM reports no output file"
        if self._now != self._since and _is_due(asked_at, self._now, ASK_AGAIN_SECONDS):
            self._asked_at[job_id] = self._now
            self._ask(JobFiles(job_id=job_id))

    def _read(self) -> None:
        if self._sources is not None:
            self._sources.request(Page(path=self._sources.path, at_byte=_END, is_backwards=True))

    def take(self, event: LogEvent) -> None:
        """Keep the lines of the job's file; if it is empty, read the other one."""
        sources, job = self._sources, self._job
        if sources is None or job is None or not isinstance(event, LogPart) or event.path != sources.path:
            return
        if sources.skip_empty(event.size_bytes):
            self._read()
        elif event.problem is not None:
            self._problem = problem_words(event, job)
        else:
            self._problem, self._lines = None, event.lines

    def lines(self, cells: int, most: int) -> list[Line]:
        """Return a title and the last lines, wrapped, in at most this many lines; none without a job."""
        if self._job is None:
            return []
        room = most - _TITLE_LINES
        content: list[Line]
        if self._lines:
            content = list(_last_rows(self._lines, cells, room))
        else:
            content = [[Piece(text, "quiet")] for text in wrap(self._words, cells)[:room]]
        encode = self._glyphs.encode
        return [[Piece(encode(text), role) for text, role in line] for line in (self._title(cells), *content)]

    @property
    def _words(self) -> str:
        """The message that is shown if there are no lines."""
        if self._problem is not None:
            return self._problem
        return "reading…" if self._lines is None else "the file is empty"

    def _title(self, cells: int) -> Line:
        kind = self._sources.names[self._sources.shown][0] if self._sources is not None else ""
        words = f" {kind} ({self._open_key} follows it) " if kind else " "
        title = cropped([Piece("LOG", "strong"), Piece(words, "quiet")], cells)
        return [*title, Piece("─" * (cells - cells_of(title)), BORDER)]


def _last_rows(lines: Sequence[LogLine], cells: int, most: int) -> Sequence[Line]:
    """Return the end of these lines, wrapped between words, in at most so many rows."""
    rows: deque[Line] = deque()
    for line in reversed(lines):
        text = printable_line(line.text)
        if not rows and not text.strip():
            continue  # a blank line at the end
        for row in reversed(_wrapped(text, cells)):
            if len(rows) == most:
                return rows
            rows.appendleft([Piece(row, _ROLES.get(tone(text), "quiet"))])
    return rows


def _wrapped(text: str, cells: int) -> list[str]:
    """Return a line in rows; those after the first one are indented a little more, as far as there is room."""
    words = text.lstrip()
    indent = min(len(text) - len(words), cells // 2)
    first, *others = wrap(words, cells - indent) or [""]
    if not others:
        return [" " * indent + first]
    indents = indent, min(indent + _HANGING, cells // 2)
    rest = words[len(first) :].lstrip()
    return [" " * indents[0] + first, *(" " * indents[1] + row for row in wrap(rest, cells - indents[1]))]


def _is_due(last: datetime | None, now: datetime, seconds: float) -> bool:
    """Return whether so much time has passed; also after a jump back in time."""
    return last is None or not 0 <= (now - last).total_seconds() < seconds
