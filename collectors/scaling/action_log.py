"""The log of what was done to clusters: one JSON line for each beginning and each end. `past_actions` reads it.

It lies in the user's state directory: ``$XDG_STATE_HOME/dasktop/actions.log``, else below ``~/.local/state``.
"""

import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from dasktop.collectors.model.plan import Outcome, ScalePlan
from dasktop.collectors.system.folders import make_private, private_opener, user_folder


class ActionLog:
    """One action's lines.

    Parameters
    ----------
    environment
        Where ``XDG_STATE_HOME`` and ``HOME`` are looked up.
    who
        User, host and process.
    plan, address
        What, and to which scheduler.
    """

    def __init__(self, environment: Mapping[str, str], who: str, plan: ScalePlan, address: str) -> None:
        self._path = path(environment)
        self._line: dict[str, Any] = {
            "action": secrets.token_hex(4),
            "who": who,
            "scheduler": address,
            "scheduler_id": plan.scheduler_id,
            "target": plan.target,
            "submit": plan.submit,
            "release": [victim.job_id for victim in plan.release],
            "replace": [lost.job_id for lost in plan.replace],
            "adapt": plan.adapt,
            "plan": plan.identity,
            "stop_adapting": plan.stop_adapting,
        }
        self.trouble: str | None = None
        """Why nothing could be written; an action isn't stopped by that, and it is told at its end."""

    def begun(self) -> None:
        """Note that it begins."""
        self._write({"event": "begun"})

    def ended(self, outcome: Outcome) -> None:
        """Note how it ended."""
        self._write({"event": "done" if outcome.done else "not done", "outcome": outcome})

    def interrupted(self) -> None:
        """Note that it was broken off."""
        self._write({"event": "interrupted"})

    def _write(self, event: dict[str, Any]) -> None:
        self.trouble = _append(self._path, {"at": datetime.now(UTC), **event, **self._line}) or self.trouble


def note(environment: Mapping[str, str], event: dict[str, Any]) -> None:
    """Add a line about an earlier action, which ``action`` in it stands for."""
    action = msgspec.to_builtins(event["action"])
    _append(path(environment), {**action, **event, "action": action["action"], "at": datetime.now(UTC)})


def _append(file: Path, record: dict[str, Any]) -> str | None:
    """Add a line; return why that could not be done."""
    line = msgspec.json.encode(record) + b"\n"
    try:
        make_private(file.parent)
        # In one write at the end of the file, if that can be, so that two dasktops don't mix their lines.
        descriptor = private_opener(os.fspath(file), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            left = memoryview(line)
            while left:  # of a disk that is nearly full, the next try tells so
                left = left[os.write(descriptor, left) :]
        finally:
            os.close(descriptor)
    except OSError as error:
        return f"{file} can't be written: {error.strerror}"
    return None


def path(environment: Mapping[str, str]) -> Path:
    """Return where the log is."""
    return user_folder(environment, "XDG_STATE_HOME", ".local/state") / "actions.log"
