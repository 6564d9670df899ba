"""``dasktop scale``: shows what a target would mean, asks, and carries it out. Headless."""

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
from dasktop.collectors.scaling.action_log import settle
from dasktop.collectors.scaling.plan import plan as make_plan
from dasktop.collectors.scaling.targets import bounds_from, count_from, memory_from
from dasktop.collectors.scaling.words import interrupted_words, plan_lines
from dasktop.collectors.system import event_loop
from dasktop.collectors.system.user import own_name
from dasktop.tui.cli import snapshot as headless
from dasktop.tui.cli.options import CLEAR_LINE, NO_SCHEDULER, REFUSED, USAGE, Refusal
from dasktop.tui.cli.recording import recording

T = TypeVar("T")

SECONDS_BETWEEN_LINES = 5.0


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
    """Return the one target that was asked for.

    Raises
    ------
    Refusal
        None was, or several, or it can't be read.
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
            "say to what to scale, with one of --jobs, --cores, --memory, --adapt, --no-adapt, --release, "
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
    """Plan, show, ask, and do.

    Raises
    ------
    Refusal
        There is no scheduler, no sensible plan, nobody to ask, or it was not carried out.
    """
    if options.read_only and not dry_run:
        raise Refusal(
            "read-only, by --read-only or by the configuration: nothing is scaled; --dry-run shows the plan only",
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
        is_only_shown, shown = dry_run or plan.changes_nothing, plan.identity
        try:
            click.echo(msgspec.json.encode(plan) if as_json else "\n".join(plan_lines(plan)))
        except BrokenPipeError:
            if is_only_shown:
                raise
            raise Refusal("nobody reads the plan; nothing was changed", REFUSED) from None
        # Where nobody is asked, the scheduler itself is: results may have been let go of since.
        if plan.refusal is not None and (dry_run or not yes):
            raise Refusal(f"can't be done: {plan.refusal}; nothing was changed", REFUSED)
        if is_only_shown:
            return
        if not yes:
            _ask()
        outcome = event_loop.run(_carry_out(plan, None if yes else shown, address, options))
        if not (outcome.is_outdated and not yes):
            break
        click.echo(f"dasktop: {outcome.message}; the plan as it is now:", err=True)
    try:
        if not outcome.done:
            raise Refusal(outcome.message, REFUSED)
        click.echo(msgspec.json.encode(outcome) if as_json else outcome.message)
    finally:
        if options.record is not None:
            _record_afterwards(options, address, record)


def _record_afterwards(options: Options, address: str, record: Callable[[Snapshot], None]) -> None:
    """Record how things are now; where that can't be told any more, what was done is done all the same."""
    named = msgspec.structs.replace(options, address=address, scheduler_file=None)
    try:
        record(event_loop.run(headless.take_snapshot(named)))
    except Refusal as refusal:
        click.echo(f"dasktop: how things are afterwards is not recorded: {refusal.format_message()}", err=True)
    except KeyboardInterrupt:
        click.echo("dasktop: how things are afterwards is not recorded: interrupted", err=True)


def _planned(options: Options, target: Target, record: Callable[[Snapshot], None]) -> tuple[ScalePlan, str]:
    try:
        return event_loop.run(_plan(options, target, record))
    except NoSchedulerError as error:
        raise Refusal(str(error), NO_SCHEDULER) from None
    except PlanError as error:
        raise Refusal(str(error), REFUSED) from None


async def _plan(options: Options, target: Target, record: Callable[[Snapshot], None]) -> tuple[ScalePlan, str]:
    snapshot, address = await headless.look(options)
    record(snapshot)
    for words in await asyncio.to_thread(settle, os.environ, snapshot):
        click.echo(f"dasktop: {words}", err=True)
    return make_plan(snapshot, target, own_name()), address


def _ask() -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refusal("there is no terminal to ask on; say --yes to carry it out, or --dry-run to see it only", REFUSED)
    # What was typed before the plan stood there was meant for something else.
    with contextlib.suppress(termios.error):
        termios.tcflush(sys.stdin, termios.TCIFLUSH)
    try:
        is_agreed = click.confirm("Do it?")
    except click.Abort:  # Ctrl-C, or the end of what is typed
        click.echo()
        is_agreed = False
    if not is_agreed:
        raise Refusal("not carried out", REFUSED)


async def _carry_out(plan: ScalePlan, agreed: str | None, address: str, options: Options) -> Outcome:
    """Carry the plan out; Ctrl-C gives the victims back to work first."""
    from dasktop.collectors.runtime.execute import execute

    telling = _Telling()
    task = asyncio.ensure_future(execute(plan, address, options, telling, agreed=agreed))
    loop = asyncio.get_running_loop()

    def interrupt() -> None:
        if not task.cancelling():  # a second time would interrupt the giving back
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, interrupt)
    try:
        return await task
    except asyncio.CancelledError:
        raise Refusal(interrupted_words(telling.step), REFUSED) from None


class _Telling:
    """Tells of each step on stderr: on a terminal on one line that is written over, else now and then a line."""

    def __init__(self) -> None:
        self._on_terminal = sys.stderr.isatty()
        self.step: str | None = None
        """The latest."""
        self._told_at = float("-inf")

    def __call__(self, progress: Progress) -> None:
        """Tell of one step. That nobody reads it any more, or it can't be written, is no reason to break off."""
        with contextlib.suppress(OSError):
            self._tell(progress)
        self.step = progress.step

    def _tell(self, progress: Progress) -> None:
        if progress.step == "done":  # how it ended is the outcome's to say
            click.echo(CLEAR_LINE if self._on_terminal else "", err=True, nl=False)
        elif self._on_terminal:
            columns = shutil.get_terminal_size().columns
            click.echo(f"{CLEAR_LINE}{f'{progress.step}: {progress.message}'[: columns - 1]}", err=True, nl=False)
        elif progress.step != self.step or monotonic() - self._told_at >= SECONDS_BETWEEN_LINES:
            self._told_at = monotonic()
            click.echo(f"{progress.step}: {progress.message}", err=True)
