"""Options shared by the commands, and `Refusal`, which ends a command with an error. Never imports textual."""

import contextlib
import difflib
import os
from collections.abc import Callable, Sequence
from typing import IO, Any, TypeVar, get_args

import click

from dasktop.collectors.model.errors import NoSchedulerError
from dasktop.collectors.model.options import SLURM_INTERVAL_FLOOR_SECONDS, Options, TlsFiles
from dasktop.collectors.model.snapshot import SEVERITIES, Severity, Snapshot
from dasktop.collectors.recording.file import refuse_to_overwrite
from dasktop.collectors.sources.address import parse_address
from dasktop.collectors.system.user import is_known
from dasktop.collectors.text.clean import clean
from dasktop.tui.cli.exit_status import FINDINGS, USAGE
from dasktop.tui.config import file
from dasktop.tui.config.config import Config
from dasktop.tui.config.settings import DRAIN, INTERVAL, READ_ONLY, SLURM_INTERVAL, Setting
from dasktop.tui.config.values import WrongValueError


def number(setting: Setting[float]) -> Callable[[str], float]:
    """Return a reader of a number on the command line, with the bounds of the configuration file."""

    def read(text: str) -> float:
        try:
            number: object = float(text)
        except ValueError:
            number = text
        try:
            return setting.read(number)
        except WrongValueError as error:
            raise click.BadParameter(str(error)) from None

    return read


def _seconds(setting: Setting[float], description: str) -> Callable[[Any], Any]:
    text = f"{description} (default {setting.default:g} or as configured)."
    return click.option(setting.option, type=number(setting), metavar="SECONDS", help=text)


CONFIGURABLE: list[Callable[[Any], Any]] = [
    _seconds(INTERVAL, "Interval between polls of the scheduler"),
    _seconds(
        SLURM_INTERVAL,
        f"Interval between polls of SLURM, at least {SLURM_INTERVAL_FLOOR_SECONDS:g}; longer while nothing changes",
    ),
    click.option(READ_ONLY.option, is_flag=True, default=None, help="Disable everything that changes the cluster."),
]
drain_option = _seconds(DRAIN, "How long to wait for running tasks of the jobs to release")


Function = TypeVar("Function", bound=Callable[..., Any])

SCREEN = "screen"
"""The hidden command that runs if none is named."""

CLEAR_LINE = "\r\x1b[K"
"""Clears the current line of a terminal, so that it can be written again."""


class Refusal(click.ClickException):
    """Ends the program with a documented exit status, a one-line error on stderr, and a line for each choice."""

    def __init__(self, message: str, exit_status: int, choices: Sequence[str] = ()) -> None:
        super().__init__(clean(message))
        self._choices = [clean(choice) for choice in choices]
        self.exit_code = exit_status  # type: ignore[misc]  # click declares a class variable

    @classmethod
    def of_usage(cls, error: click.UsageError) -> "Refusal":
        """Return click's usage error as one line."""
        command = error.ctx.command_path if error.ctx else "dasktop"
        message = error.format_message().rstrip(".")
        if isinstance(error, click.NoSuchOption):  # click's own text differs between versions
            near = difflib.get_close_matches(error.option_name, error.possibilities or (), n=1)
            message = f"no such option: {error.option_name}{f'; did you mean {near[0]}?' if near else ''}"
        return cls(f"{message} (see {command.removesuffix(' screen')} --help)", USAGE)

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the error; a closed stderr is ignored, since the exit status remains."""
        with contextlib.suppress(OSError):
            lines = [f"dasktop: {self.format_message()}", *(f"  {choice}" for choice in self._choices)]
            click.echo("\n".join(lines), file=file, err=file is None)


def _full_address(text: str) -> str:
    """Return a scheduler's address, such as ``tcp://10.1.2.3:8786``; ``tcp://`` is optional in the text."""
    try:
        return str(parse_address(text))
    except NoSchedulerError as error:
        raise click.BadParameter(f"{error}; it is not a command either{_nearest_command(text)}") from None


def _nearest_command(text: str) -> str:
    """Return ``; did you mean …?`` with the most similar command name, or nothing."""
    context = click.get_current_context()
    group = context.parent.command if context.parent is not None else None
    if not isinstance(group, click.Group) or context.info_name != SCREEN:
        return ""
    names = [name for name, command in group.commands.items() if not command.hidden]
    near = difflib.get_close_matches(text, names, n=1)
    return f"; did you mean {near[0]}?" if near else ""


RECORDING: list[Callable[[Any], Any]] = [
    click.option(
        "--record", metavar="FILE", help="Record all snapshots for dasktop replay; compressed if FILE ends in .gz."
    ),
    click.option(
        "--redact", is_flag=True, help="Replace users, hosts, addresses, paths, names and task keys in the recording."
    ),
]

_ADDRESS: Callable[[Any], Any] = click.argument("address", type=_full_address, required=False, metavar="[ADDRESS]")

_COMMON: list[Callable[[Any], Any]] = [
    click.option("--scheduler-file", metavar="FILE", help="File written by dask scheduler --scheduler-file."),
    click.option("--tls-ca-file", metavar="FILE", help="CA certificate of a TLS scheduler."),
    click.option("--tls-cert", metavar="FILE", help="Client certificate for a TLS scheduler."),
    click.option("--tls-key", metavar="FILE", help="Key of the client certificate."),
    *CONFIGURABLE,
    click.option("--no-slurm", is_flag=True, help="Don't query SLURM; show dask only."),
    click.option(
        "--no-probe",
        is_flag=True,
        help="Don't run functions on the scheduler and the workers; some values are then unknown.",
    ),
    click.option("--user", metavar="USER", help="Show this user's SLURM jobs instead of yours."),
    *RECORDING,
]


def common_options(function: Function) -> Function:
    """Add the ADDRESS argument and the options of commands that watch a cluster."""
    return _ADDRESS(watching_options(function))  # type: ignore[no-any-return]


_OF_SEVERAL_SNAPSHOTS = frozenset({"interval", "slurm_interval", "read_only", "record", "redact"})
"""Common options without a use for one snapshot. They are accepted, but the help does not list them."""


def watching_options(function: Function) -> Function:
    """Add the options of commands that watch a cluster, without the ADDRESS argument."""
    return _with(_COMMON, function)


def snapshot_options(function: Function) -> Function:
    """Add the options of `watching_options`; hide in the help those that have no effect on a single snapshot."""
    function = watching_options(function)
    for parameter in getattr(function, "__click_params__", ()):
        if isinstance(parameter, click.Option) and parameter.name in _OF_SEVERAL_SNAPSHOTS:
            parameter.hidden = True
    return function


def configurable_options(function: Function) -> Function:
    """Add the options whose default can be set in the configuration."""
    return _with([*CONFIGURABLE, drain_option], function)


def recording_options(function: Function) -> Function:
    """Add the options of recording."""
    return _with(RECORDING, function)


def _with(options: Sequence[Callable[[Any], Any]], function: Function) -> Function:
    for option in reversed(options):
        function = option(function)
    return function


def user_config() -> Config:
    """Return the user's configuration, even if it has errors."""
    return file.load(file.path(os.environ))


def valid_config() -> Config:
    """Return the user's configuration.

    Raises
    ------
    Refusal
        It has errors.
    """
    config = user_config()
    if config.faults:
        raise Refusal(config.faults[0], USAGE)
    return config


def options_from(
    config: Config,
    address: str | None,
    *,
    scheduler_file: str | None,
    tls_ca_file: str | None,
    tls_cert: str | None,
    tls_key: str | None,
    no_slurm: bool,
    no_probe: bool,
    user: str | None,
    record: str | None,
    redact: bool,
    **configurable: Any,
) -> Options:
    """Return the options of one run: those on the command line, the others from the configuration.

    Raises
    ------
    Refusal
        The options conflict.
    """
    if address is not None and scheduler_file is not None:
        raise Refusal("ADDRESS and --scheduler-file cannot be used together", USAGE)
    if (tls_cert is None) != (tls_key is None):
        raise Refusal("--tls-cert and --tls-key must be used together", USAGE)
    if user is not None and is_known(user) is False:
        raise Refusal(f"--user {user}: no such user on this host", USAGE)
    check_recording(record, redact=redact)
    config = config.with_options(configurable)
    return Options(
        address=address,
        scheduler_file=scheduler_file,
        tls=TlsFiles(ca_file=tls_ca_file, cert=tls_cert, key=tls_key),
        interval_seconds=config[INTERVAL],
        slurm_interval_seconds=config[SLURM_INTERVAL],
        slurm=not no_slurm,
        probe=not no_probe,
        read_only=config[READ_ONLY],
        drain_seconds=config[DRAIN],
        thresholds=config.thresholds,
        user=user,
        record=record,
        redact=redact,
    )


def check_recording(record: str | None, *, redact: bool) -> None:
    """Check the recording options before anything else is done.

    Raises
    ------
    Refusal
        The file exists or cannot be created, or ``--redact`` has no file.
    """
    why_not = refuse_to_overwrite(record) if record is not None else None
    if why_not is not None:
        raise Refusal(f"--record: {why_not}", USAGE)
    if redact and record is None:
        raise Refusal("--redact requires --record FILE", USAGE)


fail_on_option = click.option(
    "--fail-on",
    type=click.Choice([severity for severity in get_args(Severity) if severity != "info"]),
    help="Exit with status 4 if there is a finding of at least this severity.",
)


def check(snapshot: Snapshot, fail_on: Severity | None) -> None:
    """Check for findings of at least this severity; ``None`` means no check.

    Raises
    ------
    Refusal
        There is one; the message is that of the first.
    """
    if fail_on is None:
        return
    severities = SEVERITIES[SEVERITIES.index(fail_on) :]
    found = [finding for finding in snapshot.findings if finding.severity in severities]
    if found:
        more = f" (and {len(found) - 1:,} more)" if len(found) > 1 else ""
        raise Refusal(f"{found[0].severity}: {found[0].message}{more}", FINDINGS)
