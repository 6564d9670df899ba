"""The logs of a job and which one is shown: its files, else logs that dask's processes keep. Reads nothing."""

from collections.abc import Callable

from dasktop.collectors.model.jobs import is_pending
from dasktop.collectors.model.logs import LogEvent, LogRequest, Tail
from dasktop.collectors.model.queries import Answer, OutputFiles, ServerLogs
from dasktop.collectors.model.snapshot import Job
from dasktop.tui.logs.held import HeldLog, server_logs_of
from dasktop.tui.logs.title import files_of, has_failed


class LogSources:
    """The logs of a job.

    Parameters
    ----------
    job
        The job.
    request_file
        Requests lines of a file, or a search in it; ``None`` stops reading.
    ask
        Asks dask's processes for the logs that they keep; the answer is passed to `take_held`.
    take
        Receives what a log from dask answers to a request.
    """

    def __init__(
        self,
        job: Job,
        request_file: Callable[[LogRequest | None], None],
        ask: Callable[[ServerLogs], None],
        take: Callable[[LogEvent], None],
    ) -> None:
        self._job = job
        self._request_file = request_file
        self._ask = ask
        self._take = take
        self.names: list[tuple[str, str]] = []
        """What each log is, and its path."""
        self.shown = 0
        """The index of the log that is shown; after the last one: none."""
        self._to_try: list[int] = []
        # By their text in place of a path.
        self._from_dask: dict[str, ServerLogs] = {}
        self._held: HeldLog | None = None
        self._answers = 0

    @property
    def path(self) -> str:
        """The path of the log that is shown, or a text in place of it; ``""`` if none is shown."""
        return self.names[self.shown][1] if self.shown < len(self.names) else ""

    @property
    def is_from_dask(self) -> bool:
        """Whether the log that is shown is not a file."""
        return self.path in self._from_dask

    def set_files(self, files: OutputFiles | None) -> None:
        """Show the first file that is not empty, of a failed job the error file first; see `skip_empty`."""
        self.names = files_of(files)
        order = list(range(len(self.names)))
        if has_failed(self._job):
            order.reverse()
        self._to_try = [*order[1:], *order[:1]] if order[1:] else []  # if all are empty, the first one is shown
        self.shown = order[0] if order else 0

    def skip_empty(self, size_bytes: int | None) -> bool:
        """Go to the next log that has not been tried if the shown one is empty; return whether there is one."""
        if self._to_try and not size_bytes:
            self.shown = self._to_try.pop(0)
            return True
        self._to_try = []
        return False

    def show_next(self) -> None:
        """Go to the next log, after the last one to the first one."""
        self._to_try = []
        self.shown = (self.shown + 1) % len(self.names)

    def offer_dask(self) -> bool:
        """Add the logs that dask's processes keep, since a file cannot be read; return whether they are new.

        That of the workers is shown. If there is none and no file, no log is shown until the user asks for it.
        """
        if self._from_dask or is_pending(self._job):
            return False
        logs = server_logs_of(self._job)
        self._from_dask = {text: question for _, text, question in logs}
        at = len(self.names)
        self.names += [(f"{kind} (from dask)", text) for kind, text, _ in logs]
        if logs[0][2].worker_addresses:
            self.shown = at
        elif not at:
            self.shown = len(self.names)
        return True

    def request(self, request: LogRequest) -> None:
        """Pass a request on: to the feed, or to the lines that dask returned. `Tail` asks dask anew."""
        question = self._from_dask.get(request.path)
        if question is None:
            self._request_file(request)
        elif isinstance(request, Tail):
            self._request_file(None)
            self._ask(question)
        else:
            self._answer(request)

    def take_held(self, answer: Answer) -> None:
        """Pass on the answer of dask, unless the user has switched to another log."""
        if self._from_dask.get(self.path) == answer.question:
            self._answers += 1
            self._held = HeldLog(self.path, answer, self._answers)
            self._answer(Tail(path=self.path))

    def _answer(self, request: LogRequest) -> None:
        if self._held is not None:
            for event in self._held.answers(request):
                self._take(event)
