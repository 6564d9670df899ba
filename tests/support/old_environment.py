"""Virtual environments with older versions of our dependencies, created once and kept in the environment of the tests.

If pip cannot create one, tests that need it fail in CI and are skipped elsewhere.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

INSTALL_SECONDS = 900
ENVIRONMENTS = Path(sys.prefix) / "old-environments"


def old_environment(*wanted: str) -> Path:
    """Return the Python of an environment with these requirements, such as ``click==8.1``.

    Calls with the same requirements return the same environment.
    """
    key = hashlib.sha256(repr((sys.version, *wanted)).encode()).hexdigest()[:12]
    folder = ENVIRONMENTS / key
    complete = folder / "whole"
    ENVIRONMENTS.mkdir(exist_ok=True)
    with (ENVIRONMENTS / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=False)
            _install(folder, *wanted)
            complete.touch()
    return folder / "bin" / "python"


def with_package(python: Path, folder: Path, source: Path) -> Path:
    """Create an environment that extends another one by a package, and return its Python."""
    venv.create(folder, with_pip=False)
    _site_packages(folder).joinpath("with_package.pth").write_text(f"{_site_packages(python.parent.parent)}\n")
    _install(folder, "--no-deps", str(source))
    return folder / "bin" / "python"


def _site_packages(environment: Path) -> Path:
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(environment), "platbase": str(environment)}))


def _install(environment: Path, *wanted: str) -> None:
    # The pip of the tests saves the time to install one.
    pip = [sys.executable, "-m", "pip", f"--python={environment}", "install", "--quiet", "--disable-pip-version-check"]
    try:
        subprocess.run(
            [*pip, *wanted],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=INSTALL_SECONDS,
            check=True,
        )
    except subprocess.SubprocessError as error:
        reason = f"pip cannot install {' '.join(wanted)}: {error}: {str(getattr(error, 'stdout', ''))[-500:]}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
