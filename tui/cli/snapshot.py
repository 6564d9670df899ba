"""The commands without a screen: snapshots as JSON or plain text, and the schema. Imports neither textual nor rich."""

import asyncio
import contextlib
import sys
from collections.abc import Callable, Mapping
from time import monotonic

import click
import msgspec

from dasktop.collectors.analysis.usage import report_schema
from dasktop.collectors.model.errors import NoSchedulerError, SourceError
from dasktop.collectors.model.feed import Choice
from dasktop.collectors.model.options import SLURM_INTERVAL_FLOOR_SECONDS, Options
from dasktop.collectors.model.snapshot import Severity, Snapshot, json_schema
from dasktop.collectors.runtime.poller import Poller
from dasktop.collectors.runtime.sampler import PollTimer
from dasktop.collectors.system import event_loop
from dasktop.tui.cli.options import NO_SCHEDULER, SCREEN, USAGE, Refusal, check
from dasktop.tui.cli.output import print_json, print_one
from dasktop.tui.cli.recording import recording
from dasktop.tui.config.config import Config, document
from dasktop.tui.view.scheduler_list import texts_of

# With no screen to show that SLURM is slow, the user is told within ten seconds, all in all.
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
        There is no scheduler, or there are several to choose from; or, afterwards, a finding is bad enough.
    """
    with recording(options) as record:
        snapshot = event_loop.run(take_snapshot(options, threads=threads, environment=environment))
        record(snapshot)
    if options.slurm:
        tell_faults(snapshot)
    print_one(snapshot, as_text)
    check(snapshot, fail_on)


async def take_snapshot(
    options: Options, *, threads: bool = False, environment: Mapping[str, str] | None = None
) -> Snapshot:
    """Find the scheduler, ask everything once, and return what was found.

    Raises
    ------
    Refusal
        There is no scheduler, or there are several to choose from.
    """
    snapshot, _ = await look(options, threads=threads, environment=environment)
    return snapshot


async def look(
    options: Options, *, threads: bool = False, environment: Mapping[str, str] | None = None
) -> tuple[Snapshot, str]:
    """Do the same, and return the scheduler's address too, as it was named or found."""
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
    """Print a snapshot every so often, until interrupted or until a finding is bad enough.

    Raises
    ------
    Refusal
        There is no scheduler, or there are several to choose from; or a finding is bad enough.
    BrokenPipeError
        Nobody reads any more.
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
            print_one(snapshot, as_text)
            check(snapshot, fail_on)
            next_at = max(monotonic(), next_at + every_seconds)
            await asyncio.sleep(next_at - monotonic())
            with contextlib.suppress(SourceError):  # the next line says so
                await poller.poll_dask(poller.workers if threads else ())
    except NoSchedulerError as error:
        raise Refusal(str(error), NO_SCHEDULER) from None
    finally:
        if polling_slurm is not None:
            polling_slurm.cancel()
        await poller.close()


async def _keep_polling_slurm(poller: Poller) -> None:
    await asyncio.sleep(poller.options.slurm_interval_seconds)
    rhythm = PollTimer(poller.queue_log, poller.options.slurm_interval_seconds, SLURM_INTERVAL_FLOOR_SECONDS)
    await rhythm.keep(poller.poll_slurm, after_each=lambda: None)


def _poller(options: Options, environment: Mapping[str, str] | None) -> Poller:
    limit = min(options.slurm_timeout_seconds, SLURM_TIMEOUT_SECONDS)
    poller = Poller(msgspec.structs.replace(options, slurm_timeout_seconds=limit), environment)
    poller.expect_snapshots_after_polls()
    return poller


async def _attach(poller: Poller) -> str:
    """Attach to the one scheduler there is, and return its address.

    Raises
    ------
    NoSchedulerError
        There is none.
    Refusal
        There are several.
    """
    candidates = await poller.locate()
    if len(candidates) > 1:
        context = click.get_current_context(silent=True)
        command = context.command_path.removesuffix(f" {SCREEN}") if context is not None else "dasktop"
        words = f"{len(candidates)} schedulers found; name one, such as: {command} {candidates[0].address}"
        choices = [line.strip() for line in texts_of(Choice(candidates=candidates))]
        raise Refusal(words, NO_SCHEDULER, choices)
    poller.attach_to(candidates[0].address)
    return candidates[0].address


def tell_faults(snapshot: Snapshot) -> None:
    """Say on stderr which half is missing, since a reader of the other may not look for it."""
    for source in snapshot.sources:
        if source.name == "slurm.queue" and source.error is not None and source.state in ("error", "stale", "off"):
            click.echo(f"dasktop: {source.error}; what SLURM knows is missing", err=True)


def print_schema(*, of_report: bool = False) -> None:
    """Print the JSON Schema of a snapshot, or of a report."""
    schema = report_schema() if of_report else json_schema()
    print_json(msgspec.json.format(msgspec.json.encode(schema)))


def print_config(config: Config) -> None:
    """Print a configuration, as far as it can be read.

    Raises
    ------
    Refusal
        Afterwards, if something is wrong with it.
    """
    sys.stdout.write(document(config))
    sys.stdout.flush()
    for fault in config.faults[:-1]:
        click.echo(f"dasktop: {fault}", err=True)
    if config.faults:
        raise Refusal(config.faults[-1], USAGE)
