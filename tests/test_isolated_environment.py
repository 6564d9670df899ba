"""Tests and ``make demo`` run without the settings of the user."""

import ast
import contextlib
import gc
import os
import subprocess
import sys
import warnings
from pathlib import Path

import dask
import distributed  # noqa: F401 - its defaults are added to those of dask
import pytest
import yaml

from tests.support.isolated_environment import FORKSERVER, HOME_PREFIX, QUIET_DASK, isolated_environment

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


def test_only_settings_of_the_user_are_removed(tmp_path: Path) -> None:
    isolated = isolated_environment(SETTINGS | KEPT | {"HOME": "/home/ada", "PYTHONDONTWRITEBYTECODE": "1"}, tmp_path)
    assert KEPT.items() <= isolated.items()
    assert not {(name, value) for name, value in isolated.items() if SETTINGS.get(name) == value}
    per_user = ("HOME", "DASK_CONFIG", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "PIP_CACHE_DIR")
    assert all(Path(isolated[name]).is_relative_to(tmp_path) for name in per_user[:-1])
    assert isolated["PIP_CACHE_DIR"] == "/home/ada/.cache/pip"


def test_pip_finds_its_configuration(tmp_path: Path) -> None:
    configuration = tmp_path / ".config" / "pip" / "pip.conf"
    configuration.parent.mkdir(parents=True)
    configuration.touch()
    assert isolated_environment({"HOME": str(tmp_path)}, tmp_path / "home")["PIP_CONFIG_FILE"] == str(configuration)
    assert isolated_environment({"HOME": str(tmp_path), "PIP_CONFIG_FILE": "/x"}, tmp_path)["PIP_CONFIG_FILE"] == "/x"


@pytest.mark.parametrize("random", ["8jin_x3_", "0if8jor_", "1e5and__"])
def test_name_of_home_is_no_number_for_dask(random: str) -> None:
    isolated = isolated_environment({}, Path(f"/tmp/{HOME_PREFIX}{random}"))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for name in (name for name in isolated if name.startswith("DASK_")):
            with contextlib.suppress(SyntaxError, ValueError):  # dask then keeps the text
                ast.literal_eval(isolated[name])
    assert not warned


def test_tests_run_in_an_isolated_environment() -> None:
    assert QUIET_DASK.items() <= os.environ.items()
    assert dask.config.get("distributed.worker.profile.enabled") is False
    assert "DASK_SCHEDULER_ADDRESS" not in os.environ
    assert not Path.home().joinpath(".config", "dasktop").exists()


def test_python_processes_collect_less_garbage() -> None:
    program = "import gc; print(gc.get_threshold()[0])"
    assert int(subprocess.check_output([sys.executable, "-c", program], text=True)) > gc.get_threshold()[0]


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML has no loader written in C here")
def test_python_processes_read_the_same_defaults_of_dask_with_a_loader_written_in_c() -> None:
    read = "import json, dask, distributed; print(json.dumps(dask.config.defaults))"
    quickly = ["-c", f"import yaml; yaml.SafeLoader = None; {read}"]
    as_usual = ["-I", "-c", read]
    assert subprocess.check_output([sys.executable, *quickly]) == subprocess.check_output([sys.executable, *as_usual])


def test_nannies_fork_the_server_of_their_workers_before_all_else() -> None:
    worker = ["-m", "dask", "worker", "tcp://127.0.0.1:8786"]
    program = f"""
import os, sys, worker_server
from multiprocessing import get_context
if __name__ == "__main__":
    print(worker_server.is_wanted({worker}), worker_server.is_wanted({[*worker, "--no-nanny"]}))
    worker_server.start()
    with get_context("forkserver").Pool(1) as pool:
        print(pool.apply(eval, ("__import__('sys').orig_argv",)) == sys.orig_argv)
"""
    printed = subprocess.check_output([sys.executable, "-c", program], env=os.environ | FORKSERVER, text=True)
    assert printed == "True False\nTrue\n"


@pytest.mark.parametrize("target", ["demo", "test"])
def test_make_announces_and_installs_only_requirements(target: str, tmp_path: Path) -> None:
    output = subprocess.run(
        ["make", "--dry-run", target, f"VENV={tmp_path}"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
    assert output.count("echo ") == 1
    [installs] = [line for line in output.splitlines() if "pip install" in line]
    assert installs.endswith({"demo": "--editable .", "test": "--editable '.[test]'"}[target])


def test_make_demo_ignores_settings_of_the_user(tmp_path: Path) -> None:
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
