"""What tests and the demo are started in: nothing of the user's settings."""

import ast
import contextlib
import gc
import os
import subprocess
import sys
import warnings
from pathlib import Path

import dask
import pytest

from tests.support.isolated_environment import HOME_PREFIX, QUIET_DASK, isolated_environment

REPOSITORY = Path(__file__).parent.parent
SETTINGS = {
    "COLUMNS": "20",
    "DASKTOP_EMBEDDED_SLURM": "/elsewhere",
    "DASK_CONFIG": "/home/ada/dask",
    "DASK_SCHEDULER_ADDRESS": "tcp://10.1.2.3:8786",
    "LC_ALL": "de_DE",
    "SQUEUE_FORMAT": "%i",
    "TEXTUAL_THEME": "nord",
    "XDG_CONFIG_HOME": "/home/ada/.config",
    "XDG_STATE_HOME": "/home/ada/.state",
}
KEPT = {"CI": "true", "DASKTOP_REQUIRE_SLURM": "1", "PATH": "/bin", "PIP_INDEX_URL": "https://pypi.example/simple"}


def test_what_is_the_users_is_left_out_and_the_rest_kept(tmp_path: Path) -> None:
    ours = isolated_environment(SETTINGS | KEPT | {"HOME": "/home/ada", "PYTHONDONTWRITEBYTECODE": "1"}, tmp_path)
    assert KEPT.items() <= ours.items()
    assert not {(name, value) for name, value in ours.items() if SETTINGS.get(name) == value}
    per_user = ("HOME", "DASK_CONFIG", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "PIP_CACHE_DIR")
    assert all(Path(ours[name]).is_relative_to(tmp_path) for name in per_user[:-1])
    assert ours["PIP_CACHE_DIR"] == "/home/ada/.cache/pip"


def test_pips_configuration_is_found_all_the_same(tmp_path: Path) -> None:
    told = tmp_path / ".config" / "pip" / "pip.conf"
    told.parent.mkdir(parents=True)
    told.touch()
    assert isolated_environment({"HOME": str(tmp_path)}, tmp_path / "home")["PIP_CONFIG_FILE"] == str(told)
    assert isolated_environment({"HOME": str(tmp_path), "PIP_CONFIG_FILE": "/x"}, tmp_path)["PIP_CONFIG_FILE"] == "/x"


@pytest.mark.parametrize("random", ["8jin_x3_", "0if8jor_", "1e5and__"])
def test_dask_reads_no_number_from_the_name_of_a_home(random: str) -> None:
    ours = isolated_environment({}, Path(f"/tmp/{HOME_PREFIX}{random}"))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for name in (name for name in ours if name.startswith("DASK_")):
            with contextlib.suppress(SyntaxError, ValueError):  # dask takes it as text then
                ast.literal_eval(ours[name])
    assert not warned


def test_these_tests_run_in_such_an_environment() -> None:
    assert QUIET_DASK.items() <= os.environ.items()
    assert dask.config.get("distributed.worker.profile.enabled") is False
    assert "DASK_SCHEDULER_ADDRESS" not in os.environ
    assert not Path.home().joinpath(".config", "dasktop").exists()


def test_pythons_that_tests_start_collect_less_garbage() -> None:
    program = "import gc; print(gc.get_threshold()[0])"
    assert int(subprocess.check_output([sys.executable, "-c", program], text=True)) > gc.get_threshold()[0]


@pytest.mark.parametrize("target", ["demo", "test"])
def test_make_says_what_it_installs_and_installs_no_more(target: str, tmp_path: Path) -> None:
    says = subprocess.run(
        ["make", "--dry-run", target, f"VENV={tmp_path}"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
    assert says.count("echo ") == 1
    [installs] = [line for line in says.splitlines() if "pip install" in line]
    assert installs.endswith({"demo": "--editable .", "test": "--editable '.[test]'"}[target])


def test_make_demo_reads_nothing_of_the_users(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "dasktop"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nenv\n")
    program.chmod(0o755)
    (tmp_path / ".to-run").touch()
    printed = subprocess.run(
        ["make", "--silent", "--old-file=pyproject.toml", "demo", f"VENV={tmp_path}", f"CURDIR={tmp_path}"],
        cwd=REPOSITORY,
        env=os.environ | SETTINGS,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    found = dict(line.split("=", 1) for line in printed if "=" in line)
    assert not [name for name in found if name.startswith(("DASK", "TEXTUAL", "XDG"))]
    assert found["HOME"].startswith(str(tmp_path))
