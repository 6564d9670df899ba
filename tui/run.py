"""Starts the screen on a feed, and turns its end into the program's."""

import locale
import sys
from collections.abc import Mapping

from dasktop.collectors.options import Options
from dasktop.collectors.sampler import Sampler
from dasktop.tui.app import DasktopApp
from dasktop.tui.options import Refusal


def show(options: Options, environment: Mapping[str, str] | None = None) -> None:
    """Run the screen until the user leaves it.

    Raises
    ------
    Refusal
        There was nothing to show: no scheduler.
    SystemExit
        The screen itself failed; Textual has told how.
    """
    unicode = "utf" in locale.getpreferredencoding(do_setlocale=False).lower()
    app = DasktopApp(Sampler(options, environment), unicode=unicode)
    app.run()
    if app.failure is not None:
        raise Refusal(app.failure.message, app.failure.exit_status)
    if app.return_code:
        sys.exit(app.return_code)
