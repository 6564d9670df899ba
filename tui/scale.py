"""``dasktop scale``: shows what a target would mean, asks, and carries it out. Headless."""

import asyncio
import shutil
import signal
import sys
from time import monotonic

import click
import msgspec

from dasktop.collectors import event_loop
from dasktop.collectors.errors import NoSchedulerError, PlanError
from dasktop.collectors.model import Adaptive
from dasktop.collectors.options import Options
from dasktop.collectors.scaling.model import (
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
from dasktop.collectors.scaling.plan import plan as make_plan
from dasktop.collectors.scaling.words import plan_lines
from dasktop.collectors.user import own_name
from dasktop.tui import headless
from dasktop.tui.options import NO_SCHEDULER, REFUSED, USAGE, Refusal

CLEAR_LINE = "\r\x1b[K"
SECONDS_BETWEEN_LINES = 5.0


def target_from(
    *,
    jobs: int | None,
    cores: int | None,
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
        targets.append(Jobs(count=jobs))
    if cores is not None:
        targets.append(Cores(count=cores))
    if memory is not None:
        targets.append(Memory(amount_bytes=parse_memory(memory)))
    if adapt is not None:
        targets.append(Adapt(bounds=parse_bounds(adapt)))
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


def parse_memory(text: str) -> int:
    """Read an amount of memory as dask does: ``200GB`` is 200 × 10⁹ bytes, ``200GiB`` 200 × 2³⁰."""
    from dask.utils import parse_bytes  # importing dask takes a while

    try:
        amount = int(parse_bytes(text))
    except (ValueError, OverflowError):
        amount = 0
    if amount <= 0:
        raise Refusal(f"--memory: {text!r} is no amount of memory; one looks like 200GB or 64GiB", USAGE)
    return amount


def parse_bounds(text: str) -> Adaptive:
    """Read ``MIN:MAX``, in jobs."""
    low, colon, high = text.partition(":")
    if not (colon and low.isascii() and low.isdecimal() and high.isascii() and high.isdecimal()) or int(low) > int(
        high
    ):
        raise Refusal(f"--adapt: {text!r} is not MIN:MAX, such as 2:10", USAGE)
    return Adaptive(minimum=int(low), maximum=int(high))


def scale(
    options: Options,
    target: Target,
    *,
    dry_run: bool,
    as_json: bool,
    yes: bool,
    drain_seconds: float,
) -> None:
    """Plan, show, ask, and do.

    Raises
    ------
    Refusal
        There is no scheduler, no sensible plan, nobody to ask, or it was not carried out.
    """
    try:
        plan, address = event_loop.run(_plan(options, target))
    except NoSchedulerError as error:
        raise Refusal(str(error), NO_SCHEDULER) from None
    except PlanError as error:
        raise Refusal(str(error), REFUSED) from None
    if as_json:
        click.echo(msgspec.json.encode(plan).decode())
    else:
        click.echo("\n".join(plan_lines(plan)))
    if dry_run or plan.changes_nothing:
        return
    if not yes:
        _ask()
    outcome = event_loop.run(_carry_out(plan, address, options, drain_seconds))
    if not outcome.done:
        raise Refusal(outcome.message, REFUSED)
    click.echo(msgspec.json.encode(outcome).decode() if as_json else outcome.message)


async def _plan(options: Options, target: Target) -> tuple[ScalePlan, str]:
    snapshot, address = await headless.look(options)
    return make_plan(snapshot, target, own_name()), address


def _ask() -> None:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refusal("there is no terminal to ask on; say --yes to carry it out, or --dry-run to see it only", REFUSED)
    if not click.confirm("Do it?"):
        raise Refusal("not carried out", REFUSED)


async def _carry_out(plan: ScalePlan, address: str, options: Options, drain_seconds: float) -> Outcome:
    """Carry the plan out; Ctrl-C gives the victims back to work first."""
    from dasktop.collectors.scaling.carry_out import carry_out

    task = asyncio.ensure_future(
        carry_out(plan, address, msgspec.structs.replace(options, drain_seconds=drain_seconds), _Telling())
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        raise Refusal("interrupted; what had been stopped works again", REFUSED) from None


class _Telling:
    """Tells of each step on stderr: on a terminal on one line that is written over, else now and then a line."""

    def __init__(self) -> None:
        self._on_terminal = sys.stderr.isatty()
        self._step = ""
        self._told_at = float("-inf")

    def __call__(self, progress: Progress) -> None:
        """Tell of one step."""
        if progress.step == "done":  # how it ended is the outcome's to say
            click.echo(CLEAR_LINE if self._on_terminal else "", err=True, nl=False)
        elif self._on_terminal:
            columns = shutil.get_terminal_size().columns
            click.echo(f"{CLEAR_LINE}{f'{progress.step}: {progress.message}'[: columns - 1]}", err=True, nl=False)
        elif progress.step != self._step or monotonic() - self._told_at >= SECONDS_BETWEEN_LINES:
            click.echo(f"{progress.step}: {progress.message}", err=True)
            self._told_at = monotonic()
        self._step = progress.step
