"""Environments with older versions of what we stand on, made once and kept beside the tests' own packages.

Where pip can't make one, tests that need it fail in CI, and are left out elsewhere.
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
KEPT = Path(sys.prefix) / "old-environments"


def old_environment(*wanted: str) -> Path:
    """Return the Python of an environment that has what is wanted, by pip's words: ``click==8.1``.

    What it has is known by the versions, so whoever wants the same gets the same one.
    """
    key = hashlib.sha256(repr((sys.version, *wanted)).encode()).hexdigest()[:12]
    folder = KEPT / key
    whole = folder / "whole"
    KEPT.mkdir(exist_ok=True)
    with (KEPT / f"{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=False)
            _install(folder, *wanted)
            whole.touch()
    return folder / "bin" / "python"


def with_package(python: Path, folder: Path, source: Path) -> Path:
    """Make an environment in a folder that has all of another and a package that is installed there only."""
    venv.create(folder, with_pip=False)
    _site_packages(folder).joinpath("with_package.pth").write_text(f"{_site_packages(python.parent.parent)}\n")
    _install(folder, "--no-deps", str(source))
    return folder / "bin" / "python"


def _site_packages(environment: Path) -> Path:
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(environment), "platbase": str(environment)}))


def _install(environment: Path, *wanted: str) -> None:
    # The tests' own pip saves the time to install one.
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
        reason = f"pip can't install {' '.join(wanted)}: {error}: {str(getattr(error, 'stdout', ''))[-500:]}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
