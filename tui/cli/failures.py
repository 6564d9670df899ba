"""``dasktop failures``: the failed tasks and ended workers of a cluster or a recording. Never imports textual."""

import contextlib
import itertools
import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from dasktop.collectors.analysis.failures import FailureCollector
from dasktop.collectors.model.errors import RecordingError
from dasktop.collectors.recording.reader import Recording
from dasktop.tui.cli import snapshot as headless
from dasktop.tui.cli.exit_status import USAGE
from dasktop.tui.cli.options import Refusal
from dasktop.tui.cli.output import print_json
from dasktop.tui.cli.recording import print_message, recording_path
from dasktop.tui.view.failures import failure_paragraphs
from dasktop.tui.view.worker_ends import worker_end_paragraphs

_NOTHING: frozenset[str] = frozenset()
_FIELDS = dict.fromkeys(("jobs", "tasks", "workers", "threads"), _NOTHING)
"""Nothing of the tree is read."""


def failures(source: str | None, common: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the failed tasks, and the workers that ended unexpectedly.

    Parameters
    ----------
    source
        A recording's file or a scheduler's address; ``None`` to find the scheduler.
    common
        The options of the commands that watch a cluster.
    as_json
        Print a line of JSON instead of text.

    Raises
    ------
    Refusal
        The recording cannot be read, there is no scheduler, or failures are unknown.
    """
    path = recording_path(source, common)
    found, taken_at = _of_cluster(source, common) if path is None else _of_recording(path)
    if as_json:
        listed = found.failures if found.is_known else None
        ends = found.ends if found.ends_are_known else None
        print_json(msgspec.json.encode({"taken_at": taken_at, "failures": listed, "worker_ends": ends}))
    else:
        failed = failure_paragraphs(found.failures if found.is_known else None, taken_at)
        paragraphs = itertools.chain(failed, worker_end_paragraphs(found.ends))
        texts = ("\n".join(" " * line.indent + line.text for line in paragraph) for paragraph in paragraphs)
        sys.stdout.write("\n\n".join(texts) + "\n")


def _of_recording(path: str) -> tuple[FailureCollector, datetime]:
    try:
        opened = Recording(path)
        with contextlib.closing(opened):
            found, taken_at = _read(opened)
    except RecordingError as error:
        raise Refusal(str(error), USAGE) from None
    if opened.remark is not None:
        print_message(opened.remark)
    return found, taken_at


def _read(opened: Recording) -> tuple[FailureCollector, datetime]:
    for _ in opened.scan():
        pass
    found, taken_at = FailureCollector(), None
    for snapshot in opened.snapshots(fields=_FIELDS):
        found.add(snapshot)
        taken_at = snapshot.taken_at
    if taken_at is None:
        raise RecordingError(opened.remark or f"{opened.path} contains no snapshot")
    return found, taken_at


def _of_cluster(source: str | None, common: Mapping[str, Any]) -> tuple[FailureCollector, datetime]:
    snapshot = headless.snapshot_of(source, common)
    found = FailureCollector()
    found.add(snapshot)
    return found, snapshot.taken_at
