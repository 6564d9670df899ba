"""Where the configuration is, and reading it. Never writes it; see `remember`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dasktop.collectors.system.folders import user_folder
from dasktop.collectors.system.regular_file import open_regular
from dasktop.collectors.text.clean import clean
from dasktop.tui.config.config import FILE_NAME, Config, config_from


def path(environment: Mapping[str, str]) -> Path:
    """Return where the file is, if there is one: below ``$XDG_CONFIG_HOME``, else below ``~/.config``."""
    return user_folder(environment, "XDG_CONFIG_HOME", ".config") / FILE_NAME


def load(path: Path) -> Config:
    """Return what the file says; what is wrong with it stands in `Config.faults`."""
    try:
        document = _read(path)
    except (FileNotFoundError, NotADirectoryError):
        return Config(str(path))
    except UnicodeDecodeError:
        fault = "is not UTF-8"
    except OSError as error:
        fault = f"can't be read: {error.strerror}"
    except (ValueError, RecursionError) as error:
        fault = f"is no TOML: {error}"
    else:
        return config_from(document, str(path))
    return Config(str(path), True, faults=(clean(f"{path} {fault}"),))


def _read(path: Path) -> dict[str, Any]:
    with open_regular(path) as file:
        text = file.read().decode()
    import tomllib  # only who has a file pays for it

    return tomllib.loads(text)
