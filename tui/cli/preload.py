"""Imports what the first drawing of the screen does not need, some seconds after it: no key has to wait for that.

It also makes a screen that is open for days independent of an update of the installation meanwhile.
"""

import contextlib
import pkgutil
import threading
from importlib import import_module

PACKAGES = ("dialogs", "draw", "logs", "scaling", "tree", "view", "widgets")
_DELAY_SECONDS = 5.0


def import_later() -> None:
    """Import the rest of the screen in a thread, when the first data of dask are probably shown."""
    timer = threading.Timer(_DELAY_SECONDS, import_all)
    timer.daemon = True
    timer.start()


def import_all() -> None:
    """Import all modules of the screen. What cannot be imported is reported when it is opened."""
    for package in PACKAGES:
        folder = import_module(f"dasktop.tui.{package}")
        for module in pkgutil.iter_modules(folder.__path__):
            with contextlib.suppress(ImportError):
                import_module(f"{folder.__name__}.{module.name}")
