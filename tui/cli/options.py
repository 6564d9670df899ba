"""The options that all commands share, and the one way to refuse. Headless."""

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
from dasktop.tui.config import file
from dasktop.tui.config.config import Config
from dasktop.tui.config.settings import DRAIN, INTERVAL, READ_ONLY, SLURM_INTERVAL, Setting
from dasktop.tui.config.values import WrongValueError


def number(setting: Setting[float]) -> Callable[[str], float]:
    """Return what reads a number on the command line as it may stand in the file."""

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


def _seconds(setting: Setting[float], words: str) -> Callable[[Any], Any]:
    helped = f"{words}; {setting.default:g} unless configured."
    return click.option(setting.option, type=number(setting), metavar="SECONDS", help=helped)


WATCHING: list[Callable[[Any], Any]] = [
    _seconds(INTERVAL, "How often to ask dask"),
    _seconds(
        SLURM_INTERVAL,
        f"How often to ask SLURM, {SLURM_INTERVAL_FLOOR_SECONDS:g} at least; less often while nothing changes",
    ),
    click.option(READ_ONLY.option, is_flag=True, default=None, help="Change nothing: no scaling at all."),
]
drain_option = _seconds(DRAIN, "How long to wait for running tasks of jobs that are given back")


Function = TypeVar("Function", bound=Callable[..., Any])

USAGE = 2
NO_SCHEDULER = 3
REFUSED = 5

SCREEN = "screen"
"""The hidden command that is meant where none is named."""

CLEAR_LINE = "\r\x1b[K"
"""What a terminal takes a line back by, to be told another in its place."""


class Refusal(click.ClickException):
    """Ends the program with one line on stderr, and a line for each thing to choose from, and a pinned exit status."""

    def __init__(self, message: str, exit_status: int, choices: Sequence[str] = ()) -> None:
        super().__init__(clean(message))
        self._choices = [clean(choice) for choice in choices]
        self.exit_code = exit_status  # type: ignore[misc]  # click declares it for the class; ours differ

    @classmethod
    def of_usage(cls, error: click.UsageError) -> "Refusal":
        """Say in one line what click found wrong."""
        command = error.ctx.command_path if error.ctx else "dasktop"
        words = error.format_message().rstrip(".")
        if isinstance(error, click.NoSuchOption):  # click names all that are somewhat like it, in words of each version
            near = difflib.get_close_matches(error.option_name, error.possibilities or (), n=1)
            words = f"no such option: {error.option_name}{f'; did you mean {near[0]}?' if near else ''}"
        return cls(f"{words} (see {command.removesuffix(' screen')} --help)", USAGE)

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it; where nobody reads it, the exit status tells all the same."""
        with contextlib.suppress(OSError):
            told = [f"dasktop: {self.format_message()}", *(f"  {choice}" for choice in self._choices)]
            click.echo("\n".join(told), file=file, err=file is None)


def _whole_address(text: str) -> str:
    """Return a scheduler's address, such as ``tcp://10.1.2.3:8786``; ``tcp://`` may be left out."""
    try:
        return str(parse_address(text))
    except NoSchedulerError as error:
        raise click.BadParameter(f"{error}; nor is it a command{_nearest_command(text)}") from None


def _nearest_command(text: str) -> str:
    """Return the end of a sentence that names the command that was meant, if one is spelled much like it."""
    context = click.get_current_context()
    group = context.parent.command if context.parent is not None else None
    if not isinstance(group, click.Group) or context.info_name != SCREEN:
        return ""
    names = [name for name, command in group.commands.items() if not command.hidden]
    near = difflib.get_close_matches(text, names, n=1)
    return f"; did you mean {near[0]}?" if near else ""


RECORDING: list[Callable[[Any], Any]] = [
    click.option("--record", metavar="FILE", help="Record all that is seen, for dasktop replay; gzipped as FILE.gz."),
    click.option("--redact", is_flag=True, help="Replace users, hosts, addresses, paths and names in the recording."),
]

_ADDRESS: Callable[[Any], Any] = click.argument("address", type=_whole_address, required=False, metavar="[ADDRESS]")

_COMMON: list[Callable[[Any], Any]] = [
    click.option("--scheduler-file", metavar="FILE", help="Where the scheduler wrote its address."),
    click.option("--tls-ca-file", metavar="FILE", help="Certificate of the authority, for a TLS scheduler."),
    click.option("--tls-cert", metavar="FILE", help="Certificate to show to a TLS scheduler."),
    click.option("--tls-key", metavar="FILE", help="Its key."),
    *WATCHING,
    click.option("--no-slurm", is_flag=True, help="Don't ask SLURM: the dask half only."),
    click.option("--no-probe", is_flag=True, help="Run no function on scheduler and workers; less is known then."),
    click.option("--user", metavar="USER", help="Whose SLURM jobs; yours unless named."),
    *RECORDING,
]


def common_options(function: Function) -> Function:
    """Add the address and the options that all commands share."""
    return _ADDRESS(watching_options(function))  # type: ignore[no-any-return]


def watching_options(function: Function) -> Function:
    """Add the options that all commands share, without the address."""
    return _with(_COMMON, function)


def configurable_options(function: Function) -> Function:
    """Add the options of which the configuration holds what they are unless given."""
    return _with([*WATCHING, drain_option], function)


def recording_options(function: Function) -> Function:
    """Add the options of what records."""
    return _with(RECORDING, function)


def _with(options: Sequence[Callable[[Any], Any]], function: Function) -> Function:
    for option in reversed(options):
        function = option(function)
    return function


def found_config() -> Config:
    """Return the user's configuration, whatever is wrong with it."""
    return file.load(file.path(os.environ))


def sound_config() -> Config:
    """Return the user's configuration.

    Raises
    ------
    Refusal
        Something is wrong with it.
    """
    config = found_config()
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
    """Return the choices of one run: those given, and for others what the configuration says.

    Raises
    ------
    Refusal
        They don't go together.
    """
    if address is not None and scheduler_file is not None:
        raise Refusal("both ADDRESS and --scheduler-file name the scheduler; give one of them", USAGE)
    if (tls_cert is None) != (tls_key is None):
        raise Refusal("--tls-cert and --tls-key go together", USAGE)
    if user is not None and is_known(user) is False:
        raise Refusal(f"--user {user}: this host knows no such user", USAGE)
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
    """See whether there can be such a recording, before anything else is done.

    Raises
    ------
    Refusal
        There can't.
    """
    why_not = refuse_to_overwrite(record) if record is not None else None
    if why_not is not None:
        raise Refusal(f"--record: {why_not}", USAGE)
    if redact and record is None:
        raise Refusal("--redact is for a recording; name its file with --record FILE", USAGE)


FINDINGS = 4

fail_on_option = click.option(
    "--fail-on",
    type=click.Choice([severity for severity in get_args(Severity) if severity != "info"]),
    help="End with status 4 if there is a finding of this severity, or a worse one.",
)


def check(snapshot: Snapshot, fail_on: Severity | None) -> None:
    """Look for findings that are bad enough; the first of them goes to stderr.

    Raises
    ------
    Refusal
        There are some.
    """
    if fail_on is None:
        return
    bad_enough = SEVERITIES[SEVERITIES.index(fail_on) :]
    found = [finding for finding in snapshot.findings if finding.severity in bad_enough]
    if found:
        more = f" (and {len(found) - 1:,} more)" if len(found) > 1 else ""
        raise Refusal(f"{found[0].severity}: {found[0].message}{more}", FINDINGS)
