"""Starts the screen on a feed and ends the program with its exit status. Never imported by headless commands."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dasktop.collectors.model.errors import RecordingError
from dasktop.collectors.model.feed import Feed
from dasktop.collectors.model.options import Options
from dasktop.collectors.runtime.sampler import Sampler
from dasktop.collectors.system.user import own_name
from dasktop.tui.cli.exit_status import SIGNAL_STATUS, USAGE
from dasktop.tui.cli.options import Refusal
from dasktop.tui.cli.preload import import_later
from dasktop.tui.cli.signals import EXIT_SIGNALS, EXIT_TIMEOUT_SECONDS
from dasktop.tui.config.config import Config
from dasktop.tui.config.file import remember
from dasktop.tui.config.settings import THEME
from dasktop.tui.config.view_settings import ViewSettings, changes, view_settings_from
from dasktop.tui.terminal.abilities import forget_told_size, shows_unicode

if TYPE_CHECKING:
    from dasktop.collectors.recording.reader import Recording
    from dasktop.collectors.recording.recorder import Recorder
    from dasktop.tui.app import DasktopApp


def show(
    options: Options, config: Config, environment: Mapping[str, str] | None = None, *, keeps_view: bool = True
) -> None:
    """Run the screen until the user quits.

    Parameters
    ----------
    environment
        Environment of SLURM's commands; ``None`` for that of this process.
    keeps_view
        Whether view settings are read from the configuration and saved to it.

    Raises
    ------
    Refusal
        There was no scheduler to show.
    SystemExit
        The screen crashed, and Textual has printed the traceback; or a signal ended it.
    """
    # Between a key and its effect, the event loop waits about ten times, and each time the thread of the sampler may go
    # on for this long before it lets the screen continue; by default for 5 ms, which adds up to a delay that is felt.
    sys.setswitchinterval(0.0005)
    recorder = _recorder(options)
    sampler = Sampler(options, environment)
    sampler.begin()
    from dasktop.tui.app import DasktopApp  # imported late, while SLURM is being queried

    def when_drawn() -> None:
        sampler.attach()
        import_later()

    feed: Feed = sampler
    if recorder is not None:
        from dasktop.collectors.recording.recorded_feed import RecordedFeed

        feed = RecordedFeed(feed, recorder)
    app = DasktopApp(
        feed,
        options.read_only,
        when_drawn=when_drawn,
        unicode=shows_unicode(),
        user=own_name(),
        looks=view_settings_from(config) if keeps_view else ViewSettings(theme=config[THEME]),
        keymap=config.keymap,
        thresholds=options.thresholds,
    )
    try:
        _run(app, config if keeps_view else None)
    finally:
        if recorder is not None and recorder.fault is not None:
            click.echo(f"dasktop: {recorder.fault}", err=True)


def show_recording(recording: "Recording", config: Config) -> None:
    """Replay a recording on the screen until the user quits.

    Raises
    ------
    Refusal
        The recording has no snapshot.
    SystemExit
        The screen crashed, and Textual has printed the traceback; or a signal ended it.
    """
    from dasktop.collectors.recording.replay import ReplayFeed
    from dasktop.tui.replay.app import ReplayApp

    feed = ReplayFeed(recording)
    app = ReplayApp(
        feed,
        unicode=shows_unicode(),
        looks=view_settings_from(config),
        keymap=config.keymap,
        thresholds=config.thresholds,
    )
    _run(app, config)


def _run(app: "DasktopApp", config: Config | None) -> None:
    """Run the screen and save changed view settings to the configuration, unless it is ``None``."""
    forget_told_size()
    ended_by = asyncio.run(_run_until_exit(app))
    has_crashed = app.failure is None and bool(app.return_code)
    fault = None if has_crashed or config is None else remember(Path(config.path), changes(app.first_looks, app.looks))
    if fault is not None:
        click.echo(f"dasktop: {fault}", err=True)
    if app.failure is not None:
        raise Refusal(app.failure.message, app.failure.exit_status)
    if ended_by is not None or app.return_code:
        sys.exit(app.return_code if ended_by is None else SIGNAL_STATUS + ended_by)


async def _run_until_exit(app: "DasktopApp") -> signal.Signals | None:
    """Run the screen; return the signal that ended it, or ``None``."""
    loop = asyncio.get_running_loop()
    ended_by: list[signal.Signals] = []

    def end(number: signal.Signals) -> None:
        ended_by.append(number)
        # Writing to a terminal that no longer reads may block forever, even if everything else shuts down cleanly.
        signal.signal(signal.SIGALRM, lambda *_: os._exit(SIGNAL_STATUS + number))
        signal.alarm(EXIT_TIMEOUT_SECONDS)
        app.exit()

    for number in EXIT_SIGNALS:
        loop.add_signal_handler(number, end, number)
    await app.run_async()
    return ended_by[0] if ended_by else None


def _recorder(options: Options) -> "Recorder | None":
    if options.record is None:
        return None
    from dasktop.collectors.recording.recorder import Recorder

    try:
        return Recorder(options.record, redact=options.redact)
    except RecordingError as error:
        raise Refusal(f"--record: {error}", USAGE) from None
