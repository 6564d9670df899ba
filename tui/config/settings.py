"""The table of all settings, from which the file is read and `dasktop config` is printed. Pure."""

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
from dasktop.tui.view.columns import COLUMNS, DEFAULT_COLUMNS, RENAMED
from dasktop.tui.view.help_rows import meaning
from dasktop.tui.view.keys import KEYS
from dasktop.tui.view.panels import PANELS

T = TypeVar("T")


@dataclass(frozen=True, eq=False)  # compared by identity
class Setting(Generic[T]):
    """One key of the configuration file."""

    section: str
    """Empty for a key outside all sections."""
    name: str
    default: T
    read: Callable[[object], T]
    """Returns the value for what the TOML file holds, or raises `WrongValueError`. Also accepts a value itself."""
    meaning: str
    """The description for users, in one line."""
    option: str = ""
    """The command-line option that overrides the file, if there is one."""

    @property
    def title(self) -> str:
        """The name of the key in messages."""
        return title(self.section, self.name)


def title(section: str, name: str) -> str:
    """Return the name of a key in messages: ``[view] sort``, or ``interval`` outside all sections."""
    return f"[{section}] {name}" if section else name


_DAY_SECONDS = 86_400
_OPTIONS = Options()

INTERVAL = Setting(
    "",
    "interval",
    _OPTIONS.interval_seconds,
    number(INTERVAL_FLOOR_SECONDS, _DAY_SECONDS),
    "Interval between polls of the scheduler, in seconds.",
    "--interval",
)
SLURM_INTERVAL = Setting(
    "",
    "slurm_interval",
    _OPTIONS.slurm_interval_seconds,
    number(SLURM_INTERVAL_FLOOR_SECONDS, _DAY_SECONDS),
    "Interval between polls of SLURM, in seconds.",
    "--slurm-interval",
)
READ_ONLY = Setting(
    "", "read_only", _OPTIONS.read_only, switch, "Disable everything that changes the cluster.", "--read-only"
)
DRAIN = Setting(
    "",
    "drain",
    _OPTIONS.drain_seconds,
    number(0, _DAY_SECONDS),
    "How long to wait for running tasks of the jobs to release, in seconds.",
    "--drain",
)
THEME = Setting("", "theme", DEFAULT_PALETTE, one_of("theme", PALETTES), f"Colour theme: {', '.join(PALETTES)}.")

COLUMNS_SHOWN = Setting(
    "view",
    "columns",
    DEFAULT_COLUMNS,
    some_of("column", COLUMNS, RENAMED),
    f"Columns beside the tree, from left to right: any of {', '.join(COLUMNS)}.",
)
NO_SORT = "none"
SORT = Setting(
    "view",
    "sort",
    NO_SORT,
    one_of("column", (NO_SORT, "name", *COLUMNS), RENAMED),
    "Sort rows by a column or by name; none: running, pending, then ended jobs, each by id.",
)
REVERSE = Setting("view", "reverse", False, switch, "Reverse the sort order.")
FLAT = Setting("view", "flat", False, switch, "Start with a flat list of all workers, without jobs and tasks.")
FILTER = Setting(
    "view", "filter", "", text, "Start with this filter: text or a regular expression, as in the filter field."
)
DETAILS = Setting(
    "view", "details", True, switch, "Show the details of the selected row beside the tree, if there is room."
)
PANELS_SHOWN = Setting(
    "view",
    "panels",
    tuple(PANELS),
    some_of("panel", PANELS),
    f"Panels above the tree of a large screen: any of {', '.join(PANELS)}, or [] for none.",
)
ENLARGED = Setting(
    "view", "enlarged", False, switch, "Show only the tree and the first line of the header, as after the key enlarge."
)

KEYS_SECTION = "keys"
KEY_SETTINGS: dict[str, Setting[str]] = {
    key_id: Setting(KEYS_SECTION, key_id, written(key.keys), partial(read_keys, of=key_id), meaning(key_id))
    for key_id, key in KEYS.items()
}


def _threshold_settings() -> Iterator[Setting[Any]]:
    """Yield a setting for each threshold, from its description and bounds."""
    for field in msgspec.structs.fields(Thresholds):
        info = msgspec.inspect.type_info(field.type)
        assert isinstance(info, msgspec.inspect.Metadata)  # noqa: S101 - for the type checker
        meaning = (info.extra_json_schema or {})["description"]
        kind = info.type
        assert isinstance(kind, msgspec.inspect.FloatType | msgspec.inspect.IntType)  # noqa: S101 - for the type checker
        bounds = (kind.ge or 0, kind.le or 0)
        read = whole(*bounds) if isinstance(kind, msgspec.inspect.IntType) else number(*bounds)
        yield Setting("thresholds", field.name, field.default, read, meaning)


THRESHOLD_SETTINGS: tuple[Setting[Any], ...] = tuple(_threshold_settings())

SETTINGS: tuple[Setting[Any], ...] = (
    *(INTERVAL, SLURM_INTERVAL, READ_ONLY, DRAIN, THEME),
    *(COLUMNS_SHOWN, SORT, REVERSE, FLAT, FILTER, DETAILS, PANELS_SHOWN, ENLARGED),
    *KEY_SETTINGS.values(),
    *THRESHOLD_SETTINGS,
)
"""In the order in which they are printed, grouped by section."""

SECTIONS: Mapping[str, Mapping[str, Setting[Any]]] = {
    section: {setting.name: setting for setting in SETTINGS if setting.section == section}
    for section in dict.fromkeys(setting.section for setting in SETTINGS)
}
"""The settings by section and name. Keys outside all sections come first, under the empty string."""
