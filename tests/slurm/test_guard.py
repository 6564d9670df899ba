"""No test reaches the site's SLURM by accident, and with ``--site-slurm`` only what was submitted is cancelled."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.slurm.cluster import REPOSITORY
from tests.slurm.missing import leave_out_or_fail
from tests.slurm.site import SiteSlurm

A_LOGIN_NODES_ENVIRONMENT = {"SLURM_CONF": "/etc/slurm/slurm.conf", "SLURM_JOB_ID": "4711", "SQUEUE_FORMAT": "%i"}

LOOKS_AROUND = """
import os

def test_around():
    print({name: value for name, value in os.environ.items() if name.startswith(("SLURM", "SQUEUE"))})
"""

USES_THE_SITES_SLURM = """
def test_site(real_slurm):
    job_id = real_slurm.submit("sleep 600")
    real_slurm.wait_for(job_id, "RUNNING")
    print("work", real_slurm.work)
"""


PROGRAMS_ARE_MISSING = """
import tests.conftest
tests.conftest.missing_programs = lambda: ["slurmctld", "munged"]
"""


def run_pytest(folder: Path, test: str, environment: dict[str, str], *arguments: str, status: int = 0) -> str:
    """Run a test of its own under our conftest, as a user would, and return what was printed."""
    file = folder / "test_inner.py"
    file.write_text(test)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-s", "-p", "tests.conftest", "-p", "no:cacheprovider"),
            *("-c", REPOSITORY / "pyproject.toml", f"--rootdir={folder}", *arguments, file),
        ],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def test_a_test_sees_nothing_of_a_login_nodes_slurm(tmp_path):
    printed = run_pytest(tmp_path, LOOKS_AROUND, os.environ | A_LOGIN_NODES_ENVIRONMENT)
    assert str({"SLURM_CONF": os.devnull}) in printed


def test_this_test_itself_reaches_no_slurm():
    assert os.environ["SLURM_CONF"] == os.devnull


def test_a_test_that_asks_for_the_real_slurm_is_led_there(real_slurm):
    assert os.environ["SLURM_CONF"] == real_slurm.environment["SLURM_CONF"]


def test_the_sites_jobs_of_others_stay(real_slurm, tmp_path, monkeypatch):
    if isinstance(real_slurm, SiteSlurm):
        pytest.skip("would nest a site's SLURM in itself")
    monkeypatch.setenv("HOME", str(tmp_path))
    real_slurm.cancel_all()
    try:
        before = real_slurm.submit("sleep 600")
        printed = run_pytest(tmp_path, USES_THE_SITES_SLURM, real_slurm.environment, "--site-slurm")
        assert f"work {tmp_path}/dasktop-tests-" in printed
        assert list(tmp_path.glob("dasktop-tests-*")) == []
        assert real_slurm.queued() == [before]
    finally:
        real_slurm.cancel_all()


def test_what_is_left_out_is_told_at_the_end(tmp_path):
    (tmp_path / "conftest.py").write_text(PROGRAMS_ARE_MISSING)
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "DASKTOP_REQUIRE_SLURM")}
    printed = run_pytest(tmp_path, USES_THE_SITES_SLURM, environment)
    assert "1 left out. SLURM's programs are not installed: slurmctld, munged." in printed
    printed = run_pytest(tmp_path, USES_THE_SITES_SLURM, environment | {"CI": "true"}, status=1)
    assert "SLURM's programs are not installed: slurmctld, munged" in printed


@pytest.mark.parametrize("required", [{"CI": "true"}, {"DASKTOP_REQUIRE_SLURM": "1"}])
def test_missing_programs_fail_the_tests_where_they_are_required(required):
    with pytest.raises(pytest.fail.Exception, match="not installed: slurmctld, munged"):
        leave_out_or_fail(["slurmctld", "munged"], required)


@pytest.mark.parametrize("environment", [{}, {"CI": "false"}, {"DASKTOP_REQUIRE_SLURM": ""}])
def test_missing_programs_leave_tests_out_elsewhere(environment):
    with pytest.raises(pytest.skip.Exception, match="not installed: slurmctld"):
        leave_out_or_fail(["slurmctld"], environment)


def test_complete_programs_let_tests_run():
    leave_out_or_fail([], {"CI": "true"})
