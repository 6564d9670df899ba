"""The configuration file: its path, reading it, and `remember`, which writes changed settings. Does no validation."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dasktop.collectors.system.files import make_private, open_regular, user_folder
from dasktop.collectors.text.clean import clean
from dasktop.tui.config.config import FILE_NAME, Config, config_from
from dasktop.tui.config.settings import Setting


def path(environment: Mapping[str, str]) -> Path:
    """Return the path of the file, which may not exist: in ``$XDG_CONFIG_HOME``, else in ``~/.config``."""
    return user_folder(environment, "XDG_CONFIG_HOME", ".config") / FILE_NAME


def load(path: Path) -> Config:
    """Return the configuration in the file, with its errors in `Config.faults`."""
    try:
        document = _read(path)
    except (FileNotFoundError, NotADirectoryError):
        return Config(str(path))
    except UnicodeDecodeError:
        fault = "is not UTF-8"
    except OSError as error:
        fault = f"cannot be read: {error.strerror}"
    except (ValueError, RecursionError) as error:
        fault = f"is not valid TOML: {error}"
    else:
        return config_from(document, str(path))
    return Config(str(path), True, faults=(clean(f"{path} {fault}"),))


def _read(path: Path) -> dict[str, Any]:
    with open_regular(path) as file:
        text = file.read().decode()
    import tomllib  # imported late: only needed if there is a file

    return tomllib.loads(text)


_NEW_FILE = "# Configuration of dasktop; `dasktop config` lists all settings.\n"


def remember(path: Path, values: Mapping[Setting[Any], Any]) -> str | None:
    """Write these values into the file, creating it if needed; return an error in one line, or ``None``.

    The file is replaced atomically, so readers never see a part of it. If two processes write at the same moment, one
    change may be lost.
    """
    if not values:
        return None
    file = Path(os.path.realpath(path))  # follow a symbolic link
    try:
        old = _content(file) if file.exists() else _NEW_FILE
        new = _rewritten(old, values)
        if new != old:
            _replace(file, new.encode())
    except OSError as error:
        return clean(f"view settings not saved: {path} cannot be written: {error.strerror}")
    except ValueError as error:
        return clean(f"view settings not saved: {path} was changed by another program: {error}")
    return None


def _content(file: Path) -> str:
    with open_regular(file) as opened:
        return opened.read().decode()


def _rewritten(text: str, values: Mapping[Setting[Any], Any]) -> str:
    """Return the file's text with these values set.

    Raises
    ------
    ValueError
        The text is not valid TOML, or a section of the configuration is not a table in it.
    """
    import tomllib  # imported late: only needed to write

    import tomlkit

    wanted = tomllib.loads(text)
    try:
        document = tomlkit.parse(text)
        for setting, value in values.items():
            for holder, empty in ((wanted, {}), (document, tomlkit.table())):
                section = holder.setdefault(setting.section, empty) if setting.section else holder
                section[setting.name] = list(value) if isinstance(value, tuple) else value
        text = tomlkit.dumps(document)
    except (tomlkit.exceptions.TOMLKitError, TypeError):  # for example, a section that is no longer a table
        raise ValueError("it is no longer a valid configuration") from None
    if tomllib.loads(text) != wanted:
        raise ValueError("its TOML style cannot be preserved")
    return text


def _replace(file: Path, content: bytes) -> None:
    """Create the file or replace it atomically, keeping its mode."""
    make_private(file.parent)
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as new:
            new.write(content)
            new.flush()
            os.fsync(new.fileno())
        if file.exists():
            shutil.copymode(file, name)
        os.replace(name, file)  # noqa: PTH105 - mkstemp returns a str
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise
