"""What holds, printed: each value with what it means and where it comes from, as a file that can be used. Pure."""

from collections.abc import Iterator

from dasktop.collectors.text.clean import clean
from dasktop.tui.config.config import Config
from dasktop.tui.config.settings import SECTIONS
from dasktop.tui.config.values import toml


def document(config: Config) -> str:
    """Return all settings as TOML."""
    return "\n".join(_lines(config)) + "\n"


def _lines(config: Config) -> Iterator[str]:
    yield f"# {clean(config.path)}{'' if config.is_there else ' (there is no such file)'}"
    yield "# What holds now, and where each value comes from; can be such a file itself."
    for section, settings in SECTIONS.items():
        yield from ("", f"[{section}]") if section else ()
        meaning = ""
        for setting in settings.values():
            if setting.meaning != meaning:
                meaning = setting.meaning
                yield from ("", f"# {meaning}")
            yield f"{setting.name} = {toml(config[setting])}  # {config.origin(setting)}"
