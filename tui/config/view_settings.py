"""The view settings: taken from the configuration at the start, compared with it at the end. Pure."""

from typing import Any, NamedTuple, cast

from dasktop.tui.config.config import Config
from dasktop.tui.config.settings import (
    COLUMNS_SHOWN,
    DETAILS,
    ENLARGED,
    FILTER,
    FLAT,
    NO_SORT,
    PANELS_SHOWN,
    REVERSE,
    SORT,
    THEME,
    Setting,
)
from dasktop.tui.draw.palettes import DEFAULT_PALETTE
from dasktop.tui.view.columns import SortName
from dasktop.tui.view.filtering import View
from dasktop.tui.view.panels import PANELS, PanelName


class ViewSettings(NamedTuple):
    """The view settings of the screen."""

    view: View = View()
    theme: str = DEFAULT_PALETTE
    shows_details: bool = True
    """Whether the details of the selected row are shown beside the tree, if there is room."""
    panels: tuple[PanelName, ...] = tuple(PANELS)
    """The panels above the tree, if there is room."""
    is_enlarged: bool = False
    """Whether only the tree is shown."""


DEFAULT = ViewSettings()


def view_settings_from(config: Config) -> ViewSettings:
    """Return the view settings of a configuration."""
    view = View(
        columns=config[COLUMNS_SHOWN],
        sort=None if config[SORT] == NO_SORT else cast("SortName", config[SORT]),
        is_reversed=config[REVERSE],
        pattern=config[FILTER],
        is_flat=config[FLAT],
    )
    return ViewSettings(view, config[THEME], config[DETAILS], config[PANELS_SHOWN], config[ENLARGED])


def changes(before: ViewSettings, after: ViewSettings) -> dict[Setting[Any], Any]:
    """Return the settings that the user has changed and that are saved, with their new values.

    The filter, the sort order and the flat list are not saved: they are meant for the current cluster.
    """
    old, new = _settings(before), _settings(after)
    return {setting: value for setting, value in new.items() if value != old[setting]}


def _settings(looks: ViewSettings) -> dict[Setting[Any], Any]:
    view = looks.view
    values: dict[Setting[Any], Any] = {
        COLUMNS_SHOWN: view.columns,
        DETAILS: looks.shows_details,
        PANELS_SHOWN: looks.panels,
        ENLARGED: looks.is_enlarged,
        THEME: looks.theme,
    }
    return {setting: setting.read(value) for setting, value in values.items()}


def without_filter(looks: ViewSettings) -> ViewSettings:
    """Return a copy without the filter, for another cluster."""
    return looks._replace(view=looks.view._replace(pattern=""))
