"""Opens the log of a job, and passes on what the feed reads of it. Reads no file."""

from typing import TYPE_CHECKING, Any

from textual.app import App

from dasktop.collectors.model.feed import Feed
from dasktop.collectors.model.logs import LogEvent
from dasktop.collectors.model.snapshot import Job, Snapshot
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.logs.tail import LogTail
from dasktop.tui.view.keys import Keymap, first_key
from dasktop.tui.widgets.queries import Queries

if TYPE_CHECKING:
    from dasktop.tui.logs.screen import LogScreen


class LogController:
    """The log screen of the app, and the end of a log in the details.

    Parameters
    ----------
    app
        Pushes the log screen, and gets the answers about the files of jobs for `tail`.
    feed
        Reads the files.
    queries
        For the paths of a job's files.
    keymap
        Keys that replace those of the key table.

    Attributes
    ----------
    tail
        The end of the log of the job whose details are shown.
    """

    def __init__(self, app: App[Any], feed: Feed, queries: Queries, glyphs: Glyphs, keymap: Keymap) -> None:
        self._app = app
        self._feed = feed
        self._queries = queries
        self._glyphs = glyphs
        self._keymap = keymap
        self._screen: LogScreen | None = None
        self.tail = LogTail(lambda files: queries.ask(files, app), feed.request_log, glyphs, first_key("log", keymap))

    def open(self, job_id: str | None, snapshot: Snapshot | None) -> None:
        """Show the log of this job; ring the bell if there is no such job."""
        job = _job(job_id, snapshot)
        if job is None:
            self._app.bell()
            return
        from dasktop.tui.logs.screen import LogScreen  # imported here so that the start is faster

        self._screen = LogScreen(job, self._feed.request_log, self._queries, self._glyphs, self._keymap)
        self._app.push_screen(self._screen, self._forget)

    def take(self, event: LogEvent) -> None:
        """Pass on what was read: to the log page while it is open, else to the end of the log."""
        if self._screen is not None:
            self._screen.take(event)
        else:
            self.tail.take(event)

    def _forget(self, _: None) -> None:
        self._screen = None


def _job(job_id: str | None, snapshot: Snapshot | None) -> Job | None:
    jobs = snapshot.jobs if snapshot is not None else ()
    return next((job for job in jobs if job.job_id == job_id), None)
