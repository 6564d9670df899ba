"""Printing to a full disk, to closed streams, and in limited locales."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dasktop.collectors.recording.recorder import write_all
from dasktop.tui.cli import snapshot as headless
from dasktop.tui.cli.main import command as command_line
from dasktop.tui.cli.options import Refusal
from tests.support.dasktop_program import DASKTOP as PROGRAM
from tests.support.snapshots import job, snapshot
from tests.support.waiting import PATIENCE_SECONDS

NAME = "日本 é"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "run.ndjson"
    write_all(str(path), [snapshot([job("7", name=NAME)])], redact=False)
    return path


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "command", [["schema"], ["config"], ["replay", "FILE"], ["report", "FILE"], ["report", "FILE", "--json"]]
)
def test_a_full_disk_is_reported_in_one_line(command, recorded):
    words = [str(recorded) if word == "FILE" else word for word in command]
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [*PROGRAM, *words], stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_SECONDS, check=False
        )
    assert (result.returncode, result.stderr) == (
        5,
        "dasktop: cannot write the output: No space left on device\n",
    )


@pytest.mark.parametrize(
    ("command", "status"), [(["snapshot", "tcp://127.0.0.1:9", "--no-slurm"], 3), (["snapshot", "--no-such"], 2)]
)
def test_the_exit_status_survives_a_closed_stderr(command, status):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        ended = subprocess.run(
            [*PROGRAM, *command], stdout=writer, stderr=writer, timeout=PATIENCE_SECONDS, check=False
        )
    finally:
        os.close(writer)
    assert ended.returncode == status


def test_json_is_utf_8_in_any_locale(recorded):
    result = subprocess.run(
        [*PROGRAM, "report", str(recorded), "--json"],
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert NAME in json.dumps(json.loads(result.stdout.decode("utf-8")), ensure_ascii=False)


def test_a_snapshot_is_utf_8_in_any_locale(recorded):
    program = (
        "from dasktop.collectors.recording.reader import Recording; from dasktop.tui.cli.snapshot import print_one\n"
        f"opened = Recording({str(recorded)!r}); [*opened.scan()]; print_one(opened.snapshot(0), as_text=False)"
    )
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    printed = subprocess.check_output([sys.executable, "-c", program], env=environment, timeout=PATIENCE_SECONDS)
    assert json.loads(printed.decode("utf-8"))["jobs"][0]["name"] == NAME


STDOUT_NOT_WRITABLE = "cannot write the output: stdout is closed or not writable"


@pytest.mark.parametrize(
    "command",
    [
        ["schema"],
        ["schema", "--report"],
        ["config"],
        ["--help"],
        ["--version"],
        ["scale", "--help"],
        ["snapshot", "tcp://10.1.0.7:8786"],
        ["snapshot", "tcp://10.1.0.7:8786", "--text"],
        ["replay", "FILE"],
        ["report", "FILE"],
        ["report", "FILE", "--json"],
    ],
    ids=" ".join,
)
def test_a_closed_stdout_is_reported_in_one_line(command, recorded, monkeypatch):
    async def take(*_, **__):
        return snapshot()

    monkeypatch.setattr(headless, "take_snapshot", take)
    monkeypatch.setattr(sys, "stdout", None)  # as Python does if it is closed
    words = [str(recorded) if word == "FILE" else word for word in command]
    with pytest.raises(Refusal) as refused:
        command_line.main(words, standalone_mode=False)
    assert (refused.value.exit_code, refused.value.format_message()) == (5, STDOUT_NOT_WRITABLE)
    os.close(sys.stdout.fileno())


@pytest.mark.parametrize("redirection", [">&-", "1</dev/null", "<&- >&- 2>&-"])
def test_the_program_exits_cleanly_with_closed_streams(redirection):
    command = f"exec {' '.join(PROGRAM)} schema {redirection}"
    ended = subprocess.run(
        ["sh", "-c", command], stderr=subprocess.PIPE, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert (ended.returncode, ended.stderr) == (5, "" if "2>" in redirection else f"dasktop: {STDOUT_NOT_WRITABLE}\n")


def test_a_new_file_never_gets_a_standard_descriptor():
    script = """
import os
from dasktop.tui.cli.output import open_closed_streams
open_closed_streams()
os._exit(0 if os.open(os.devnull, os.O_RDONLY) > 2 else 1)
"""
    subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" <&- >&- 2>&-', sys.executable, script], timeout=PATIENCE_SECONDS, check=True
    )
