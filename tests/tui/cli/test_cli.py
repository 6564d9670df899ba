"""The command line: errors are reported in one line, with the pinned exit status, and soon."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import jsonschema
import psutil
import pytest
from click.testing import CliRunner

from dasktop.collectors.model.feed import Candidate
from dasktop.collectors.model.options import Options
from dasktop.collectors.runtime.poller import Poller
from dasktop.collectors.system import event_loop
from dasktop.collectors.system.user import is_known, own_name
from dasktop.tui.cli import snapshot as headless
from dasktop.tui.cli.main import command
from tests.support.dask_processes import Scheduler
from tests.support.dasktop_program import dasktop, dasktop_program, one_line
from tests.support.slurm_output import until
from tests.support.terminal import Terminal
from tests.support.tls import make_certificates
from tests.support.waiting import PATIENCE_SECONDS


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["snapshto"], "snapshto is not a scheduler's address, such as tcp://HOST:8786"),
        (["snapshot", "tcp://host:99999"], "tcp://host:99999"),
        (["snapshot", "tcp://host"], "tcp://host"),
        (["snapshot", "http://host:8787"], "is a web address, perhaps of the dashboard"),
        (["snapshot", "--watch", "0"], "--watch"),
        (["snapshot", "--watch", "soon"], "soon"),
        (["snapshot", "--watch", "nan"], "must be a number from 0.5 to 86400, not nan"),
        (["snapshot", "--watch", "inf"], "--watch"),
        (["--slurm-interval", "1"], "--slurm-interval"),
        (["--nosuch"], "--nosuch"),
        (["snapshot", "tcp://a:1", "--scheduler-file", "f"], "--scheduler-file"),
        (["snapshot", "tcp://a:1", "--tls-cert", "f"], "--tls-key"),
        (["snapshot", "tcp://a:1", "tcp://b:1"], "tcp://b:1"),
    ],
)
def test_wrong_usage_exits_with_2(arguments, names):
    result = dasktop(*arguments)
    assert result.returncode == 2
    assert names in one_line(result.stderr)
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["snapshto"], "it is not a command either; did you mean snapshot? (see dasktop --help)"),
        (["nothing-like-it"], "it is not a command either (see"),
        (["snapshot", "scael"], "it is not a command either (see"),
        (["--no-slrum"], "no such option: --no-slrum; did you mean --no-slurm? (see dasktop --help)"),
        (["snapshot", "--treads"], "no such option: --treads; did you mean --threads? (see dasktop snapshot --help)"),
        (["--nosuch"], "no such option: --nosuch"),
        (["scale", "--adapt", "4:2"], "--adapt: the minimum, 4, exceeds the maximum, 2"),
        (["snapshot", "--user", "nobody-like-it"], "--user nobody-like-it: no such user on this host"),
    ],
)
def test_the_nearest_name_is_suggested(arguments, message):
    result = CliRunner().invoke(command, arguments, prog_name="dasktop")
    assert result.exit_code == 2
    assert message in one_line(result.stderr)


@pytest.fixture
def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener.getsockname()[1]


def test_closed_port_is_reported(free_port):
    result = dasktop("snapshot", f"tcp://127.0.0.1:{free_port}", "--no-slurm")
    assert result.returncode == 3
    assert f"tcp://127.0.0.1:{free_port}" in one_line(result.stderr)


@pytest.mark.parametrize(
    "greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"\xff" * 64]
)
def test_port_of_another_program_is_reported(greeting):
    """One that sends nothing, and three that send something else."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        connections = []

        def answer():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connection.sendall(greeting)
                connections.append(connection)

        threading.Thread(target=answer, daemon=True).start()
        port = listener.getsockname()[1]
        result = dasktop("snapshot", f"tcp://127.0.0.1:{port}", "--no-slurm")
        listener.shutdown(socket.SHUT_RDWR)
    for connection in connections:
        connection.close()
    assert result.returncode == 3
    assert f"tcp://127.0.0.1:{port}" in one_line(result.stderr)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"address": 5}', '{"id": "x"}', "\x00\xff"])
def test_an_invalid_scheduler_file_is_reported(tmp_path, content):
    file = tmp_path / "scheduler.json"
    file.write_text(content)
    result = dasktop("snapshot", "--scheduler-file", str(file), "--no-slurm")
    assert result.returncode == 3
    assert str(file) in one_line(result.stderr)


