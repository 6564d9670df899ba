"""``--record`` and ``dasktop replay`` on the command line. Never imports textual, except to start the screen."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dasktop.collectors.model.errors import NoSchedulerError, RecordingError
from dasktop.collectors.model.options import Options
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.sources.address import parse_address
from dasktop.tui.cli.exit_status import USAGE
from dasktop.tui.cli.options import Refusal, check_recording
from dasktop.tui.cli.signals import clean_exit
from dasktop.tui.config.config import Config
from dasktop.tui.terminal.abilities import can_show_screen

if TYPE_CHECKING:
    from dasktop.collectors.recording.reader import Recording


RECORDING_SUFFIXES = (".gz", ".ndjson", ".jsonl", ".json")


def recording_path(source: str | None, common: Mapping[str, Any]) -> str | None:
    """Return ``source`` if it names a recording; ``None`` if it names a cluster.

    Raises
    ------
    Refusal
        It is a recording, but an option requires a cluster.
    """
    if source is None or not _is_recording(source):
        return None
    for option in ("scheduler_file", "record", "redact"):
        if common[option]:
            raise Refusal(f"--{option.replace('_', '-')} requires a cluster, but {source} is a recording", USAGE)
    return source


def given_address(source: str | None) -> str | None:
    """Return the address that ``source`` is; ``None`` if none was given.

    Raises
    ------
    Refusal
        It is neither an address nor a file.
    """
    try:
        return None if source is None else str(parse_address(source))
    except NoSchedulerError as error:
        raise Refusal(f"there is no file {source}, and {error}", USAGE) from None


def _is_recording(source: str) -> bool:
    """Return whether this names a recording, not an address: an existing file, or a name that looks like one."""
    if "://" in source:
        return False
    with contextlib.suppress(OSError):  # the name is too long for a file
        if Path(source).exists():
            return True
    return "/" in source or source.endswith(RECORDING_SUFFIXES)


@contextmanager
def recording(options: Options) -> Iterator[Callable[[Snapshot], None]]:
    """Yield a function that records a snapshot, or does nothing without ``--record``.

    A later write error is printed to stderr, once. SIGTERM and SIGHUP complete the file before the program ends.

    Raises
    ------
    Refusal
        The file cannot be created.
    SystemExit
        A signal ended the program.
    """
    if options.record is None:
        yield lambda _: None
        return
    from dasktop.collectors.recording.recorder import Recorder

    with clean_exit():
        try:
            recorder = Recorder(options.record, redact=options.redact, report=print_message)
        except RecordingError as error:
            raise Refusal(f"--record: {error}", USAGE) from None
        try:
            yield recorder.take
        finally:
            recorder.close()


def replay(path: str, config: Config, *, record: str | None, redact: bool) -> None:
    """Replay a recording on the screen, print its last snapshot as plain text, or write it to another file.

    Raises
    ------
    Refusal
        The recording cannot be read, or the other file cannot be written.
    """
    from dasktop.collectors.recording.reader import Recording

    check_recording(record, redact=redact)
    try:
        opened = Recording(path)
        if record is None and can_show_screen():
            from dasktop.tui.cli import screen as run

            run.show_recording(opened, config)
        else:
            for _ in opened.scan():
                pass
            _print_last(opened, config) if record is None else _rewrite(opened, record, redact=redact)
    except RecordingError as error:
        raise Refusal(str(error), USAGE) from None
    if opened.remark is not None:
        print_message(opened.remark)


def _print_last(opened: "Recording", config: Config) -> None:
    from dasktop.tui.cli.output import print_one

    found = opened.good_snapshot(len(opened.entries) - 1, -1)
    if found is None:
        raise RecordingError(opened.remark or f"{opened.path} contains no snapshot")
    print_one(found[1], as_text=True, thresholds=config.thresholds)


def _rewrite(opened: "Recording", path: str, *, redact: bool) -> None:
    from dasktop.collectors.recording.recorder import write_all

    write_all(path, opened.snapshots(), redact=redact, names_of=opened.snapshots())


def print_message(text: str) -> None:
    """Print a line to stderr."""
    click.echo(f"dasktop: {text}", err=True)
