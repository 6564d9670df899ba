"""The command line. Headless commands never import textual; the screen is imported where it starts."""

import errno
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TextIO, TypeVar

import click

from dasktop.collectors.model.snapshot import Severity
from dasktop.tui.cli import snapshot as headless
from dasktop.tui.cli.options import (
    REFUSED,
    SCREEN,
    Refusal,
    check_recording,
    common_options,
    configurable_options,
    drain_option,
    fail_on_option,
    found_config,
    number,
    options_from,
    recording_options,
    sound_config,
    watching_options,
)
from dasktop.tui.cli.output import open_closed_streams, stdout_is_writable
from dasktop.tui.config.settings import INTERVAL
from dasktop.tui.terminal.abilities import can_show_screen

Function = TypeVar("Function", bound=Callable[..., Any])


INTERRUPTED = 130  # as shells say it
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DefaultGroup(click.Group):
    """A group whose command ``screen`` is meant where none is named: ``dasktop tcp://10.1.2.3:8786``.

    Options may stand before a command's name as well as behind it. What click finds wrong is told in one line.
    """

    default = SCREEN

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse, as click does."""
        open_closed_streams()
        with _refused_in_one_line():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, as click does."""
        try:
            with _refused_in_one_line():
                result = super().invoke(ctx)
                sys.stdout.flush()
                return result
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:  # nobody reads any more, as behind ``| head``: there is nothing left to do
            ctx.exit(0)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the name of the command that is meant in front."""
        if args not in (["-h"], ["--help"], ["--version"]):
            place = self._place_of_first_word(args)
            if place is not None and args[place] in self.commands:
                args = [args[place], *args[:place], *args[place + 1 :]]
            else:
                args = [self.default, *args]
        return super().parse_args(ctx, args)

    def _place_of_first_word(self, args: list[str]) -> int | None:
        """Return where the first argument stands that is neither an option nor an option's value."""
        takes_value = {
            name
            for param in self.commands[self.default].params
            if isinstance(param, click.Option) and not param.is_flag
            for name in param.opts
        }
        place = 0
        while place < len(args) and args[place].startswith("-"):
            place += 2 if args[place] in takes_value else 1
        return place if place < len(args) else None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the screen's options too: it has no name to ask its help by."""
        options = (param for param in self.commands[self.default].params if isinstance(param, click.Option))
        records = (option.get_help_record(ctx) for option in options)
        with formatter.section("Options of the screen, and of the commands that watch a cluster"):
            formatter.write_dl([record for record in records if record is not None])
        super().format_options(ctx, formatter)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Say that a command may be left out."""
        formatter.write_usage(ctx.command_path, "[ADDRESS] [OPTIONS]")
        formatter.write_usage(ctx.command_path, "COMMAND [ADDRESS] [OPTIONS]")


@contextmanager
def _refused_in_one_line() -> Iterator[None]:
    """Turn wrong usage, and output that can't be written, into a `Refusal`."""
    try:
        yield
    except click.UsageError as error:
        raise Refusal.of_usage(error) from None
    except OSError as error:
        if error.filename is None and error.errno in FULL:
            why = error.strerror
        elif error.filename is None and error.errno == errno.EBADF and not stdout_is_writable():
            why = "stdout is closed, or not open for writing"
        else:
            raise
        raise Refusal(f"what was to be printed can't be written: {why}", REFUSED) from None


