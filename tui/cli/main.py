"""The command line, with all commands and options. Each command imports what it needs; only the screen textual."""

import errno
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, TextIO, TypeVar

import click

from dasktop.collectors.model.snapshot import Severity
from dasktop.tui.cli.exit_status import INTERNAL_ERROR, INTERRUPTED, REFUSED
from dasktop.tui.cli.options import (
    SCREEN,
    Refusal,
    check_recording,
    common_options,
    configurable_options,
    drain_option,
    fail_on_option,
    number,
    options_from,
    recording_options,
    snapshot_options,
    user_config,
    valid_config,
)
from dasktop.tui.cli.output import open_closed_streams, stdout_is_writable
from dasktop.tui.config.settings import INTERVAL
from dasktop.tui.terminal.abilities import can_show_screen

Function = TypeVar("Function", bound=Callable[..., Any])


DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DefaultGroup(click.Group):
    """A group that runs the command ``screen`` if none is named: ``dasktop tcp://10.1.2.3:8786``.

    Options may precede or follow the command's name. Usage errors are printed in one line.
    """

    default = SCREEN

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Parse, with errors in one line."""
        open_closed_streams()
        with _errors_as_refusals():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, with errors in one line."""
        try:
            with _errors_as_refusals():
                result = super().invoke(ctx)
                sys.stdout.flush()
                return result
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:  # the reader has closed the pipe, as ``| head`` does
            ctx.exit(0)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Move the command's name, or the default one, to the front."""
        if args not in (["-h"], ["--help"], ["--version"]):
            index = self._first_positional(args)
            if index is not None and args[index] in self.commands:
                args = [args[index], *args[:index], *args[index + 1 :]]
            else:
                args = [self.default, *args]
        return super().parse_args(ctx, args)

    def _first_positional(self, args: list[str]) -> int | None:
        """Return the index of the first argument that is neither an option nor an option's value."""
        takes_value = {
            name
            for param in self.commands[self.default].params
            if isinstance(param, click.Option) and not param.is_flag
            for name in param.opts
        }
        index = 0
        while index < len(args) and args[index].startswith("-"):
            index += 2 if args[index] in takes_value else 1
        return index if index < len(args) else None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options of the screen too, which is a hidden command without its own help."""
        options = (param for param in self.commands[self.default].params if isinstance(param, click.Option))
        records = (option.get_help_record(ctx) for option in options)
        with formatter.section("Options of the screen and of commands that watch a cluster"):
            formatter.write_dl([record for record in records if record is not None])
        super().format_options(ctx, formatter)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show that the command is optional."""
        formatter.write_usage(ctx.command_path, "[ADDRESS] [OPTIONS]")
        formatter.write_usage(ctx.command_path, "COMMAND [ADDRESS] [OPTIONS]")


@contextmanager
def _errors_as_refusals() -> Iterator[None]:
    """Convert usage errors and failed writes to stdout into a `Refusal`."""
    try:
        yield
    except click.UsageError as error:
        raise Refusal.of_usage(error) from None
    except OSError as error:
        if error.filename is None and error.errno in DISK_FULL:
            why = error.strerror
        elif error.filename is None and error.errno == errno.EBADF and not stdout_is_writable():
            why = "stdout is closed or not writable"
        else:
            raise
        raise Refusal(f"cannot write the output: {why}", REFUSED) from None