def test_a_missing_scheduler_file_is_reported(tmp_path):
    result = dasktop_program("snapshot", "--scheduler-file", str(tmp_path / "none.json"), "--no-slurm")
    assert result.returncode == 3
    assert "none.json" in one_line(result.stderr)


def test_missing_scheduler_exits_with_3(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("dasktop.collectors.sources.discover.hints_from_processes", lambda _: iter(()))
    result = CliRunner().invoke(command, ["snapshot"])
    assert result.exit_code == 3
    assert "no dask scheduler found" in one_line(result.stderr)
    assert "dasktop tcp://HOST:PORT" in result.stderr


def test_several_schedulers_are_listed_one_per_line(monkeypatch):
    found = (
        Candidate(
            address="tcp://10.1.2.3:41525",
            origin="script of job 7",
            scheduler_id="a",
            workers=24,
            jobs=6,
            about="era5-regrid",
        ),
        Candidate(
            address="tcp://10.1.2.4:8786",
            origin="process 812",
            scheduler_id="b",
            workers=1,
            about="notebook in\n~/an\x1b[1malysis",
        ),
    )

    async def locate(self):
        return found

    monkeypatch.setattr(Poller, "locate", locate)
    result = CliRunner().invoke(command, ["snapshot", "--no-slurm"], prog_name="dasktop")
    assert (result.exit_code, result.stdout) == (3, "")
    heading, first, second = result.stderr.splitlines()
    assert heading == "dasktop: 2 schedulers found; name one, for example: dasktop snapshot tcp://10.1.2.3:41525"
    assert re.split(r" {2,}", first.strip()) == [
        *("tcp://10.1.2.3:41525", "24 workers", "6 jobs", "era5-regrid", "script of job 7")
    ]
    assert re.split(r" {2,}", second.strip())[:2] == ["tcp://10.1.2.4:8786", "1 worker"]
    assert second.isprintable()


def test_an_unverifiable_user_is_accepted(monkeypatch):
    """A user database that lacks the current user proves nothing; SLURM accepts numbers too."""
    assert is_known(own_name()) is not False
    assert is_known("nobody-like-it") is False
    assert is_known("4711") is None
    monkeypatch.setattr("dasktop.collectors.system.user.own_name", lambda: "1000")
    assert is_known("nobody-like-it") is None


@pytest.mark.parametrize("command", ["failures", "report"])
def test_help_lists_no_options_without_a_use(command):
    """They are accepted, as before."""
    text = dasktop(command, "--help").stdout
    assert "--no-slurm" in text
    assert not [name for name in ("--record", "--redact", "--interval", "--read-only") if name in text]
    assert "there is no file x" in dasktop(command, "--read-only", "x").stderr


def test_schema_is_a_json_schema():
    result = dasktop("schema")
    assert result.returncode == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(result.stdout))


def test_version_and_help_are_printed():
    assert dasktop_program("--version").stdout.startswith("dasktop ")
    help_text = dasktop("--help").stdout
    for word in ("snapshot", "demo", "schema", "Exit status"):
        assert word in help_text


