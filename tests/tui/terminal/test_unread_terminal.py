"""If a reader such as ``| head`` ends early, the program ends quietly."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dasktop.collectors.recording.recorder import write_all
from tests.support.dask_processes import Scheduler
from tests.support.snapshots import everyday
from tests.support.waiting import PATIENCE_SECONDS

PROGRAM = [sys.executable, "-m", "dasktop.tui"]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "run.ndjson"
    write_all(str(path), [everyday()], redact=False)
    return path


@pytest.fixture(scope="module")
def scheduler():
    with Scheduler() as running:
        yield running.address


def run_unread(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program with a stdout whose reader has already ended."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return subprocess.run(
            [*PROGRAM, *arguments],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    finally:
        os.close(writer)


@pytest.mark.parametrize(
    "command",
    [
        ["report", "FILE"],
        ["report", "FILE", "--json"],
        ["replay", "FILE"],
        ["schema"],
        ["schema", "--report"],
        ["config"],
    ],
    ids=" ".join,
)
def test_file_commands_end_on_closed_output(command, recorded):
    result = run_unread(*(str(recorded) if word == "FILE" else word for word in command))
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    "command",
    [["snapshot"], ["snapshot", "--text"], ["snapshot", "--watch", "0.5"], ["report"], []],
    ids=" ".join,
)
def test_cluster_commands_end_on_closed_output(command, scheduler):
    result = run_unread(*command, scheduler, "--no-slurm")
    assert (result.returncode, result.stderr) == (0, "")


def test_reason_for_missing_output_is_printed():
    result = run_unread("snapshot", "tcp://127.0.0.1:9", "--no-slurm")
    assert result.returncode == 3
    assert "no scheduler at" in result.stderr


def test_report_can_be_piped_to_head(recorded):
    script = f"set -o pipefail; {' '.join(PROGRAM)} report {recorded} | head -1"
    result = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert len(result.stdout.splitlines()) == 1
