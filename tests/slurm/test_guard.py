"""No test uses the SLURM of the site by accident; with ``--site-slurm`` only jobs that it submitted are cancelled."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.slurm.cluster import REPOSITORY
from tests.slurm.missing import skip_or_fail
from tests.slurm.site import SiteSlurm

LOGIN_NODE_ENVIRONMENT = {"SLURM_CONF": "/etc/slurm/slurm.conf", "SLURM_JOB_ID": "4711", "SQUEUE_FORMAT": "%i"}

PRINTS_VARIABLES = """
import os

def test_variables():
    print({name: value for name, value in os.environ.items() if name.startswith(("SLURM", "SQUEUE"))})
"""

USES_SITE_SLURM = """
def test_site(real_slurm):
    job_id = real_slurm.submit("sleep 600")
    real_slurm.wait_for(job_id, "RUNNING")
    print("work", real_slurm.work)
"""

MISSING_PROGRAMS = """
import tests.conftest
tests.conftest.missing_programs = lambda: ["slurmctld", "munged"]
"""


def run_pytest(folder: Path, test: str, environment: dict[str, str], *arguments: str, status: int = 0) -> str:
    """Run a test under our conftest in another process, and return its output."""
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


def test_slurm_variables_of_login_node_are_removed(tmp_path):
    printed = run_pytest(tmp_path, PRINTS_VARIABLES, os.environ | LOGIN_NODE_ENVIRONMENT)
    assert str({"SLURM_CONF": os.devnull}) in printed


def test_slurm_conf_names_an_empty_file():
    assert os.environ["SLURM_CONF"] == os.devnull


def test_real_slurm_fixture_sets_slurm_conf(real_slurm):
    assert os.environ["SLURM_CONF"] == real_slurm.environment["SLURM_CONF"]


def test_other_jobs_of_the_site_are_not_cancelled(real_slurm, tmp_path, monkeypatch):
    if isinstance(real_slurm, SiteSlurm):
        pytest.skip("would nest a site's SLURM in itself")
    monkeypatch.setenv("HOME", str(tmp_path))
    real_slurm.cancel_all()
    try:
        before = real_slurm.submit("sleep 600")
        printed = run_pytest(tmp_path, USES_SITE_SLURM, real_slurm.environment, "--site-slurm")
        assert f"work {tmp_path}/dasktop-tests-" in printed
        assert list(tmp_path.glob("dasktop-tests-*")) == []
        assert real_slurm.queued() == [before]
    finally:
        real_slurm.cancel_all()


def test_summary_reports_skipped_tests(tmp_path):
    (tmp_path / "conftest.py").write_text(MISSING_PROGRAMS)
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "DASKTOP_REQUIRE_SLURM")}
    printed = run_pytest(tmp_path, USES_SITE_SLURM, environment)
    assert "1 skipped. SLURM's programs are not installed: slurmctld, munged." in printed
    printed = run_pytest(tmp_path, USES_SITE_SLURM, environment | {"CI": "true"}, status=1)
    assert "SLURM's programs are not installed: slurmctld, munged" in printed


@pytest.mark.parametrize("required", [{"CI": "true"}, {"DASKTOP_REQUIRE_SLURM": "1"}])
def test_missing_programs_fail_where_required(required):
    with pytest.raises(pytest.fail.Exception, match="not installed: slurmctld, munged"):
        skip_or_fail(["slurmctld", "munged"], required)


@pytest.mark.parametrize("environment", [{}, {"CI": "false"}, {"DASKTOP_REQUIRE_SLURM": ""}])
def test_missing_programs_skip_elsewhere(environment):
    with pytest.raises(pytest.skip.Exception, match="not installed: slurmctld"):
        skip_or_fail(["slurmctld"], environment)


def test_nothing_is_skipped_if_all_is_installed():
    skip_or_fail([], {"CI": "true"})
