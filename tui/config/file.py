"""Where the configuration is, and reading it. Never writes it; see `remember`."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dasktop.collectors.system.folders import make_private, user_folder
from dasktop.collectors.system.regular_file import open_regular
from dasktop.collectors.text.clean import clean
from dasktop.tui.config.config import FILE_NAME, Config, config_from
from dasktop.tui.config.settings import Setting


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


_NEW_FILE = "# dasktop's configuration; `dasktop config` tells all that can stand here.\n"


def remember(path: Path, values: Mapping[Setting[Any], Any]) -> str | None:
    """Write these values into the file, or make it; return in one line why that could not be done, if it couldn't.

    The file is replaced as a whole, so nobody ever reads half of it. Of two that write at the very same moment, one
    may be lost.
    """
    if not values:
        return None
    file = Path(os.path.realpath(path))  # the file itself, where a link leads to it
    try:
        old = _content(file) if file.exists() else _NEW_FILE
        new = _rewritten(old, values)
        if new != old:
            _replace(file, new.encode())
    except OSError as error:
        return clean(f"what you changed of the view is not remembered: {path} can't be written: {error.strerror}")
    except ValueError as error:
        return clean(f"what you changed of the view is not remembered: {path} was changed meanwhile: {error}")
    return None


def _content(file: Path) -> str:
    with open_regular(file) as opened:
        return opened.read().decode()


def _rewritten(text: str, values: Mapping[Setting[Any], Any]) -> str:
    """Return the file's text with these values in it.

    Raises
    ------
    ValueError
        It is no TOML, or not what a configuration is like.
    """
    import tomllib  # only who changes something pays for these

    import tomlkit

    wanted = tomllib.loads(text)
    try:
        document = tomlkit.parse(text)
        for setting, value in values.items():
            for holder, empty in ((wanted, {}), (document, tomlkit.table())):
                section = holder.setdefault(setting.section, empty) if setting.section else holder
                section[setting.name] = list(value) if isinstance(value, tuple) else value
        text = tomlkit.dumps(document)
    except (tomlkit.exceptions.TOMLKitError, TypeError):  # a section that is none any more, say
        raise ValueError("it is no configuration any more") from None
    if tomllib.loads(text) != wanted:
        raise ValueError("it is written in a way that can't be kept")
    return text


def _replace(file: Path, content: bytes) -> None:
    """Put a new file in the place of one, or make the first, with the same rights."""
    make_private(file.parent)
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as new:
            new.write(content)
            new.flush()
            os.fsync(new.fileno())
        if file.exists():
            shutil.copymode(file, name)
        os.replace(name, file)  # noqa: PTH105 - mkstemp's is no Path
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise
