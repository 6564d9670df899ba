"""``--record``, ``--redact`` and ``dasktop replay`` as users run them."""

import gzip
import json
import os
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from dasktop.collectors.model.snapshot import from_json
from dasktop.collectors.recording.reader import Recording
from dasktop.collectors.recording.recorder import write_all
from tests.support.dask_processes import Scheduler
from tests.support.dasktop_program import PATIENT, dasktop, one_line
from tests.support.recordings import busy_snapshots
from tests.support.slurm_output import until
from tests.support.snapshots import everyday
from tests.support.terminal import Terminal
from tests.support.waiting import PATIENCE_SECONDS

PROGRAM = PATIENT


@pytest.fixture(scope="module")
def scheduler():
    with Scheduler() as running:
        yield running.address


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("recorded") / "recorded.gz"
    write_all(str(path), [*busy_snapshots(jobs=2, count=60), everyday()], redact=False)
    return path


def read(path: Path):
    recording = Recording(str(path))
    for _ in recording.scan():
        pass
    return list(recording.snapshots())


@pytest.mark.parametrize(
    "command", [["snapshot"], ["snapshot", "--watch", "1"], [], ["scale", "--jobs", "1"], ["demo"]], ids=" ".join
)
def test_an_existing_recording_is_refused_first(command, tmp_path):
    path = tmp_path / "there"
    path.write_text("precious")
    result = dasktop(*command, "--record", str(path))
    assert result.returncode == 2
    assert f"{path} already exists" in one_line(result.stderr)
    assert path.read_text() == "precious"


def test_redact_needs_record():
    result = dasktop("snapshot", "--redact")
    assert result.returncode == 2
    assert "--record FILE" in one_line(result.stderr)


def test_a_missing_folder_is_reported(tmp_path):
    result = dasktop("snapshot", "--record", str(tmp_path / "none" / "file"))
    assert result.returncode == 2
    assert "no such directory" in one_line(result.stderr)


@pytest.mark.parametrize("name", ["one", "one.gz"])
def test_a_printed_snapshot_is_recorded(scheduler, tmp_path, name):
    result = dasktop("snapshot", scheduler, "--no-slurm", "--record", str(tmp_path / name))
    assert (result.returncode, result.stderr) == (0, "")
    assert read(tmp_path / name) == [from_json(result.stdout)]


def test_watch_records_all_that_it_prints(scheduler, tmp_path):
    path = tmp_path / "watched.gz"
    process = subprocess.Popen(
        [*PROGRAM, "snapshot", scheduler, "--no-slurm", "--watch", "0.5", "--record", str(path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    printed = [from_json(process.stdout.readline()) for _ in range(4)]
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=PATIENCE_SECONDS)
    printed += [from_json(line) for line in rest.splitlines()]
    assert process.returncode == 0
    assert read(path) == printed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("in_background", [False, True])
def test_sigterm_and_sighup_complete_the_recording(scheduler, tmp_path, number, in_background):
    def start_as_a_shell_does() -> None:
        signal.signal(number, signal.SIG_DFL)  # the tests may run under nohup
        if in_background:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    path = tmp_path / "watched.gz"
    process = subprocess.Popen(
        [*PROGRAM, "snapshot", scheduler, "--no-slurm", "--watch", "0.5", "--record", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=start_as_a_shell_does,
    )
    assert process.stdout is not None
    printed = [from_json(process.stdout.readline()) for _ in range(4)]
    process.send_signal(number)
    rest, complaints = process.communicate(timeout=PATIENCE_SECONDS)
    printed += [from_json(line) for line in rest.splitlines()]
    assert (process.returncode, complaints) == (128 + number, "")
    gzip.decompress(path.read_bytes())  # fails if the end is missing
    assert read(path) == printed


def test_a_hangup_that_is_ignored_stays_ignored(scheduler, tmp_path):
    """``nohup`` starts programs like this."""
    path = tmp_path / "watched.gz"
    process = subprocess.Popen(
        [*PROGRAM, "snapshot", scheduler, "--no-slurm", "--watch", "0.5", "--record", str(path)],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    assert all(process.stdout.readline() for _ in range(4))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 128 + signal.SIGTERM


def test_no_scheduler_leaves_no_recording(tmp_path):
    result = dasktop("snapshot", "tcp://127.0.0.1:1", "--no-slurm", "--record", str(tmp_path / "file"))
    assert result.returncode == 3
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_does_not_stop_printing(scheduler, tmp_path):
    """A file size limit simulates a full disk."""
    path = tmp_path / "file"
    watch = f"{shlex.join(PROGRAM)} snapshot {scheduler} --no-slurm --watch 0.5 --record {path}"
    script = f"trap '' XFSZ; ulimit -f 2; exec {watch}"
    process = subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for _ in range(14):
        from_json(process.stdout.readline())
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0
    assert one_line(complaints) == f"dasktop: cannot write {path}: File too large"
    assert 1 <= len(read(path)) < 14


def test_without_a_terminal_the_last_snapshot_is_printed(recorded):
    result = dasktop("replay", str(recorded))
    assert (result.returncode, result.stderr) == (0, "")
    assert "4709" in result.stdout
    assert "jupyter" not in result.stdout or "other" in result.stdout


def test_a_truncated_recording_is_printed_with_a_remark(recorded, tmp_path):
    plain = tmp_path / "plain"
    assert dasktop("replay", str(recorded), "--record", str(plain)).returncode == 0
    plain.write_bytes(plain.read_bytes()[:-10])
    result = dasktop("replay", str(plain))
    assert result.returncode == 0
    assert "4000" in result.stdout
    assert f"{plain}: truncated in its last line" in one_line(result.stderr)


def test_an_edited_recording_is_printed_with_a_remark(recorded, tmp_path):
    plain = tmp_path / "plain"
    assert dasktop("replay", str(recorded), "--record", str(plain)).returncode == 0
    lines = plain.read_bytes().split(b"\n")
    lines[20] = lines[20][:100] + b'"' + lines[20][100:]
    plain.write_bytes(b"\n".join(lines))
    result = dasktop("replay", str(plain))
    assert result.returncode == 0
    assert "4709" in result.stdout
    assert f"{plain}: 1 line skipped, the first: line 21: " in one_line(result.stderr)


def test_a_newer_recording_is_printed_with_a_remark(recorded, tmp_path):
    plain = tmp_path / "plain"
    assert dasktop("replay", str(recorded), "--record", str(plain)).returncode == 0
    head, *others = plain.read_bytes().split(b"\n")
    newer = json.dumps(json.loads(head) | {"recording": 7, "program": "dasktop 9.0"}).encode()
    plain.write_bytes(b"\n".join([newer, *others]))
    result = dasktop("replay", str(plain))
    assert result.returncode == 0
    assert "4709" in result.stdout
    assert f"{plain}: written by a newer dasktop" in one_line(result.stderr)


@pytest.mark.parametrize("content", ["", "hello\n", "{}\n", None])
def test_a_foreign_file_is_reported(content, tmp_path):
    path = tmp_path / "foreign"
    if content is not None:
        path.write_text(content)
    result = dasktop("replay", str(path))
    assert (result.returncode, result.stdout) == (2, "")
    assert str(path) in one_line(result.stderr)


def test_an_existing_recording_can_be_redacted(recorded, tmp_path):
    path = tmp_path / "redacted.gz"
    assert dasktop("replay", str(recorded), "--record", str(path), "--redact").returncode == 0
    before, after = read(recorded), read(path)
    assert [shown.totals for shown in after] == [shown.totals for shown in before]
    replayed_text = json.dumps([repr(shown) for shown in after])
    for secret in (
        "'ada'",
        "physics",
        "laptop",
        "login1",
        "n012",
        "cluster.example",
        "jupyter",
        "10.1.2.3",
        "inc-8a7f",
    ):
        assert secret not in replayed_text


def test_replay_shows_a_screen_on_a_terminal(recorded, tmp_path):
    damaged = tmp_path / "damaged"
    dasktop("replay", str(recorded), "--record", str(damaged))
    damaged.write_bytes(damaged.read_bytes() + b"rubbish\n")
    with Terminal([*PROGRAM, "replay", str(damaged)], tmp_path, os.environ | {"TZ": "UTC"}) as terminal:
        terminal.wait_for("replay of 2025-11-22 12:0")
        terminal.wait_for("1 line skipped")
        terminal.press("p")
        terminal.wait_for("paused")
        terminal.press("}")
        terminal.wait_for("61/61")
        terminal.wait_for("4709")
        terminal.press("{")
        terminal.wait_for(" 1/61")
        terminal.press("?")
        terminal.wait_for("forward 10 seconds")
        terminal.press("q")
        terminal.press("q")
        assert terminal.wait_for_end() == 0
        # Printed again after the screen has closed.
        terminal.wait_for(lambda screen: "1 line skipped" in screen and "replay of" not in screen)


def test_a_screen_can_be_recorded(scheduler, tmp_path):
    path = tmp_path / "screen.gz"
    with Terminal([*PROGRAM, scheduler, "--no-slurm", "--record", str(path)], tmp_path, os.environ) as terminal:
        terminal.wait_for(scheduler)
        until(lambda: len(read(path)) if path.exists() else 0, lambda count: count >= 3)
        terminal.press("q")
        assert terminal.wait_for_end() == 0
    snapshots = read(path)
    assert len(snapshots) >= 3
    assert snapshots[-1].cluster.scheduler_address == scheduler
