"""dasktop with the oldest version of each library that pyproject.toml allows."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from dasktop.collectors.recording.recorder import write_all
from tests.support.old_environment import old_environment, with_package
from tests.support.snapshots import everyday
from tests.support.terminal import Terminal
from tests.support.waiting import PATIENCE_SECONDS

REPOSITORY = Path(__file__).parents[2]
PARTS = ("pyproject.toml", "README.md", "LICENSE", "collectors", "tui")


def oldest(requirement: str) -> str:
    """Return ``click==8.1`` for ``click>=8.1``; each requirement has only a lower bound."""
    bound = re.fullmatch(r"([\w-]+)>=([\d.]+)", requirement)
    assert bound is not None, requirement
    return f"{bound[1]}=={bound[2]}"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("source")  # the build leaves files there
    for part in PARTS:
        copy = shutil.copytree if (REPOSITORY / part).is_dir() else shutil.copy
        copy(REPOSITORY / part, source / part)
    required = tomllib.loads((source / "pyproject.toml").read_text())["project"]["dependencies"]
    return with_package(old_environment(*map(oldest, required)), tmp_path_factory.mktemp("oldest"), source)


@pytest.fixture
def dasktop(python: Path) -> str:
    return str(python.parent / "dasktop")


def test_snapshot_of_the_demo(dasktop: str) -> None:
    """The demo uses dask-jobqueue, distributed, the embedded SLURM and the modules sent to dask."""
    shown = subprocess.run(
        [dasktop, "demo", "--snapshot"],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    snapshot = json.loads(shown.stdout)
    assert snapshot["totals"]["workers"] > 0
    assert {source["state"] for source in snapshot["sources"]} <= {"ok", "off"}
    assert {evidence for job in snapshot["jobs"] for evidence in job["evidence"]} >= {"owner", "environment"}


@pytest.mark.parametrize("wrong", [("--interval", "soon"), ("fo:o",), ("snapshot", "--watch", "never")], ids=" ".join)
def test_invalid_arguments_are_reported_in_a_line(dasktop: str, wrong: tuple[str, ...]) -> None:
    result = subprocess.run([dasktop, *wrong], capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1


def test_screen_and_its_pages(dasktop: str, tmp_path: Path) -> None:
    recording = tmp_path / "everyday.ndjson"
    write_all(str(recording), [everyday()], redact=False)
    environment = os.environ | {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    with Terminal([dasktop, "replay", str(recording)], tmp_path, environment) as terminal:
        terminal.wait_for(lambda screen: "4712" in screen and "1/1" in screen and screen.endswith("q quit"))
        for key, shows in (
            ("?", "q close"),
            ("F", "─ findings ─"),
            ("c", "─ columns (left"),
            ("C-p", "compare what the job requested"),
        ):
            terminal.press(key)
            terminal.wait_for(shows)
            terminal.press("Escape")
            terminal.wait_for(lambda screen, page=shows: page not in screen and screen.endswith("q quit"))
        terminal.press("q")
        assert terminal.wait_for_end() == 0
