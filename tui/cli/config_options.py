"""The options that the configuration has keys for: where one isn't given, the file's value holds, or the default."""

from collections.abc import Callable
from typing import Any

import click

from dasktop.collectors.model.options import SLURM_INTERVAL_FLOOR_SECONDS
from dasktop.tui.config.setting import Setting
from dasktop.tui.config.settings import DRAIN, INTERVAL, READ_ONLY, SLURM_INTERVAL
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
