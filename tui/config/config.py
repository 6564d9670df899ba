"""Effective settings and their origin: the command line overrides the file, which overrides the defaults. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

from dasktop.collectors.model.thresholds import Thresholds
from dasktop.collectors.text.clean import clean
from dasktop.tui.config.keymap import conflicts, names_of
from dasktop.tui.config.settings import (
    KEY_SETTINGS,
    KEYS_SECTION,
    SECTIONS,
    SETTINGS,
    THRESHOLD_SETTINGS,
    Setting,
    title,
)
from dasktop.tui.config.values import WrongValueError, short, toml, value_text
from dasktop.tui.view.keys import Keymap

T = TypeVar("T")

FILE_NAME = "config.toml"
DEFAULT = "default"


@dataclass(frozen=True)
class Config:
    """The effective settings of one run."""

    path: str
    exists: bool = False
    """Whether the file exists."""
    in_file: Mapping[Setting[Any], Any] = field(default_factory=dict)
    given: Mapping[Setting[Any], Any] = field(default_factory=dict)
    """Set on the command line."""
    faults: tuple[str, ...] = ()
    """Errors in the file, one line each, with its path. A setting with an error has its default."""

    def __getitem__(self, setting: Setting[T]) -> T:
        """Return the effective value of a setting."""
        value: T = self.given.get(setting, self.in_file.get(setting, setting.default))
        return value

    def origin(self, setting: Setting[Any]) -> str:
        """Return where a value comes from: an option, the file's name, or ``default``."""
        if setting in self.given:
            return setting.option
        return FILE_NAME if setting in self.in_file else DEFAULT

    def with_options(self, options: Mapping[str, Any]) -> Self:
        """Return a copy with values from the command line, by setting name; ``None`` means not given."""
        given = {setting: options.get(setting.name) for setting in SETTINGS if setting.option}
        return replace(self, given={setting: value for setting, value in given.items() if value is not None})

    @property
    def thresholds(self) -> Thresholds:
        """The thresholds of findings."""
        return Thresholds(**{setting.name: self[setting] for setting in THRESHOLD_SETTINGS})

    @property
    def keymap(self) -> Keymap:
        """The keys that differ from the defaults, by key id, in Textual's names."""
        return {
            setting.name: names_of(self[setting])
            for setting in KEY_SETTINGS.values()
            if self[setting] != setting.default
        }


def config_from(document: Mapping[str, Any], path: str) -> Config:
    """Return the configuration in a parsed TOML document."""
    values: dict[Setting[Any], Any] = {}
    faults: list[str] = []
    for section, name, value in _entries(document):
        setting = SECTIONS.get(section, {}).get(name)
        if setting is None:
            faults.append(_unknown(section, name, value))
            continue
        try:
            values[setting] = setting.read(value)
        except WrongValueError as error:
            faults.append(f"{setting.title}: {error}")
    config = Config(path, True, values)
    conflicting = tuple(f"[{KEYS_SECTION}] {text}" for text in conflicts(config.keymap))
    if conflicting:
        without_keys = {setting: value for setting, value in values.items() if setting.section != KEYS_SECTION}
        config = replace(config, in_file=without_keys)
    return replace(config, faults=tuple(f"{clean(path)}: {fault}" for fault in (*faults, *conflicting)))


def _entries(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield section, name and value of each key. An unknown section is yielded as a key outside all sections."""
    for name, value in document.items():
        if name and name in SECTIONS and isinstance(value, dict):
            yield from ((name, inner, held) for inner, held in value.items())
        else:
            yield "", name, value


def _unknown(section: str, name: str, value: object) -> str:
    """Return the error for an unknown key, with the nearest known one."""
    from difflib import get_close_matches  # imported late: only needed for errors

    if not section and name in SECTIONS:
        return f"{title(section, name)}: must be a section, [{name}], not {value_text(value)}"
    if not section and isinstance(value, dict):
        known = [f"[{other}]" for other in SECTIONS if other]
        near = get_close_matches(f"[{name}]", known, 1)
        meant = f"did you mean {near[0]}?" if near else f"known sections: {', '.join(known)}"
        return f"[{short(name)}]: unknown section; {meant}"
    elsewhere = [setting.title for setting in SETTINGS if setting.name == name]
    near = elsewhere or [title(section, found) for found in get_close_matches(name, SECTIONS[section], 1)]
    meant = f"did you mean {near[0]}?" if near else "dasktop config lists all keys"
    return f"{title(section, short(name))}: unknown key; {meant}"


def document(config: Config) -> str:
    """Return all settings as TOML."""
    return "\n".join(_lines(config)) + "\n"


def _lines(config: Config) -> Iterator[str]:
    yield f"# {clean(config.path)}{'' if config.exists else ' (this file does not exist)'}"
    yield "# Effective settings and where each comes from. The output is a valid config file."
    for section, settings in SECTIONS.items():
        yield from ("", f"[{section}]") if section else ()
        meaning = ""
        for setting in settings.values():
            if setting.meaning != meaning:
                meaning = setting.meaning
                yield from ("", f"# {meaning}")
            yield f"{setting.name} = {toml(config[setting])}  # {config.origin(setting)}"