# The name as a subcommand of dask's command line: ``dask top``.
@click.group(name="top", cls=DefaultGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dasktop", message="dasktop %(version)s")
def command() -> None:
    """Watch dask on SLURM: jobs, tasks, workers and threads in one tree.

    ADDRESS is the address of the dask scheduler, such as tcp://10.1.2.3:8786. Without it, dasktop finds your
    schedulers: in dask's configuration, in the scripts of your SLURM jobs, and among your processes on this host.

    Exit status: 0 success, 1 internal error, 2 usage error, 3 no scheduler (none or several found, or unreachable),
    4 a finding matched --fail-on, 5 refused or not completed.
    """


@command.command(hidden=True)
@common_options
def screen(address: str | None, **common: Any) -> None:
    """Show the screen; without a terminal, print the tree once as plain text."""
    config = valid_config()
    options = options_from(config, address, **common)
    if not can_show_screen():
        if sys.stdout.isatty():
            click.echo(
                "dasktop: this terminal cannot show the screen (check TERM, stdin and stderr); printing the tree once:",
                err=True,
            )
        from dasktop.tui.cli import snapshot as headless

        headless.print_snapshot(options, as_text=True)
        return
    from dasktop.tui.cli import screen as run

    run.show(options, config)


@command.command()
@common_options
@click.option(
    "--watch", type=number(INTERVAL), metavar="SECONDS", help="Print a snapshot at this interval, one per line."
)
@click.option("--threads", is_flag=True, help="Include the threads of all workers.")
@click.option("--text", "as_text", is_flag=True, help="Print the tree as plain text instead of JSON.")
@fail_on_option
def snapshot(
    address: str | None, watch: float | None, threads: bool, as_text: bool, fail_on: Severity | None, **common: Any
) -> None:
    """Print one snapshot as JSON and exit."""
    from dasktop.tui.cli import snapshot as headless

    options = options_from(valid_config(), address, **common)
    if watch is None:
        headless.print_snapshot(options, threads=threads, as_text=as_text, fail_on=fail_on)
    else:
        headless.watch(options, watch, threads=threads, as_text=as_text, fail_on=fail_on)


@command.command()
@common_options
@click.option("--jobs", metavar="N", help="Target number of jobs.")
@click.option("--cores", metavar="N", help="Target number of cores; rounded up to whole jobs.")
@click.option("--memory", metavar="AMOUNT", help="Target memory, such as 200GB or 64GiB; rounded up to whole jobs.")
@click.option("--adapt", metavar="MIN:MAX", help="Turn adaptive scaling on, between MIN and MAX jobs.")
@click.option("--no-adapt", is_flag=True, help="Turn adaptive scaling off.")
@click.option("--release", multiple=True, metavar="JOB", help="Release this job; may be repeated.")
@click.option(
    "--replace-lost",
    is_flag=True,
    help="Resubmit jobs that have ended in SLURM but that the cluster still expects.",
)
@click.option("--dry-run", is_flag=True, help="Print the plan and exit.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON, and the outcome as a second line.")
@click.option("--yes", is_flag=True, help="Don't ask for confirmation.")
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
    """Scale the cluster without losing results or running tasks."""
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
    options = options_from(valid_config(), address, **common)
    scaling.scale(options, target, dry_run=dry_run, as_json=as_json, yes=yes)


@command.command()
@click.option("--snapshot", "as_snapshot", is_flag=True, help="Print one snapshot as JSON and exit.")
@recording_options
def demo(as_snapshot: bool, record: str | None, redact: bool) -> None:
    """Show a real dask cluster on an embedded SLURM."""
    from dasktop.tui.cli import demo as demonstration

    check_recording(record, redact=redact)
    demonstration.run(valid_config(), as_snapshot=as_snapshot, record=record, redact=redact)


@command.command()
@click.argument("file")
@recording_options
def replay(file: str, record: str | None, redact: bool) -> None:
    """Replay a recording on the screen.

    Without a terminal, print its last snapshot as plain text. With --record, write it to
    another file instead: redacted, or compressed as .gz.
    """
    from dasktop.tui.cli import recording

    recording.replay(file, valid_config(), record=record, redact=redact)


@command.command("config")
@configurable_options
def print_config(**configurable: Any) -> None:
    """Print all settings and where each comes from.

    The output includes descriptions and is a valid config file: copy the lines to change into the
    file that the first line names.
    """
    from dasktop.tui.cli import snapshot as headless

    headless.print_config(user_config().with_options(configurable))


@command.command()
@click.argument("source", required=False, metavar="[ADDRESS|RECORDING]")
@snapshot_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON; dasktop schema --report describes it.")
@click.option("--html", metavar="FILE", help="Also write the report with charts as one self-contained HTML page.")
def report(source: str | None, as_json: bool, html: str | None, **common: Any) -> None:
    """Print a usage report of a recording or a cluster.

    It shows how core-hours and memory were used, and recommends SLURMCluster arguments. For a RECORDING, it covers
    all snapshots; for a running cluster, one snapshot and SLURM's accounting.
    """
    from dasktop.tui.cli import report as reporting

    reporting.report(source, common, as_json=as_json, html=html)


@command.command()
@click.argument("source", required=False, metavar="[ADDRESS|RECORDING]")
@snapshot_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON: the failures as in a snapshot.")
def failures(source: str | None, as_json: bool, **common: Any) -> None:
    """Print the failed tasks of a cluster or a recording.

    Tasks are grouped by name and reason, each with the newest traceback, or with the workers that ended while
    they ran the task and why. A scheduler keeps the last 100 failures.
    """
    from dasktop.tui.cli import failures as printing

    printing.failures(source, common, as_json=as_json)


@command.command()
@click.option("--report", "of_report", is_flag=True, help="Print the schema of a report instead.")
def schema(of_report: bool) -> None:
    """Print the JSON Schema of a snapshot."""
    from dasktop.tui.cli import snapshot as headless

    headless.print_schema(of_report=of_report)


def main() -> NoReturn:
    """Run the command line and exit."""
    try:
        command.main(prog_name="dasktop")
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else INTERNAL_ERROR
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)
    if threading.active_count() > 1:
        # Python would wait for the threads of executors, such as distributed's, and one may hang in a DNS lookup.
        os._exit(status)
    sys.exit(status)


def _flush(stream: TextIO) -> None:
    """Flush the stream; if that fails, redirect it to /dev/null, so that Python prints no error at exit."""
    try:
        stream.flush()
    except OSError:  # closed pipe or full disk; already reported
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
