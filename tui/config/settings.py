"""All that can be set, in one table: it reads the file, and `dasktop config` prints it. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import msgspec

from dasktop.collectors.model.options import INTERVAL_FLOOR_SECONDS, SLURM_INTERVAL_FLOOR_SECONDS, Options
from dasktop.collectors.model.thresholds import Thresholds
from dasktop.tui.config.keymap import read_keys, written
from dasktop.tui.config.values import number, one_of, some_of, switch, text, whole
from dasktop.tui.draw.palettes import DEFAULT_PALETTE, PALETTES
from dasktop.tui.view.columns import COLUMNS, DEFAULT_COLUMNS
from dasktop.tui.view.help_rows import meaning
from dasktop.tui.view.keys import KEYS

T = TypeVar("T")


@dataclass(frozen=True, eq=False)  # each is only equal to itself
class Setting(Generic[T]):
    """One key of the file."""

    section: str
    """Empty for a key that stands above all sections."""
    name: str
    default: T
    read: Callable[[object], T]
    """Turns what TOML holds into the value; `WrongValueError` tells what is wrong with it. It reads values, too."""
    meaning: str
    """For people, on one line."""
    option: str = ""
    """What goes before the file on the command line, if anything does."""

    @property
    def title(self) -> str:
        """How it is called where something is told about it."""
        return title(self.section, self.name)


def title(section: str, name: str) -> str:
    """Return how a key is called: ``[view] sort``, or ``interval`` above all sections."""
    return f"[{section}] {name}" if section else name


_DAY_SECONDS = 86_400
_OPTIONS = Options()

INTERVAL = Setting(
    "",
    "interval",
    _OPTIONS.interval_seconds,
    number(INTERVAL_FLOOR_SECONDS, _DAY_SECONDS),
    "How often to ask dask, in seconds.",
    "--interval",
)
SLURM_INTERVAL = Setting(
    "",
    "slurm_interval",
    _OPTIONS.slurm_interval_seconds,
    number(SLURM_INTERVAL_FLOOR_SECONDS, _DAY_SECONDS),
    "How often to ask SLURM, in seconds.",
    "--slurm-interval",
)
READ_ONLY = Setting(
    "", "read_only", _OPTIONS.read_only, switch, "Whether nothing may be changed: no scaling at all.", "--read-only"
)
DRAIN = Setting(
    "",
    "drain",
    _OPTIONS.drain_seconds,
    number(0, _DAY_SECONDS),
    "How long to wait for running tasks of jobs that are given back, in seconds.",
    "--drain",
)
THEME = Setting("", "theme", DEFAULT_PALETTE, one_of("theme", PALETTES), f"The colours: {', '.join(PALETTES)}.")

COLUMNS_SHOWN = Setting(
    "view",
    "columns",
    DEFAULT_COLUMNS,
    some_of("column", COLUMNS),
    f"The columns beside the tree, from left to right, of {', '.join(COLUMNS)}.",
)
NO_SORT = "none"
SORT = Setting(
    "view",
    "sort",
    NO_SORT,
    one_of("column", (NO_SORT, "name", *COLUMNS)),
    "What rows are sorted by: a column, or name; none: running, pending, ended, each by id.",
)
REVERSE = Setting("view", "reverse", False, switch, "Whether they are sorted the other way round.")
FLAT = Setting("view", "flat", False, switch, "Whether all workers stand in one list at first, without jobs and tasks.")
FILTER = Setting(
    "view", "filter", "", text, "At first only what matches: text or a regular expression, as typed after /."
)
DETAILS = Setting(
    "view", "details", False, switch, "Whether the details of the selected row stand beside the tree, if there is room."
)

KEYS_SECTION = "keys"
KEY_SETTINGS: dict[str, Setting[str]] = {
    key_id: Setting(KEYS_SECTION, key_id, written(key.keys), partial(read_keys, of=key_id), meaning(key_id))
    for key_id, key in KEYS.items()
}


def _threshold_settings() -> Iterator[Setting[Any]]:
    """Make the settings of the thresholds from what each says of itself."""
    for field in msgspec.structs.fields(Thresholds):
        told = msgspec.inspect.type_info(field.type)
        assert isinstance(told, msgspec.inspect.Metadata)  # noqa: S101 - for the type checker
        meaning = (told.extra_json_schema or {})["description"]
        kind = told.type
        assert isinstance(kind, msgspec.inspect.FloatType | msgspec.inspect.IntType)  # noqa: S101 - for the type checker
        bounds = (kind.ge or 0, kind.le or 0)
        read = whole(*bounds) if isinstance(kind, msgspec.inspect.IntType) else number(*bounds)
        yield Setting("thresholds", field.name, field.default, read, meaning)


THRESHOLD_SETTINGS: tuple[Setting[Any], ...] = tuple(_threshold_settings())

SETTINGS: tuple[Setting[Any], ...] = (
    *(INTERVAL, SLURM_INTERVAL, READ_ONLY, DRAIN, THEME),
    *(COLUMNS_SHOWN, SORT, REVERSE, FLAT, FILTER, DETAILS),
    *KEY_SETTINGS.values(),
    *THRESHOLD_SETTINGS,
)
"""In the order in which they are printed; those of one section together."""

SECTIONS: Mapping[str, Mapping[str, Setting[Any]]] = {
    section: {setting.name: setting for setting in SETTINGS if setting.section == section}
    for section in dict.fromkeys(setting.section for setting in SETTINGS)
}
"""By section, the settings by name; first those that stand above all sections, under the empty text."""
