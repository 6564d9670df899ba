"""Commands without a screen: snapshots as JSON or text, schema, configuration. Imports neither textual nor rich."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

import click
import msgspec

from dasktop.collectors.model.errors import NoSchedulerError, SourceError
from dasktop.collectors.model.feed import Choice
from dasktop.collectors.model.options import SLURM_INTERVAL_FLOOR_SECONDS, Options
from dasktop.collectors.model.snapshot import Severity, Snapshot, json_schema
from dasktop.collectors.runtime.poll_timer import PollTimer
from dasktop.collectors.runtime.poller import Poller
from dasktop.collectors.system import event_loop
from dasktop.tui.cli.exit_status import NO_SCHEDULER, USAGE
from dasktop.tui.cli.options import SCREEN, Refusal, check, options_from, valid_config
from dasktop.tui.cli.output import print_json, print_one
from dasktop.tui.cli.recording import given_address, recording
from dasktop.tui.config.config import Config, document
from dasktop.tui.view.scheduler_list import texts_of

# Without a screen to show that SLURM is slow, the error must come within ten seconds in total.
SLURM_TIMEOUT_SECONDS = 6.0


def print_snapshot(
    options: Options,
    *,
    threads: bool = False,
    as_text: bool = False,
    fail_on: Severity | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Print one snapshot.

    Raises
    ------
    Refusal
        There is no scheduler, there are several, or, after printing, a finding matches ``fail_on``.
    """
    with recording(options) as record:
        snapshot = event_loop.run(take_snapshot(options, threads=threads, environment=environment))
        record(snapshot)
    if options.slurm:
        report_missing_slurm(snapshot)
    print_one(snapshot, as_text, options.thresholds)
    check(snapshot, fail_on)


def snapshot_of(source: str | None, common: Mapping[str, Any]) -> Snapshot:
    """Return one snapshot of a cluster, and record it if that is requested.

    Parameters
    ----------
    source
        The scheduler's address; ``None`` to find the scheduler.
    common
        The options of the commands that watch a cluster.

    Raises
    ------
    Refusal
        There is no scheduler, there are several, or ``source`` is not an address.
    """
    options = options_from(valid_config(), given_address(source), **common)
    with recording(options) as record:
        snapshot = event_loop.run(take_snapshot(options))
        record(snapshot)
    if options.slurm:
        report_missing_slurm(snapshot)
    return snapshot


async def take_snapshot(
    options: Options, *, threads: bool = False, environment: Mapping[str, str] | None = None
) -> Snapshot:
    """Find the scheduler, poll dask and SLURM once, and return the snapshot.

    Raises
    ------
    Refusal
        There is no scheduler, or there are several.
    """
    snapshot, _ = await take_snapshot_and_address(options, threads=threads, environment=environment)
    return snapshot


async def take_snapshot_and_address(
    options: Options, *, threads: bool = False, environment: Mapping[str, str] | None = None
) -> tuple[Snapshot, str]:
    """Return the snapshot and the scheduler's address, given or found; see `take_snapshot`."""
    poller = _poller(options, environment)
    try:
        address = await _attach(poller)
        await poller.poll_everything(with_threads=threads)
        return poller.snapshot(), address
    except NoSchedulerError as error:
        raise Refusal(str(error), NO_SCHEDULER) from None
    finally:
        await poller.close()


def watch(
    options: Options,
    every_seconds: float,
    *,
    threads: bool = False,
    as_text: bool = False,
    fail_on: Severity | None = None,
) -> None:
    """Print a snapshot at each interval, until interrupted or until a finding matches ``fail_on``.

    Raises
    ------
    Refusal
        There is no scheduler, there are several, or a finding matches ``fail_on``.
    BrokenPipeError
        The reader has closed the pipe.
    """
    try:
        with recording(options) as record:
            event_loop.run(_watch(options, every_seconds, threads, as_text, fail_on, record))
    except KeyboardInterrupt:
        return


async def _watch(
    options: Options,
    every_seconds: float,
    threads: bool,
    as_text: bool,
    fail_on: Severity | None,
    record: Callable[[Snapshot], None],
) -> None:
    poller = _poller(options, None)
    polling_slurm = None
    try:
        await _attach(poller)
        await poller.poll_everything(with_threads=threads)
        polling_slurm = asyncio.create_task(_keep_polling_slurm(poller))
        next_at = monotonic()
        while True:
            snapshot = poller.snapshot()
            record(snapshot)
            print_one(snapshot, as_text, options.thresholds)
            check(snapshot, fail_on)
            next_at = max(monotonic(), next_at + every_seconds)
            await asyncio.sleep(next_at - monotonic())
            with contextlib.suppress(SourceError):  # shown in the next snapshot
                await poller.poll_dask(poller.workers if threads else ())
    except NoSchedulerError as error:
        raise Refusal(str(error), NO_SCHEDULER) from None
    finally:
        if polling_slurm is not None:
            polling_slurm.cancel()
        await poller.close()


async def _keep_polling_slurm(poller: Poller) -> None:
    await asyncio.sleep(poller.options.slurm_interval_seconds)
    timer = PollTimer(poller.queue_log, poller.options.slurm_interval_seconds, SLURM_INTERVAL_FLOOR_SECONDS)
    await timer.keep(poller.poll_slurm, after_each=lambda: None)


def _poller(options: Options, environment: Mapping[str, str] | None) -> Poller:
    limit = min(options.slurm_timeout_seconds, SLURM_TIMEOUT_SECONDS)
    poller = Poller(msgspec.structs.replace(options, slurm_timeout_seconds=limit), environment)
    poller.expect_snapshots_after_polls()
    return poller


async def _attach(poller: Poller) -> str:
    """Attach to the scheduler and return its address.

    Raises
    ------
    NoSchedulerError
        There is no scheduler.
    Refusal
        There are several schedulers.
    """
    candidates = await poller.locate()
    if len(candidates) > 1:
        context = click.get_current_context(silent=True)
        command = context.command_path.removesuffix(f" {SCREEN}") if context is not None else "dasktop"
        message = f"{len(candidates)} schedulers found; name one, for example: {command} {candidates[0].address}"
        choices = [line.strip() for line in texts_of(Choice(candidates=candidates))]
        raise Refusal(message, NO_SCHEDULER, choices)
    poller.attach_to(candidates[0].address)
    return candidates[0].address


def report_missing_slurm(snapshot: Snapshot) -> None:
    """Print to stderr that SLURM did not answer, which a reader of the output may not notice."""
    for source in snapshot.sources:
        if source.name == "slurm.queue" and source.error is not None and source.state in ("error", "stale", "off"):
            click.echo(f"dasktop: {source.error}; SLURM data is missing", err=True)


def print_schema(*, of_report: bool = False) -> None:
    """Print the JSON Schema of a snapshot, or of a report."""
    print_json(msgspec.json.format(msgspec.json.encode(_report_schema() if of_report else json_schema())))


def _report_schema() -> Mapping[str, Any]:
    from dasktop.collectors.analysis.usage import report_schema  # imported only when it is needed

    return report_schema()


def print_config(config: Config) -> None:
    """Print a configuration, with the default of each setting that has an error.

    Raises
    ------
    Refusal
        After printing, if it has errors.
    """
    sys.stdout.write(document(config))
    sys.stdout.flush()
    for fault in config.faults[:-1]:
        click.echo(f"dasktop: {fault}", err=True)
    if config.faults:
        raise Refusal(config.faults[-1], USAGE)
