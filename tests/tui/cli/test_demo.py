"""The demo: a real cluster on the embedded SLURM, of which nothing is left afterwards."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import psutil
import pytest

from dasktop.collectors.model import snapshot as model
from dasktop.collectors.recording.reader import Recording
from dasktop.tui.cli import demo, screen
from dasktop.tui.config import file
from dasktop.tui.config.view_settings import ViewSettings
from dasktop.tui.view.plain import plain_tree
from tests.support import snapshots
from tests.support.dasktop_program import dasktop
from tests.support.terminal import Terminal
from tests.support.waiting import PATIENCE_SECONDS, wait_until

DEMO = [sys.executable, "-m", "dasktop.tui", "demo"]
ONE_JOB = """
from dasktop.tui.cli import demo_cluster
demo_cluster.JOBS = demo_cluster.RUNNING = 1
demo_cluster.FAIL_ONCE = "true"
demo_cluster.main()
"""
WITH_ONE_JOB = [
    *(sys.executable, "-c"),
    "import sys; from dasktop.tui.cli import demo, main; "
    f"demo.CLUSTER_COMMAND = (sys.executable, '-c', {ONE_JOB!r}); main.main()",
    "demo",
]
"""The demo with one dask-jobqueue job, for tests that need no more."""
LOST = re.compile(r"! job \d is lost")
"""Any of the jobs may be the first to run the failing line."""


@pytest.fixture
def environment(tmp_path):
    """Return an environment that keeps all files in one folder and marks all processes; check that no file is left."""
    short = Path(tempfile.mkdtemp(prefix="d-"))  # a socket's path must be short
    yield os.environ | {"TMPDIR": str(short), "DASKTOP_TEST_MARK": str(short)}
    assert list(short.iterdir()) == [], "files are left"
    short.rmdir()


def marked(environment) -> list[psutil.Process]:
    """Return the processes started by the demo, also orphans."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it has ended, or belongs to another user
            if (
                process.environ().get("DASKTOP_TEST_MARK") == environment["DASKTOP_TEST_MARK"]
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(process)
    return found


def is_the_demo(process: psutil.Process) -> bool:
    try:
        return process.cmdline()[-1:] == ["demo"]
    except psutil.Error:  # a short-lived process, such as squeue
        return False


def busy_threads(screen: str) -> dict[str, int]:
    """Return the number of busy threads of each job, from a screen with the flat list."""
    busy: Counter[str] = Counter()
    for job_id, threads in re.findall(r"▸ (\d+) SLURMCluster-\d+-\d .* (\d)/2", screen):
        busy[job_id] += int(threads)
    return busy


def wait_until_nothing_is_left(environment) -> None:
    def left() -> list[object]:
        return [*marked(environment), *Path(environment["TMPDIR"]).iterdir()]

    wait_until(lambda: not left(), left)


def test_demo_prints_a_snapshot(environment, tmp_path, tmp_path_factory):
    recorded = tmp_path_factory.mktemp("recorded") / "demo.gz"
    command = [*DEMO, "--snapshot", "--record", str(recorded)]
    result = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE_SECONDS
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert not marked(environment), "processes are left"
    assert list(tmp_path.iterdir()) == []

    jsonschema.validate(json.loads(result.stdout), model.json_schema(), cls=jsonschema.Draft202012Validator)
    snapshot = model.from_json(result.stdout)
    at_work = [job for job in snapshot.jobs if job.state == "RUNNING" and job.tasks]
    assert len(at_work) >= 2
    for job in at_work:
        workers = [worker for task in job.tasks for worker in task.workers]
        assert len(workers) == job.workers_expected
        assert {worker.evidence for worker in workers} <= {"owner", "environment"}
        assert job.allocated.cpus is not None
    assert [job.reason for job in snapshot.jobs if job.state == "PENDING"] == ["Resources"]
    [failed] = [job for job in snapshot.jobs if job.fate]
    assert failed.state == "FAILED"
    assert "ModuleNotFoundError: No module named 'regional_model'" in failed.fate.explanation
    assert snapshot.unplaced_workers == ()
    text = plain_tree(snapshot)
    assert "3 of 4 jobs · 6 workers" in text
    assert text.count("▸ SLURMCluster-") == 6

    recording = Recording(str(recorded))
    assert [*recording.scan()][-1] >= 1
    assert recording.snapshot(len(recording.entries) - 1) == snapshot
    recording.close()


def test_without_a_terminal_it_prints_the_tree(tmp_path, monkeypatch):
    """Uses a fake cluster; the test above starts the real one."""
    shown = snapshots.snapshot([snapshots.busy_job("4709", 0)])

    async def wait_for_workers(*_: object) -> model.Snapshot:
        return shown

    slurm = SimpleNamespace(environment={}, work=tmp_path)
    monkeypatch.setattr(demo, "_slurm", lambda: contextlib.nullcontext(slurm))
    monkeypatch.setattr(demo, "_cluster", lambda *_: contextlib.nullcontext("tcp://127.0.0.1:1"))
    monkeypatch.setattr(demo, "_wait_for_workers", wait_for_workers)
    assert dasktop("demo") == (0, plain_tree(shown) + "\n", "")


def test_demo_uses_and_saves_no_view_settings(tmp_path, monkeypatch):
    """Uses a fake cluster and feed, and runs no screen."""
    path = tmp_path / "config.toml"
    path.write_text('theme = "dark"\n[view]\nfilter = "4711"\nsort = "cpu"\nflat = true\n')
    shown = []
    slurm = SimpleNamespace(environment={}, work=tmp_path)
    monkeypatch.setattr(demo, "_slurm", lambda: contextlib.nullcontext(slurm))
    monkeypatch.setattr(demo, "_cluster", lambda *_: contextlib.nullcontext("tcp://127.0.0.1:1"))
    monkeypatch.setattr(demo, "can_show_screen", lambda: True)
    monkeypatch.setattr(
        screen, "Sampler", lambda *_: SimpleNamespace(begin=lambda: None, attach=None, request_log=None)
    )
    monkeypatch.setattr(screen, "_run", lambda app, config: shown.append((app.first_looks, config)))
    demo.run(file.load(path), as_snapshot=False)
    assert shown == [(ViewSettings(theme="dark"), None)]


def test_demo_shows_the_typical_problems(environment, tmp_path):
    """The log line of a failed job, a worker near its limit, a pending job's reason, and an idle job."""
    with Terminal(DEMO, tmp_path, environment, 120, 40, forked=False) as terminal:
        terminal.wait_for("PENDING")
        terminal.wait_for("6 workers")
        terminal.wait_for(lambda screen: LOST.search(screen))  # then it is the last row
        terminal.press("g", "Down", "Down", "Right")
        terminal.wait_for("Dask-0")
        terminal.resize(80, 24)
        terminal.wait_for(lambda screen: len(screen.splitlines()) <= 24 and "Dask-0" in screen)
        terminal.press("g", "N", "T")
        terminal.wait_for("ModuleNotFoundError: No module named 'regional_model'")
        terminal.press("q", "/", *"finding:paused", "Enter")
        terminal.wait_for(lambda screen: re.search(r"paused .* 9[0-4]% ", screen))
        terminal.press("Escape", "/", *"state:pending", "Enter")
        terminal.wait_for(lambda screen: "Resources" in screen and "RUNNING" not in screen)
        terminal.press("Enter")
        terminal.wait_for("waits for")
        terminal.press("Escape")
        terminal.wait_for("JOB")
        terminal.press("Escape")
        terminal.wait_for("RUNNING")
        terminal.press("w")
        terminal.wait_for(lambda screen: list(busy_threads(screen).values()).count(0) == 1)
        terminal.press("q")
        assert terminal.wait_for_end() == 0
    wait_until_nothing_is_left(environment)


@pytest.mark.parametrize("end", ["C-c", signal.SIGTERM, signal.SIGHUP, signal.SIGKILL], ids=str)
def test_no_process_or_file_is_left(environment, tmp_path, end):
    # A killed demo cannot clean up itself; so this case uses all jobs.
    command = DEMO if end == signal.SIGKILL else WITH_ONE_JOB
    with Terminal(command, tmp_path, environment, forked=False) as terminal:
        # A worker that is killed while it starts leaves a folder of multiprocessing behind.
        terminal.wait_for("6 workers" if end == signal.SIGKILL else "SLURMCluster-")
        if isinstance(end, str):
            terminal.press(end)
        else:
            (demo,) = filter(is_the_demo, marked(environment))
            demo.send_signal(end)
        terminal.wait_for_end()
    wait_until_nothing_is_left(environment)
