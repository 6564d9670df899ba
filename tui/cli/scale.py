"""``dasktop scale``: shows the plan for a target, asks for confirmation, and executes it. Never imports textual."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import termios
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

import click
import msgspec

from dasktop.collectors.model.errors import NoSchedulerError, PlanError
from dasktop.collectors.model.options import Options
from dasktop.collectors.model.plan import (
    Adapt,
    Cores,
    Jobs,
    Memory,
    Outcome,
    Progress,
    Release,
    ReplaceLost,
    ScalePlan,
    Target,
)
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.scaling.action_log import conclude_unfinished
from dasktop.collectors.scaling.plan import plan as make_plan
from dasktop.collectors.scaling.targets import bounds_from, count_from, memory_from
from dasktop.collectors.scaling.words import interrupted_words, plan_lines
from dasktop.collectors.system import event_loop
from dasktop.collectors.system.user import own_name
from dasktop.tui.cli import snapshot as headless
from dasktop.tui.cli.exit_status import NO_SCHEDULER, REFUSED, USAGE
from dasktop.tui.cli.options import CLEAR_LINE, Refusal
from dasktop.tui.cli.recording import recording

T = TypeVar("T")

PROGRESS_INTERVAL_SECONDS = 5.0


def target_from(
    *,
    jobs: str | None,
    cores: str | None,
    memory: str | None,
    adapt: str | None,
    no_adapt: bool,
    release: tuple[str, ...],
    replace_lost: bool,
) -> Target:
    """Return the target that the options name.

    Raises
    ------
    Refusal
        No option names a target, several do, or its value is invalid.
    """
    targets: list[Target] = []
    if jobs is not None:
        targets.append(Jobs(count=_read("--jobs", count_from, jobs)))
    if cores is not None:
        targets.append(Cores(count=_read("--cores", count_from, cores)))
    if memory is not None:
        targets.append(Memory(amount_bytes=_read("--memory", memory_from, memory)))
    if adapt is not None:
        targets.append(Adapt(bounds=_read("--adapt", bounds_from, adapt)))
    if no_adapt:
        targets.append(Adapt(bounds=None))
    if release:
        targets.append(Release(job_ids=release))
    if replace_lost:
        targets.append(ReplaceLost())
    if len(targets) != 1:
        raise Refusal(
            "use exactly one of --jobs, --cores, --memory, --adapt, --no-adapt, --release, "
            "--replace-lost (see dasktop scale --help)",
            USAGE,
        )
    return targets[0]


def _read(option: str, reader: Callable[[str], T], text: str) -> T:
    try:
        return reader(text)
    except PlanError as error:
        raise Refusal(f"{option}: {error}", USAGE) from None


def scale(
    options: Options,
    target: Target,
    *,
    dry_run: bool,
    as_json: bool,
    yes: bool,
) -> None:
    """Make a plan, show it, ask for confirmation, and execute it.

    Raises
    ------
    Refusal
        There is no scheduler, no possible plan, no terminal to ask on, or the plan was not completed.
    """
    if options.read_only and not dry_run:
        raise Refusal(
            "scaling is disabled by --read-only or read_only in the configuration; use --dry-run to see the plan",
            REFUSED,
        )
    with recording(options) as record:
        _scale(options, target, record, dry_run=dry_run, as_json=as_json, yes=yes)


def _scale(
    options: Options,
    target: Target,
    record: Callable[[Snapshot], None],
    *,
    dry_run: bool,
    as_json: bool,
    yes: bool,
) -> None:
    while True:
        plan, address = _planned(options, target, record)
        is_only_shown, identity = dry_run or plan.changes_nothing, plan.identity
        try:
            click.echo(msgspec.json.encode(plan) if as_json else "\n".join(plan_lines(plan)))
        except BrokenPipeError:
            if is_only_shown:
                raise
            raise Refusal("the plan could not be printed; nothing was changed", REFUSED) from None
        # With --yes, the plan is checked on the scheduler instead: results may have been released since.
        if plan.refusal is not None and (dry_run or not yes):
            raise Refusal(f"cannot be done: {plan.refusal}; nothing was changed", REFUSED)
        if is_only_shown:
            return
        if not yes:
            _ask()
        outcome = event_loop.run(_execute(plan, None if yes else identity, address, options))
        if not (outcome.is_outdated and not yes):
            break
        click.echo(f"dasktop: {outcome.message}; the new plan:", err=True)
    try:
        if not outcome.done:
            raise Refusal(outcome.message, REFUSED)
        click.echo(msgspec.json.encode(outcome) if as_json else outcome.message)
    finally:
        if options.record is not None:
            _record_afterwards(options, address, record)


def _record_afterwards(options: Options, address: str, record: Callable[[Snapshot], None]) -> None:
    """Record a snapshot after the operation; a failure is printed and does not change the exit status."""
    named = msgspec.structs.replace(options, address=address, scheduler_file=None)
    try:
        record(event_loop.run(headless.take_snapshot(named)))
    except Refusal as refusal:
        click.echo(f"dasktop: the final snapshot was not recorded: {refusal.format_message()}", err=True)
    except KeyboardInterrupt:
        click.echo("dasktop: the final snapshot was not recorded: interrupted", err=True)


def _planned(options: Options, target: Target, record: Callable[[Snapshot], None]) -> tuple[ScalePlan, str]:
    try:
        return event_loop.run(_plan(options, target, record))
    except NoSchedulerError as error:
        raise Refusal(str(error), NO_SCHEDULER) from None
    except PlanError as error:
        raise Refusal(str(error), REFUSED) from None


async def _plan(options: Options, target: Target, record: Callable[[Snapshot], None]) -> tuple[ScalePlan, str]:
    snapshot, address = await headless.take_snapshot_and_address(options)
    record(snapshot)
    for message in await asyncio.to_thread(conclude_unfinished, os.environ, snapshot):
        click.echo(f"dasktop: {message}", err=True)
    return make_plan(snapshot, target, own_name()), address


def _ask() -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refusal(
            "no terminal to ask for confirmation; use --yes to apply the plan or --dry-run to see it", REFUSED
        )
    # Discard what was typed before the plan was shown.
    with contextlib.suppress(termios.error):
        termios.tcflush(sys.stdin, termios.TCIFLUSH)
    try:
        is_confirmed = click.confirm("Apply this plan?")
    except click.Abort:  # Ctrl-C or end of input
        click.echo()
        is_confirmed = False
    if not is_confirmed:
        raise Refusal("cancelled; nothing was changed", REFUSED)


async def _execute(plan: ScalePlan, agreed: str | None, address: str, options: Options) -> Outcome:
    """Execute the plan; on Ctrl-C, the jobs to release accept tasks again before it ends."""
    from dasktop.collectors.runtime.execute import execute

    printer = _ProgressPrinter()
    task = asyncio.ensure_future(execute(plan, address, options, printer, agreed=agreed))
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        if not task.cancelling():  # a second signal must not interrupt the clean-up
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, interrupt)
    try:
        return await task
    except asyncio.CancelledError:
        raise Refusal(interrupted_words(printer.step), REFUSED) from None


class _ProgressPrinter:
    """Prints progress to stderr: on a terminal in one line that is overwritten, otherwise in a line every 5 s."""

    def __init__(self) -> None:
        self._on_terminal = sys.stderr.isatty()
        self.step: str | None = None
        """The latest step."""
        self._printed_at = float("-inf")

    def __call__(self, progress: Progress) -> None:
        """Print a step; a failed write must not stop the operation."""
        with contextlib.suppress(OSError):
            self._print(progress)
        self.step = progress.step

    def _print(self, progress: Progress) -> None:
        if progress.step == "done":  # the outcome says how it ended
            click.echo(CLEAR_LINE if self._on_terminal else "", err=True, nl=False)
        elif self._on_terminal:
            columns = shutil.get_terminal_size().columns
            click.echo(f"{CLEAR_LINE}{f'{progress.step}: {progress.message}'[: columns - 1]}", err=True, nl=False)
        elif progress.step != self.step or monotonic() - self._printed_at >= PROGRESS_INTERVAL_SECONDS:
            self._printed_at = monotonic()
            click.echo(f"{progress.step}: {progress.message}", err=True)