# dask's own command line calls it by this name: ``dask top``.
@click.group(name="top", cls=DefaultGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dasktop", message="dasktop %(version)s")
def command() -> None:
    """Watch dask on SLURM: jobs, tasks, workers and threads in one tree.

    ADDRESS is the dask scheduler's, such as tcp://10.1.2.3:8786. Without it, dasktop finds your schedulers: in dask's
    configuration, in the scripts of your SLURM jobs, and among your processes on this host.

    Exit status: 0 done, 1 a fault of dasktop, 2 wrong usage, 3 no scheduler (none or several found, or unreachable),
    4 a finding that --fail-on names, 5 refused, or not carried out.
    """


@command.command(hidden=True)
@common_options
def screen(address: str | None, **common: Any) -> None:
    """Show the screen; without a terminal, print the tree once as plain text."""
    config = sound_config()
    options = options_from(config, address, **common)
    if not can_show_screen():
        if sys.stdout.isatty():
            click.echo(
                "dasktop: this terminal can't show the screen (TERM, or stdin or stderr); as text, once:", err=True
            )
        headless.print_snapshot(options, as_text=True)
        return
    from dasktop.tui.cli import screen as run

    run.show(options, config)


@command.command()
@common_options
@click.option("--watch", type=number(INTERVAL), metavar="SECONDS", help="One snapshot a line, this often.")
@click.option("--threads", is_flag=True, help="Read the threads of all workers too.")
@click.option("--text", "as_text", is_flag=True, help="The tree as plain text instead of JSON.")
@fail_on_option
def snapshot(
    address: str | None, watch: float | None, threads: bool, as_text: bool, fail_on: Severity | None, **common: Any
) -> None:
    """Print one snapshot as JSON, and end."""
    options = options_from(sound_config(), address, **common)
    if watch is None:
        headless.print_snapshot(options, threads=threads, as_text=as_text, fail_on=fail_on)
    else:
        headless.watch(options, watch, threads=threads, as_text=as_text, fail_on=fail_on)


@command.command()
@common_options
@click.option("--jobs", metavar="N", help="So many jobs.")
@click.option("--cores", metavar="N", help="So many cores, rounded up to whole jobs.")
@click.option("--memory", metavar="AMOUNT", help="So much memory (200GB, 64GiB), rounded up to whole jobs.")
@click.option("--adapt", metavar="MIN:MAX", help="Let the cluster scale by itself, between so many jobs.")
@click.option("--no-adapt", is_flag=True, help="Stop it scaling by itself.")
@click.option("--release", multiple=True, metavar="JOB", help="Give back this job; may be repeated.")
@click.option("--replace-lost", is_flag=True, help="Submit anew what SLURM has ended and the cluster still counts.")
@click.option("--dry-run", is_flag=True, help="Print the plan, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="The plan as JSON; what came of it as a second line.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@drain_option
def scale(
    address: str | None,
    jobs: str | None,
    cores: str | None,
    memory: str | None,
    adapt: str | None,
    no_adapt: bool,
    release: tuple[str, ...],
    replace_lost: bool,
    dry_run: bool,
    as_json: bool,
    yes: bool,
    **common: Any,
) -> None:
    """Scale the cluster, losing no result and no running task."""
    from dasktop.tui.cli import scale as scaling

    target = scaling.target_from(
        jobs=jobs,
        cores=cores,
        memory=memory,
        adapt=adapt,
        no_adapt=no_adapt,
        release=release,
        replace_lost=replace_lost,
    )
    options = options_from(sound_config(), address, **common)
    scaling.scale(options, target, dry_run=dry_run, as_json=as_json, yes=yes)


@command.command()
@click.option("--snapshot", "as_snapshot", is_flag=True, help="Print one JSON snapshot instead, and end.")
@recording_options
def demo(as_snapshot: bool, record: str | None, redact: bool) -> None:
    """Show a real dask cluster at work, on a SLURM small enough to embed."""
    from dasktop.tui.cli import demo as demonstration

    check_recording(record, redact=redact)
    demonstration.run(sound_config(), as_snapshot=as_snapshot, record=record, redact=redact)


@command.command()
@click.argument("file")
@recording_options
def replay(file: str, record: str | None, redact: bool) -> None:
    """Show a recording on the screen; without a terminal, print its end as plain text.

    With --record, write it anew to another file instead: redacted, or packed as .gz.
    """
    from dasktop.tui.cli import recording

    recording.replay(file, sound_config(), record=record, redact=redact)


@command.command("config")
@configurable_options
def print_config(**configurable: Any) -> None:
    """Print the configuration that holds, where each value comes from, and what it means.

    It is a configuration file itself: put what you want otherwise into the file that its first line names.
    """
    headless.print_config(found_config().with_options(configurable))


@command.command()
@click.argument("source", required=False, metavar="[ADDRESS|RECORDING]")
@watching_options
@click.option("--json", "as_json", is_flag=True, help="As JSON; dasktop schema --report describes it.")
@click.option("--html", metavar="FILE", help="Also as a page with charts, for a browser; needs no network.")
def report(source: str | None, as_json: bool, html: str | None, **common: Any) -> None:
    """Tell where the core-hours and the memory went, and what would fit better.

    Of a RECORDING, all that it holds; of a cluster that runs, what one look and SLURM's accounting tell.
    """
    from dasktop.tui.cli import report as reporting

    reporting.report(source, common, as_json=as_json, html=html)


@command.command()
@click.option("--report", "of_report", is_flag=True, help="That of a report instead.")
def schema(of_report: bool) -> None:
    """Print the JSON Schema of a snapshot."""
    headless.print_schema(of_report=of_report)


def main() -> NoReturn:
    """Run the command line and end the program."""
    try:
        command.main(prog_name="dasktop")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)
    if threading.active_count() > 1:
        # Python would wait for the threads of executors, distributed's among them; one may hang in a name look-up.
        os._exit(status)
    sys.exit(status)


def _flush(stream: TextIO) -> None:
    """Write out what is buffered; where that can't be, into nothing, or Python would complain of it at its end."""
    try:
        stream.flush()
    except OSError:  # nobody reads, or there is no room; that has been told
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
