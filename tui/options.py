"""The options that all commands share, and the one way to refuse. Headless."""

from collections.abc import Callable
from typing import IO, Any, TypeVar

import click

from dasktop.collectors.dask.address import parse_address
from dasktop.collectors.errors import NoSchedulerError
from dasktop.collectors.options import SLURM_INTERVAL_FLOOR_SECONDS, Options, TlsFiles
from dasktop.collectors.text import clean

Function = TypeVar("Function", bound=Callable[..., Any])

USAGE = 2
NO_SCHEDULER = 3
REFUSED = 5


class Refusal(click.ClickException):
    """Ends the program with one line on stderr and a pinned exit status."""

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(clean(message))
        self.exit_code = exit_status  # type: ignore[misc]  # click declares it for the class; ours differ

    @classmethod
    def of_usage(cls, error: click.UsageError) -> "Refusal":
        """Say in one line what click found wrong."""
        command = error.ctx.command_path if error.ctx else "dasktop"
        return cls(f"{error.format_message().rstrip('.')} (see {command.removesuffix(' screen')} --help)", USAGE)

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it."""
        click.echo(f"dasktop: {self.format_message()}", file=file, err=file is None)


class AddressType(click.ParamType[str]):
    """A scheduler's address, such as ``tcp://10.1.2.3:8786``; ``tcp://`` may be left out."""

    name = "address"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the whole address."""
        try:
            return str(parse_address(value))
        except NoSchedulerError as error:
            self.fail(f"{error}; nor is it a command", param, ctx)


_COMMON: list[Callable[[Any], Any]] = [
    click.argument("address", type=AddressType(), required=False, metavar="[ADDRESS]"),
    click.option("--scheduler-file", metavar="FILE", help="Where the scheduler wrote its address."),
    click.option("--tls-ca-file", metavar="FILE", help="Certificate of the authority, for a TLS scheduler."),
    click.option("--tls-cert", metavar="FILE", help="Certificate to show to a TLS scheduler."),
    click.option("--tls-key", metavar="FILE", help="Its key."),
    click.option(
        "--interval",
        type=click.FloatRange(min=0.5),
        default=2.0,
        show_default=True,
        metavar="SECONDS",
        help="How often to ask dask.",
    ),
    click.option(
        "--slurm-interval",
        type=click.FloatRange(min=SLURM_INTERVAL_FLOOR_SECONDS),
        default=10.0,
        show_default=True,
        metavar="SECONDS",
        help=f"How often to ask SLURM; {SLURM_INTERVAL_FLOOR_SECONDS:.0f} at least.",
    ),
    click.option("--no-slurm", is_flag=True, help="Don't ask SLURM: the dask half only."),
    click.option("--no-probe", is_flag=True, help="Run no function on scheduler and workers; less is known then."),
    click.option("--user", metavar="USER", help="Whose SLURM jobs; yours unless named."),
]


def common_options(function: Function) -> Function:
    """Add the options that all commands share."""
    for option in reversed(_COMMON):
        function = option(function)
    return function


def options_from(
    address: str | None,
    *,
    scheduler_file: str | None,
    tls_ca_file: str | None,
    tls_cert: str | None,
    tls_key: str | None,
    interval: float,
    slurm_interval: float,
    no_slurm: bool,
    no_probe: bool,
    user: str | None,
) -> Options:
    """Return the choices of one run.

    Raises
    ------
    Refusal
        They don't go together.
    """
    if address is not None and scheduler_file is not None:
        raise Refusal("both ADDRESS and --scheduler-file name the scheduler; give one of them", USAGE)
    if (tls_cert is None) != (tls_key is None):
        raise Refusal("--tls-cert and --tls-key go together", USAGE)
    return Options(
        address=address,
        scheduler_file=scheduler_file,
        tls=TlsFiles(ca_file=tls_ca_file, cert=tls_cert, key=tls_key),
        interval_seconds=interval,
        slurm_interval_seconds=slurm_interval,
        slurm=not no_slurm,
        probe=not no_probe,
        user=user,
    )
