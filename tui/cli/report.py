"""``dasktop report``: of a recording, or of a cluster as it is now. Headless."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

import click

from dasktop.collectors.analysis.usage import FIELDS, Report, UsageAccumulator, report_json, usual_seconds
from dasktop.collectors.model.errors import NoSchedulerError, RecordingError
from dasktop.collectors.recording.file import refuse_to_overwrite
from dasktop.collectors.recording.reader import Recording
from dasktop.collectors.sources.address import parse_address
from dasktop.collectors.system import event_loop
from dasktop.collectors.system.folders import private_opener
from dasktop.collectors.text.clean import clean
from dasktop.tui.cli import snapshot as headless
from dasktop.tui.cli.options import CLEAR_LINE, USAGE, Refusal, options_from, sound_config
from dasktop.tui.cli.output import print_json
from dasktop.tui.cli.recording import recording, tell
from dasktop.tui.report.html import html_report
from dasktop.tui.report.text import plain_report

MOST_READ = 5_000
"""Of more snapshots, only each second is read, or third, …: what they tell is summed up by time, not by number. Of the
others, the memory is looked at: a peak may be short."""
RECORDING_ENDINGS = (".gz", ".ndjson", ".jsonl", ".json")
SECONDS_BETWEEN_SIGNS = 0.5
"""Of life, while a long recording is read."""


def report(source: str | None, common: Mapping[str, Any], *, as_json: bool, html: str | None) -> None:
    """Print a report, and write it as a page too if that is asked for.

    Parameters
    ----------
    source
        A recording's file, or a scheduler's address; ``None``: the scheduler is looked for.
    common
        The options of the commands that watch a cluster.
    as_json
        As JSON instead of text.
    html
        Where to write the page.

    Raises
    ------
    Refusal
        There is no such recording, or no scheduler; or the page can't be written.
    """
    if html is not None and (why_not := refuse_to_overwrite(html, "a page")) is not None:
        raise Refusal(f"--html: {why_not}", USAGE)
    if source is not None and is_recording(source):
        for option in ("scheduler_file", "record", "redact"):
            if common[option]:
                raise Refusal(f"--{option.replace('_', '-')} is for a cluster; {source} is a recording", USAGE)
        made = of_recording(source)
    else:
        made = of_cluster(source, common)
    if html is not None:
        _write_page(html, html_report(made))
    if as_json:
        print_json(report_json(made))
    else:
        sys.stdout.write(plain_report(made, unicode="utf" in (sys.stdout.encoding or "ascii").lower()) + "\n")


def is_recording(source: str) -> bool:
    """Tell a recording from an address: by its being there, and else by its name."""
    if "://" in source:
        return False
    with contextlib.suppress(OSError):  # a name that is too long is none
        if Path(source).exists():
            return True
    return "/" in source or source.endswith(RECORDING_ENDINGS)


def of_recording(path: str) -> Report:
    """Return the report of a recording; what is wrong with the file goes to stderr, in one line.

    Raises
    ------
    Refusal
        It can't be read, or is none.
    """
    try:
        opened = Recording(path)
        with contextlib.closing(opened):
            made = _tallied(opened)
    except RecordingError as error:
        raise Refusal(str(error), USAGE) from None
    if opened.remark is not None:
        tell(opened.remark)
    return made


def _tallied(opened: Recording) -> Report:
    for _ in opened.scan():
        pass
    indices = opened.evenly(MOST_READ)
    moments = [opened.entries[index].taken_at for index in indices]
    tally = UsageAccumulator(usual_seconds(moments), skipped=len(opened.entries) - len(indices))
    count = 0
    with _progress(f"reading {opened.path}", len(indices)) as show:
        for count, snapshot in enumerate(opened.snapshots(indices, FIELDS, tally.glimpse), start=1):
            tally.add(snapshot)
            show(count)
    if not count:
        raise RecordingError(opened.remark or f"{opened.path} holds no snapshot")
    return tally.report()


@contextlib.contextmanager
def _progress(words: str, whole: int) -> Iterator[Callable[[int], None]]:
    """Yield what shows on a terminal, now and then, how far something is; it takes that away in the end."""
    shown_at = monotonic()

    def show(part: int) -> None:
        nonlocal shown_at
        if sys.stderr.isatty() and monotonic() - shown_at >= SECONDS_BETWEEN_SIGNS:
            shown_at = monotonic()
            click.echo(f"{CLEAR_LINE}{clean(words)}: {100 * part // whole}%", err=True, nl=False)

    try:
        yield show
    finally:
        if sys.stderr.isatty():
            click.echo(CLEAR_LINE, err=True, nl=False)


def of_cluster(source: str | None, common: Mapping[str, Any]) -> Report:
    """Return the report of one look at a cluster.

    Raises
    ------
    Refusal
        There is no scheduler, or what was named is none.
    """
    try:
        address = None if source is None else str(parse_address(source))
    except NoSchedulerError as error:
        raise Refusal(f"there is no file {source} to report on, and {error}", USAGE) from None
    options = options_from(sound_config(), address, **common)
    with recording(options) as record:
        snapshot = event_loop.run(headless.take_snapshot(options))
        record(snapshot)
    if options.slurm:
        headless.tell_faults(snapshot)
    tally = UsageAccumulator()
    tally.add(snapshot)
    return tally.report()


def _write_page(path: str, page: str) -> None:
    try:
        file = open(path, "x", encoding="utf-8", opener=private_opener)  # noqa: SIM115 - closed below
    except FileExistsError:
        raise Refusal(f"--html: {path} is there already; a page overwrites nothing: name another file", USAGE) from None
    except OSError as error:
        raise Refusal(f"--html: {path} can't be written: {error.strerror or error}", USAGE) from None
    try:
        with file:
            file.write(page)
    except OSError as error:
        Path(path).unlink(missing_ok=True)  # a part of it is of no use, and would stand in the way of the next try
        raise Refusal(f"--html: {path} can't be written: {error.strerror or error}", USAGE) from None
