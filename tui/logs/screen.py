"""Shows the output and error file of a job: followed, searched, wrapped. The feed reads the files."""

from collections.abc import Callable
from typing import ClassVar, Literal, Self

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.geometry import Region
from textual.screen import ModalScreen

from dasktop.collectors.model.logs import Counted, Idle, LogEvent, LogPart, LogRequest, Page, Search, Searched, Tail
from dasktop.collectors.model.queries import JobFiles, ServerLogs
from dasktop.collectors.model.snapshot import Job
from dasktop.collectors.text.patterns import compiled, remark
from dasktop.tui.draw import numbers as figures
from dasktop.tui.draw.glyphs import Glyphs
from dasktop.tui.logs.sources import LogSources
from dasktop.tui.logs.title import LogTitle, has_failed, name_and_path, position_words, problem_words
from dasktop.tui.logs.view import LogView
from dasktop.tui.logs.window import LogWindow, last_traceback
from dasktop.tui.view import help_rows
from dasktop.tui.view.help_rows import HelpGroups
from dasktop.tui.view.hits import of_all
from dasktop.tui.view.keys import NO_KEYMAP, Keymap, first_key
from dasktop.tui.widgets.bindings import bound
from dasktop.tui.widgets.clipboard import copy
from dasktop.tui.widgets.footer import KeyLine
from dasktop.tui.widgets.pattern_line import SearchLine
from dasktop.tui.widgets.queries import Answered, Queries
from dasktop.tui.widgets.status_line import StatusLine

_LINES_AHEAD = 200
"""With fewer lines than this above or below the screen, more are requested."""


