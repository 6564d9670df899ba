"""pytest-xdist runs the tests of the real SLURM of all files on one worker."""

import os
import re
import subprocess
import sys

from tests.slurm.cluster import REPOSITORY

ONE_OF_EACH = """
import os, pytest

@pytest.mark.slurm
def test_slurm():
    print("slurm on", os.environ["PYTEST_XDIST_WORKER"])

def test_other():
    print("other on", os.environ["PYTEST_XDIST_WORKER"])
"""


def test_slurm_tests_run_on_one_worker(tmp_path):
    for name in "abcd":
        (tmp_path / f"test_{name}.py").write_text(ONE_OF_EACH)
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-rP", "--numprocesses=2", "--dist=loadfile"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--rootdir={tmp_path}", "-c", os.devnull, tmp_path],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ran = re.findall(r"(slurm|other) on (gw\d)", done.stdout)
    assert len(ran) == 8
    assert len({worker for kind, worker in ran if kind == "slurm"}) == 1
    assert len({worker for _, worker in ran}) == 2, "the other files are distributed"
