"""``dasktop report``: the usage report of a recording or of a running cluster. Never imports textual."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import click

from dasktop.collectors.analysis.usage import FIELDS, Report, UsageAccumulator, report_json, usual_seconds
from dasktop.collectors.model.errors import RecordingError
from dasktop.collectors.recording.file import refuse_to_overwrite
from dasktop.collectors.recording.reader import Recording
from dasktop.collectors.system.files import private_opener
from dasktop.collectors.text.clean import clean
from dasktop.tui.cli import snapshot as headless
from dasktop.tui.cli.exit_status import USAGE
from dasktop.tui.cli.options import CLEAR_LINE, Refusal
from dasktop.tui.cli.output import print_json
from dasktop.tui.cli.recording import print_message, recording_path
from dasktop.tui.report.html import html_report
from dasktop.tui.report.text import plain_report

MAX_SNAPSHOTS = 5_000
"""Of a longer recording, only every second or third snapshot (and so on) is read; sums are weighted by time. Of the
others, only the memory is read, since peaks may be short."""
PROGRESS_INTERVAL_SECONDS = 0.5


def report(source: str | None, common: Mapping[str, Any], *, as_json: bool, html: str | None) -> None:
    """Print a report, and write it as an HTML page if requested.

    Parameters
    ----------
    source
        A recording's file or a scheduler's address; ``None`` to find the scheduler.
    common
        The options of the commands that watch a cluster.
    as_json
        Print JSON instead of text.
    html
        The file for the page.

    Raises
    ------
    Refusal
        The recording cannot be read, there is no scheduler, or the page cannot be written.
    """
    if html is not None and (why_not := refuse_to_overwrite(html, "a page")) is not None:
        raise Refusal(f"--html: {why_not}", USAGE)
    path = recording_path(source, common)
    result = cluster_report(source, common) if path is None else recording_report(path)
    if html is not None:
        _write_page(html, html_report(result))
    if as_json:
        print_json(report_json(result))
    else:
        sys.stdout.write(plain_report(result, unicode="utf" in (sys.stdout.encoding or "ascii").lower()) + "\n")


def recording_report(path: str) -> Report:
    """Return the report of a recording; problems with the file go to stderr, in one line.

    Raises
    ------
    Refusal
        It cannot be read or is not a recording.
    """
    try:
        opened = Recording(path)
        with contextlib.closing(opened):
            result = _read_report(opened)
    except RecordingError as error:
        raise Refusal(str(error), USAGE) from None
    if opened.remark is not None:
        print_message(opened.remark)
    return result


def _read_report(opened: Recording) -> Report:
    for _ in opened.scan():
        pass
    indices = opened.evenly(MAX_SNAPSHOTS)
    times = [opened.entries[index].taken_at for index in indices]
    usage = UsageAccumulator(usual_seconds(times), skipped=len(opened.entries) - len(indices))
    count = 0
    with _progress(f"reading {opened.path}", len(indices)) as show:
        for count, snapshot in enumerate(opened.snapshots(indices, FIELDS, usage.add_memory), start=1):
            usage.add(snapshot)
            show(count)
    if not count:
        raise RecordingError(opened.remark or f"{opened.path} contains no snapshot")
    return usage.report()


@contextlib.contextmanager
def _progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that shows the progress on a terminal; it is cleared at the end."""
    shown_at = monotonic()

    def show(done: int) -> None:
        nonlocal shown_at
        if sys.stderr.isatty() and monotonic() - shown_at >= PROGRESS_INTERVAL_SECONDS:
            shown_at = monotonic()
            click.echo(f"{CLEAR_LINE}{clean(label)}: {100 * done // total}%", err=True, nl=False)

    try:
        yield show
    finally:
        if sys.stderr.isatty():
            click.echo(CLEAR_LINE, err=True, nl=False)


def cluster_report(source: str | None, common: Mapping[str, Any]) -> Report:
    """Return the report of a running cluster, from one snapshot.

    Raises
    ------
    Refusal
        There is no scheduler, or ``source`` is not an address.
    """
    snapshot = headless.snapshot_of(source, common)
    usage = UsageAccumulator()
    usage.add(snapshot)
    return usage.report()


def _write_page(path: str, page: str) -> None:
    try:
        file = open(path, "x", encoding="utf-8", opener=private_opener)  # noqa: SIM115 - closed below
    except FileExistsError:
        raise Refusal(f"--html: {path} already exists; dasktop does not overwrite files", USAGE) from None
    except OSError as error:
        raise Refusal(f"--html: {path} cannot be written: {error.strerror or error}", USAGE) from None
    try:
        with file:
            file.write(page)
    except OSError as error:
        Path(path).unlink(missing_ok=True)  # an incomplete page is useless and would block the next attempt
        raise Refusal(f"--html: {path} cannot be written: {error.strerror or error}", USAGE) from None
