"""The screen with an open log page of a file."""

from collections.abc import Callable
from pathlib import Path

from dasktop.collectors.model.logs import LogRequest
from dasktop.collectors.model.queries import Answer, OutputFiles, Question, ServerLogs
from dasktop.collectors.sources.logs.follower import LogFollower
from dasktop.tui.app import DasktopApp
from dasktop.tui.logs.title import LogTitle
from dasktop.tui.logs.view import LogView
from tests.support import waiting
from tests.support.fake_feed import FakeFeed
from tests.support.screen import Screen, running
from tests.support.snapshots import job, snapshot


class FileFeed(FakeFeed):
    """A feed that reads log files as the sampler does; every job has the same files."""

    def __init__(self, stdout: Path, stderr: Path | None = None) -> None:
        super().__init__()
        stderr = stdout if stderr is None else stderr
        self.files: OutputFiles | None = OutputFiles(stdout=str(stdout), stderr=str(stderr), work_dir="/")
        self.error: str | None = None
        self._logs = LogFollower(lambda event: self.deliver(event))

    def ask(self, question: Question) -> None:
        super().ask(question)
        if isinstance(question, ServerLogs):  # the test answers
            return
        self.emit(Answer(question=question, files=self.files, error=self.error))

    def request_log(self, request: LogRequest | None) -> None:
        super().request_log(request)
        self._logs.request(request)


class LogUnderTest(Screen):
    """The log page of the first job, and its lines."""

    @property
    def shown(self) -> list[str]:
        return [line.rstrip() for line in self.lines_of(LogView)]

    @property
    def first(self) -> str:
        """The first line of `shown`."""
        return self.view.render_line(0).text.rstrip()

    @property
    def view(self) -> LogView:
        return self.base.query_one(LogView)

    @property
    def title(self) -> list[str]:
        return [line.strip() for line in self.lines_of(LogTitle)]

    @property
    def words(self) -> str:
        return " ".join(line.strip() for line in self.lines_of(self._activity)) if self._activity.size.height else ""

    @property
    def _activity(self):
        return self.base.query_one("StatusLine")

    def lines_of(self, kind):
        if not isinstance(kind, type):
            return [kind.render_line(y).text for y in range(kind.size.height)]
        return super().lines_of(kind)

    async def until(self, is_true: Callable[[], object]) -> None:
        await waiting.until(is_true, lambda: [*self.title, *self.shown, self.words], every=0.01, pause=self.pilot.pause)
        await self.pilot.pause()


class log_of(running):  # noqa: N801 - used as a function: `async with log_of(...) as log`
    """Run the app with the log of a job open."""

    def __init__(self, path: Path, stderr: Path | None = None, size=(80, 24), shown=None, **options) -> None:
        super().__init__(size, **options)
        self.feed = FileFeed(path, stderr)
        self.app = DasktopApp(self.feed, **options)
        self.test = self.app.run_test(size=size, notifications=True)
        self._job = shown or job()

    async def __aenter__(self) -> LogUnderTest:
        screen = await super().__aenter__()
        await screen.show(snapshot([self._job]))
        await screen.press("T")
        return LogUnderTest(screen.pilot, self.feed)
