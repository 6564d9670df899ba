"""Environments with older versions of what we stand on.

Where pip can't make one, tests that need it fail in CI, and are left out elsewhere.
"""

import os
import subprocess
import venv
from pathlib import Path

import pytest

INSTALL_SECONDS = 300


def old_environment(folder: Path, *wanted: str) -> Path:
    """Make an environment that has what is wanted, by pip's words, and return its Python."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    with (folder / "pip.log").open("w+") as log:
        try:
            subprocess.run([*pip, *wanted], check=True, stdout=log, stderr=log, timeout=INSTALL_SECONDS)
        except subprocess.SubprocessError as error:
            log.seek(0)
            reason = f"pip can't install {' '.join(wanted)}: {error}: {log.read()[-500:]}"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
    return python