class LogScreen(ModalScreen[None]):
    """A job's log, in place of the tree.

    Parameters
    ----------
    job
        The job as of the moment the screen opened.
    request
        Requests lines of a file, or a search; the results are passed to `take`.
    queries
        For the paths of the job's files.
    keymap
        Keys that replace those of the key table.
    """

    DEFAULT_CSS = """
    LogScreen { background: $background; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        *bound(priority=True, leave=("leave", "back"), back=("back", ""), search="search", search_typed="search_typed"),
        *bound(next_hit="next(1)", previous_hit="next(-1)", other_file="other_file"),
        *bound(follow="follow", first=("start", "start"), last=("end", "end"), wrap="wrap", copy_path="copy_path"),
        *bound(help="app.help"),
    ]
    HELP_ROWS: ClassVar[HelpGroups] = help_rows.LOG

    def __init__(
        self,
        job: Job,
        request: Callable[[LogRequest | None], None],
        queries: Queries,
        glyphs: Glyphs,
        keymap: Keymap = NO_KEYMAP,
    ) -> None:
        super().__init__()
        self._job = job
        self._request_file = request
        self._keymap = keymap
        self._queries = queries
        self._logs = LogSources(job, request, lambda question: queries.ask(question, self), self.take)
        self._window = LogWindow()
        self._is_following = False
        self._seeks_traceback = False
        self._awaited: Literal["page", "start"] | None = None
        self._searching: Search | None = None
        self._found: Search | None = None
        self._match = ""
        """Which of all matches was found: ``match 3 of 17``."""
        self._followed_before_search = False
        self._found_part: LogPart | None = None
        self._has_problem = False
        self._message = "asking SLURM for the output files…"
        self._log_title = LogTitle(glyphs)
        self._view = LogView(glyphs)
        self._search_line = SearchLine()
        self._status = StatusLine(glyphs)
        self._glyphs = glyphs

    def compose(self) -> ComposeResult:
        """Build the screen from top to bottom."""
        yield self._log_title
        yield self._view
        yield self._search_line
        yield self._status
        yield KeyLine(self._glyphs)

    def on_mount(self) -> None:
        """Request the paths of the job's files."""
        self._view.focus()
        self._view.show(self._window, message=self._message)
        self._show_title()
        self._queries.ask(JobFiles(job_id=self._job.job_id), self)

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Redraw; ignore changed regions of the tree below, which this screen covers completely.

        Textual (8.2, ``Screen._compositor_refresh``) redraws regions of the top screen when they change in one below.
        """
        return self if regions else super().refresh(repaint=repaint, layout=layout, recompose=recompose)

    def on_unmount(self) -> None:
        """Stop reading."""
        self._request_file(None)

    def on_answered(self, message: Answered) -> None:
        """Open the first file that is not empty; of a failed job, try the error file first."""
        answer = message.answer
        if isinstance(answer.question, ServerLogs):
            self._logs.take_held(answer)
            return
        self._logs.set_files(answer.files)
        if not self._logs.names:
            self._show_message(
                answer.error or "SLURM reports no output file: it may not exist yet, or the output goes to a terminal"
            )
            self._use_dask(self._message)
            return
        self._seeks_traceback = has_failed(self._job)
        self._open()
        self.refresh_bindings()

    def _open(self) -> None:
        self._window = LogWindow()
        self._searching = None
        self._forget_match()
        self._status.clear()
        self._view.forget()
        self._show_message("reading…")
        self._follow()

    def _use_dask(self, problem: str) -> None:
        """Offer the logs that dask's processes keep, since the file cannot be read; open that of the workers."""
        if not self._logs.offer_dask():
            return
        if self._logs.is_from_dask:
            self._has_problem = False
            self._open()
            self._status.show_result(problem, "waiting")
        self.refresh_bindings()
        self._show_title()

    # -- what is read

    def take(self, event: LogEvent) -> None:
        """Show the lines or the search result."""
        match event:
            case LogPart() if event.path == self._logs.path:
                self._take_part(event)
            case Searched(search=self._searching):
                self._take_result(event)
            case Counted(search=self._found):
                self._match = f"match {of_all(event.place, event.number)}"
                self._show_title()

    def _take_part(self, part: LogPart) -> None:
        awaited, self._awaited = self._awaited, None
        if self._logs.skip_empty(part.size_bytes):
            self._open()
            return
        if part.problem is not None:
            self._has_problem = True
            self._searching = self._found_part = None
            self._show_message(problem_words(part, self._job))
            self._use_dask(self._message)
            return
        if self._searching is not None:  # shown together with the search result
            self._found_part = part
            return
        if self._has_problem:
            self._has_problem = False
            self._status.clear()
        self._hold(part)
        if awaited == "start":
            self._view.to_start()
        if self._seeks_traceback and part.lines:
            self._go_to_traceback()
        self._show_title()

    def _hold(self, part: LogPart) -> None:
        self._window = self._window.joined(part)
        self._message = "" if part.size_bytes else "the file is empty"
        self._view.show(self._window, at_end=self._is_following, message=self._message)

    def _go_to_traceback(self) -> None:
        """Highlight the last traceback of a failed job; scroll to it if it is not in view."""
        self._seeks_traceback = False
        found = last_traceback(self._window.lines)
        if found is None:
            return
        begin, end = (self._window.lines[line].at_byte for line in found)
        if not self._view.is_in_view(end):
            self._stay()
            self._status.show_result(f"last traceback; {first_key('last', self._keymap)} goes to the end", "quiet")
        self._view.go_to(end, top_at=begin)

    def _take_result(self, result: Searched) -> None:
        pattern = result.search.pattern
        if not result.is_over:
            share = figures.percent_text(figures.share(result.bytes_searched, result.bytes_in_all))
            self._status.show(f"searching for {pattern}: {share}", hint=f"{first_key('leave', self._keymap)} cancels")
            return
        self._searching, self._found, self._match = None, result.search, ""
        part, self._found_part = self._found_part, None
        if result.found_at is None:
            self._status.show_result(f"{pattern} not found in this file{remark(pattern)}", "waiting")
            if self._followed_before_search:
                self._follow()
            return
        if part is not None and (part.edition != self._window.edition or not self._window.has_line(result.found_at)):
            self._hold(part)
        self._view.go_to(result.found_at)
        if result.wrapped:
            self._status.show_result(
                f"search wrapped around at the {'start' if result.search.is_backwards else 'end'}", "quiet"
            )
        else:
            self._status.clear()
        self._show_title()
        self._fetch()

    def _show_message(self, message: str) -> None:
        """Show a message in place of the lines or, if there are lines, below them."""
        self._message = message
        if self._window.lines:
            self._status.show(message, "waiting")
        else:
            self._view.show(self._window, message=message)
        self._show_title()

    def _show_title(self) -> None:
        key = first_key("other_file", self._keymap)
        bottom_at = None if self._is_following else self._view.bottom_at
        name, path = name_and_path(self._job, self._logs.names, self._logs.shown, key)
        if self._logs.is_from_dask:
            position = f"{first_key('last', self._keymap)} reads it again"
        else:
            position = position_words(self._window, bottom_at)
        self._log_title.show(name, path, " · ".join(filter(None, (self._match, position))))

    # -- keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable the keys that do nothing at the moment."""
        del parameters
        match action:
            case "other_file":
                return len(self._logs.names) > (1 if self._logs.path else 0)
            case "back" | "search":  # in the search line their keys are characters
                return not self._search_line.is_open
            case "next":
                return bool(self._search_line.pattern) or None
            case _:
                return True

    def action_leave(self) -> None:
        """Close the search line; else cancel the search; else close the log."""
        if self._search_line.is_open:
            self._leave_search_line()
            self._search_line.clear()
            return
        if self._searching is None:
            self.dismiss()
            return
        self._cancel_search()

    def _cancel_search(self) -> None:
        """Cancel the running search, if any."""
        if self._searching is not None:
            self._searching = self._found_part = None
            self._status.clear()
            self._logs.request(Idle(path=self._logs.path))

    def action_back(self) -> None:
        """Do the same as `action_leave`; disabled in the search line."""
        self.action_leave()

    def action_other_file(self) -> None:
        """Show the other file."""
        self._logs.show_next()
        self._open()

    def action_copy_path(self) -> None:
        """Copy the path of the file to the clipboard of the user's terminal (OSC 52)."""
        path = None if self._logs.is_from_dask else self._logs.path
        copy(path or None, self.app, self._status)

    def action_wrap(self) -> None:
        """Wrap or cut long lines."""
        self._view.toggle_wrap()
        self._show_title()

    def action_follow(self) -> None:
        """Follow new lines, or stop following."""
        if self._is_following:
            self._stay()
        else:
            self.action_end()

    def action_end(self) -> None:
        """Go to the end, and follow."""
        if self._logs.path:
            self._follow()

    def action_start(self) -> None:
        """Go to the start."""
        self._cancel_search()
        self._stay()
        if self._window.start > 0:
            self._awaited = "start"
            self._logs.request(Page(path=self._logs.path, at_byte=0))
        self._view.to_start()
        self._show_title()

    def _follow(self) -> None:
        self._cancel_search()
        self._is_following = True
        self._logs.request(Tail(path=self._logs.path))
        self._show_title()

    def _stay(self) -> None:
        """Stop following."""
        if self._is_following:
            self._is_following = False
            self._logs.request(Idle(path=self._logs.path))
            self._show_title()

    def on_log_view_moved(self, message: LogView.Moved) -> None:
        """Stop following when the user scrolls up; request more lines where they run out."""
        if message.is_up:
            self._stay()
        if self._searching is None and not self._has_problem:
            self._status.clear()
        self._fetch()
        self._show_title()

    def on_log_view_resized(self) -> None:
        """Stay at the end."""
        self._view.show(self._window, at_end=self._is_following, message=self._message)
        self._show_title()

    def _fetch(self) -> None:
        """Request lines above or below, where few are left."""
        held = self._window
        if self._is_following or self._awaited or self._searching or not held.lines:
            return
        if held.start > 0 and self._view.lines_above < _LINES_AHEAD:
            self._awaited = "page"
            self._logs.request(Page(path=self._logs.path, at_byte=held.start, is_backwards=True))
        elif self._view.lines_below < _LINES_AHEAD and (held.end < held.size_bytes or self._view.is_at_end):
            self._awaited = "page"
            self._logs.request(Page(path=self._logs.path, at_byte=held.go_on_at))

    # -- search

    def action_search(self) -> None:
        """Let the user type what to search for."""
        self._search_line.open()

    def on_search_line_changed(self, message: SearchLine.Changed) -> None:
        """Highlight matches as the user types."""
        self._forget_match()
        self._view.mark(compiled(message.pattern) if message.pattern else None)
        self.refresh_bindings()

    def _forget_match(self) -> None:
        self._found, self._match = None, ""
        self._show_title()

    def action_search_typed(self) -> None:
        """Search for what was typed."""
        if self._search_line.is_open:
            self._leave_search_line()
            self._search_nearest()

    def _leave_search_line(self) -> None:
        self.set_focus(self._view)
        self._search_line.close()

    def _search_nearest(self) -> None:
        """Go to the nearest match: backwards from the end while following, else forwards from the top of the view."""
        self.refresh_bindings()
        if self._search_line.pattern:
            is_following = self._is_following
            self._search(self._window.end if is_following else self._view.top_at, is_backwards=is_following)

    def action_next(self, direction: int) -> None:
        """Go to the next match, or the previous one (-1)."""
        held, hit = self._window, self._view.hit
        if hit is None or not self._view.is_in_view(hit):
            at_byte = self._view.top_at
        else:
            at_byte = hit if direction < 0 else held.end_of(held.index_of(hit))
        self._search(at_byte, is_backwards=direction < 0)

    def _search(self, at_byte: int, *, is_backwards: bool) -> None:
        if not self._window.lines:
            return
        self._followed_before_search, self._is_following = self._is_following, False
        self._found_part = None
        pattern = self._search_line.pattern
        self._searching = Search(path=self._logs.path, pattern=pattern, at_byte=at_byte, is_backwards=is_backwards)
        self._logs.request(self._searching)
        self._show_title()