def test_dask_top_is_the_same_program():
    result = subprocess.run(
        [sys.executable, "-m", "dask", "top", "--version"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "dasktop" in result.stdout


@pytest.fixture(scope="module")
def scheduler():
    with Scheduler() as running:
        yield running.address


def test_tls_only_at_the_client_is_reported(scheduler, tmp_path):
    files = make_certificates(tmp_path, "ours")
    tls = ["--tls-ca-file", files.ca_file, "--tls-cert", files.cert, "--tls-key", files.key]
    address = scheduler.replace("tcp://", "tls://")
    result = dasktop("snapshot", address, *tls, "--no-slurm")
    assert result.returncode == 3
    assert address in one_line(result.stderr)


def test_tls_only_at_the_scheduler_is_reported(tmp_path):
    files = make_certificates(tmp_path, "theirs")
    tls = ["--tls-ca-file", files.ca_file, "--tls-cert", files.cert, "--tls-key", files.key]
    with Scheduler("--protocol", "tls", *tls) as running:
        plain = dasktop("snapshot", running.address.replace("tls://", "tcp://"), "--no-slurm")
        bare = dasktop("snapshot", running.address, "--no-slurm")
        both = dasktop_program("snapshot", running.address, *tls, "--no-slurm")
    for refused in (plain, bare):
        assert refused.returncode == 3
        assert "tls" in one_line(refused.stderr).lower()
    assert (both.returncode, both.stderr) == (0, "")


@pytest.mark.parametrize("size", [(80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_q_quits_while_slurm_and_dask_hang(scheduler_process, tmp_path, size):
    """``q`` is pressed while neither squeue nor the scheduler answers."""
    hanging = ["sleep", f"3600.{os.getpid()}"]  # a unique command line
    fake_program(tmp_path, "squeue", f"exec {' '.join(hanging)}")
    path = f"{tmp_path}:{os.environ['PATH']}"
    command = [sys.executable, "-m", "dasktop.tui", scheduler_process.address]
    with Terminal(command, tmp_path, os.environ | {"PATH": path}, *size) as terminal:
        terminal.wait_for("workers")
        os.kill(scheduler_process.pid, signal.SIGSTOP)
        try:
            terminal.wait_for("dask stale")
            terminal.press("q")
            assert terminal.wait_for_end() == 0  # before the hanging processes end
        finally:
            os.kill(scheduler_process.pid, signal.SIGCONT)
    # The hanging squeue is killed too.
    until(lambda: [one.info["cmdline"] for one in psutil.process_iter(["cmdline"])], lambda left: hanging not in left)


@pytest.fixture
def scheduler_process():
    with Scheduler() as running:
        yield running


def fake_program(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


class TestSqueueFails:
    """The dask half is still shown, and one line reports what is missing."""

    @pytest.mark.parametrize(
        ("script", "message"),
        [
            (None, "squeue is not on PATH"),
            ("exec sleep 3600", "squeue"),
            ("head -c 100000 /dev/urandom", "squeue"),
            ("echo 'squeue: error: Unable to contact slurm controller' >&2; exit 1", "Unable to contact"),
        ],
        ids=["missing", "hanging", "rubbish", "refusing"],
    )
    def test_snapshot_reports_failing_squeue(self, scheduler, tmp_path, script, message):
        if script is not None:
            fake_program(tmp_path, "squeue", script)
        result = dasktop("snapshot", scheduler, path=f"{tmp_path}:/usr/bin:/bin" if script else str(tmp_path))
        assert result.returncode == 0, result.stderr
        assert message in one_line(result.stderr)
        sources = {source["name"]: source for source in json.loads(result.stdout)["sources"]}
        assert sources["dask"]["state"] == "ok"
        assert sources["slurm.queue"]["state"] == ("off" if script is None else "error")
        assert message in sources["slurm.queue"]["error"]

    def test_hanging_slurm_does_not_make_dask_stale(self, scheduler, tmp_path, monkeypatch):
        """However long SLURM takes: here, any age counts as stale."""
        monkeypatch.setattr("dasktop.collectors.runtime.poller.STALE_AFTER_INTERVALS", 1e-9)
        fake_program(tmp_path, "squeue", "exec sleep 3600")
        options = Options(address=scheduler, slurm_timeout_seconds=0.2)
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
        snapshot = event_loop.run(headless.take_snapshot(options, environment=environment))
        states = {source.name: source.state for source in snapshot.sources}
        assert (states["dask"], states["slurm.queue"]) == ("ok", "error")

    def test_fail_on_works_while_squeue_fails(self, scheduler, tmp_path):
        """An unreachable SLURM must not pass as healthy."""
        complaint = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
        fake_program(tmp_path, "squeue", f"echo '{complaint}' >&2; exit 1")
        arguments = ("snapshot", scheduler, "--fail-on")
        result = dasktop(*arguments, "warning", path=f"{tmp_path}:/usr/bin:/bin")
        assert result.returncode == 4
        assert "warning: SLURM's queue does not answer" in result.stderr
        assert [finding["code"] for finding in json.loads(result.stdout)["findings"]] == ["source-stale"]
        assert dasktop(*arguments, "error", path=f"{tmp_path}:/usr/bin:/bin").returncode == 0
        assert dasktop(*arguments, "warning", "--no-slurm", path=f"{tmp_path}:/usr/bin:/bin").returncode == 0
        # On a machine without SLURM, nothing is missing.
        assert dasktop(*arguments, "warning", path=str(tmp_path / "nothing")).returncode == 0

    def test_no_slurm_queries_and_reports_nothing(self, scheduler, tmp_path):
        fake_program(tmp_path, "squeue", f"touch {tmp_path}/was-asked")
        result = dasktop("snapshot", scheduler, "--no-slurm", path=f"{tmp_path}:/usr/bin:/bin")
        assert (result.returncode, result.stderr) == (0, "")
        assert not (tmp_path / "was-asked").exists()
        assert json.loads(result.stdout)["totals"]["jobs_running"] is None
