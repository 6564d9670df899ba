"""The options that the configuration has keys for: where one isn't given, the file's value holds, or the default."""

from collections.abc import Callable
from typing import Any

import click

from dasktop.collectors.options import SLURM_INTERVAL_FLOOR_SECONDS
from dasktop.tui.config.setting import Setting
from dasktop.tui.config.settings import DRAIN, INTERVAL, READ_ONLY, SLURM_INTERVAL
from dasktop.tui.config.values import WrongValueError


class SettingType(click.ParamType[float]):
    """A number that may be given on the command line as it may stand in the file."""

    name = "number"

    def __init__(self, setting: Setting[float]) -> None:
        self._setting = setting

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        try:
            number: object = float(value)
        except ValueError:
            number = value
        try:
            return self._setting.read(number)
        except WrongValueError as error:
            self.fail(str(error), param, ctx)


def _seconds(setting: Setting[float], words: str) -> Callable[[Any], Any]:
    helped = f"{words}; {setting.default:g} unless configured."
    return click.option(setting.option, type=SettingType(setting), metavar="SECONDS", help=helped)


WATCHING: list[Callable[[Any], Any]] = [
    _seconds(INTERVAL, "How often to ask dask"),
    _seconds(
        SLURM_INTERVAL,
        f"How often to ask SLURM, {SLURM_INTERVAL_FLOOR_SECONDS:g} at least; less often while nothing changes",
    ),
    click.option(READ_ONLY.option, is_flag=True, default=None, help="Change nothing: no scaling at all."),
]
drain_option = _seconds(DRAIN, "How long to wait for running tasks of jobs that are given back")
