"""The SLURM of the tests leaves no process and no file, however it ends, and does not affect another SLURM."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from tests.slurm.cluster import REPOSITORY, RealSlurm
from tests.slurm.missing import missing_programs, skip_or_fail
from tests.slurm.processes import StartError
from tests.support.slurm_output import until
from tests.support.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.slurm

# A job that is hard to end: one process ignores SIGTERM, one leaves the session and clears its environment.
STUBBORN = """\
trap '' TERM
setsid env -i sleep 600 &
while :; do sleep 600; done
"""


@pytest.fixture(autouse=True)
def _programs() -> None:
    skip_or_fail(missing_programs(), os.environ)


@pytest.fixture
def temporary(monkeypatch):
    """Return an empty folder; all files of the SLURM must be in it."""
    with tempfile.TemporaryDirectory(prefix="t-") as folder:  # pytest's tmp_path is too long for the path of a socket
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


@pytest.fixture
def slurm_in_a_shell(temporary):
    """Start ``python -m tests.slurm``; return the process once SLURM is up, and the file to source."""
    sourced = temporary.with_suffix(".env")
    with sourced.open("w") as lines:
        started = subprocess.Popen(
            [sys.executable, "-m", "tests.slurm", "--nodes=1"],
            cwd=REPOSITORY,
            env=os.environ | {"SQUEUE_FORMAT": "inherited"},
            stdin=subprocess.PIPE,
            stdout=lines,
            stderr=subprocess.PIPE,
            text=True,
        )
    message = started.stderr.readline()
    assert "SLURM is up" in message, message + started.stderr.read()
    yield started, sourced
    started.stdin.close()
    started.stderr.close()
    started.wait(timeout=PATIENCE_SECONDS)
    sourced.unlink()


def processes_in(folder: Path) -> list[psutil.Process]:
    """Return the processes that run in a folder, or have its path in their arguments or environment."""
    return [process for process in psutil.process_iter() if _refers_to(process, str(folder))]


def _refers_to(process: psutil.Process, folder: str) -> bool:
    try:
        return folder in process.cwd() or folder in " ".join([*process.cmdline(), *process.environ().values()])
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False  # it ended, or belongs to another user


def process_names_in(folder: Path) -> set[str]:
    names = set()
    for process in processes_in(folder):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
            names.add(process.name())
    return names


def wait_until_gone(folder: Path) -> None:
    def left() -> list[object]:
        return [*processes_in(folder), *folder.iterdir()]

    wait_until(lambda: not left(), left, every=0.2)


def test_stopping_ends_all_processes_of_this_slurm_only(real_slurm, temporary):
    real_slurm.cancel_all()
    with RealSlurm(nodes=1) as slurm:
        assert slurm.folder.parent == temporary
        job_id = slurm.submit(STUBBORN)
        slurm.wait_for(job_id, "RUNNING")
        assert slurm.queued() == [job_id]
        assert real_slurm.queued() == []
        until(lambda: process_names_in(temporary), lambda names: "sleep" in names)
    assert processes_in(temporary) == []
    assert list(temporary.iterdir()) == []
    assert real_slurm.run("sinfo", "--noheader", "--partition=debug", "--format=%D %T") == "4 idle\n"


def test_failing_daemon_is_quoted_and_nothing_is_left(tmp_path, temporary, monkeypatch):
    failing = tmp_path / "slurmdbd"
    failing.write_text("#!/bin/sh\necho no such luck\nexit 7\n")
    failing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(StartError, match=r"slurmdbd ended with status 7 before .*\n.*\nno such luck"):
        RealSlurm(nodes=1).start()
    assert processes_in(temporary) == []
    assert list(temporary.iterdir()) == []


def test_stop_may_be_called_repeatedly():
    slurm = RealSlurm()
    slurm.stop()
    slurm.stop()
    with pytest.raises(RuntimeError, match="not up"):
        _ = slurm.environment


def test_sourced_lines_select_this_slurm(slurm_in_a_shell, temporary):
    started, sourced = slurm_in_a_shell
    commands = f". {sourced}; sinfo --noheader --format='%P %D'; echo left: $SQUEUE_FORMAT"
    inherited = os.environ | {"SQUEUE_FORMAT": "inherited", "SLURM_CONF": "/nowhere"}
    printed = subprocess.check_output(["sh", "-c", commands], env=inherited, text=True)
    assert printed.splitlines() == ["debug* 1", "short 1", "urgent 1", "left:"]
    started.stdin.close()
    assert started.wait(timeout=PATIENCE_SECONDS) == 0
    wait_until_gone(temporary)


@pytest.mark.parametrize(("end", "status"), [(signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)])
def test_signals_to_its_parent_end_everything(slurm_in_a_shell, temporary, end, status):
    started, _ = slurm_in_a_shell
    started.send_signal(end)
    assert started.wait(timeout=PATIENCE_SECONDS) == status
    wait_until_gone(temporary)
