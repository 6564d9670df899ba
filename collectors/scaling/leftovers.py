"""Actions that an earlier dasktop left in the middle: finds them in the log, says what became of them, and notes it."""

import socket
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import psutil

from dasktop.collectors.model.snapshot import Snapshot
from dasktop.collectors.scaling.action_log import note
from dasktop.collectors.scaling.past_actions import Action, became, became_words, read, unfinished

ELSEWHERE = timedelta(hours=24)
"""Whether a process of another host still runs can't be seen from here; after so long it is taken to have ended."""


def settle(environment: Mapping[str, str], snapshot: Snapshot) -> tuple[str, ...]:
    """Note in the log what became of what was left in the middle; return the same in words, for people.

    Reads and writes a file, so not for an event loop.
    """
    told = []
    for action in unfinished(read(environment)):
        if _may_be_under_way(action, datetime.now(UTC)):
            continue
        found = became(action, snapshot)
        words = became_words(action, found, snapshot)
        note(environment, {"event": "left in the middle", "found": found, "message": words, "action": action})
        told.append(words)
    return tuple(told)


def _may_be_under_way(action: Action, now: datetime) -> bool:
    if action.host != socket.gethostname() or action.pid is None:
        return now - action.at < ELSEWHERE
    try:
        # One that began later than the action has only got the same number.
        return psutil.Process(action.pid).create_time() <= action.at.timestamp()
    except psutil.Error:
        return False
