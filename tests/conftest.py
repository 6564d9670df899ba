"""What every test gets: no way to the site's SLURM, and one real SLURM for those that ask for it.

No test can submit, change or cancel anything on a SLURM that it did not start, unless ``--site-slurm`` is given.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

from tests import at_rest, ssh_server
from tests.slurm.cluster import RealSlurm
from tests.slurm.environment import without_slurm
from tests.slurm.missing import REASON, leave_out_or_fail, missing_programs
from tests.slurm.site import SiteSlurm

pytest.register_assert_rewrite("tests.carrying_out")

# An empty file: SLURM's commands then end at once, while for a file that is missing they wait a minute.
NO_SLURM = os.devnull
SITE_ENVIRONMENT = pytest.StashKey[Mapping[str, str]]()
CONFIGURATIONS = pytest.StashKey[tempfile.TemporaryDirectory[str]]()
_NUMBERS = count()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--site-slurm",
        action="store_true",
        help="run the tests that need a SLURM on this site's own, as you; what they submit counts against your share",
    )


def pytest_configure(config: pytest.Config) -> None:
    settings.register_profile("untimed", deadline=None)  # how long an example takes tells of the machine, not of us
    settings.load_profile("untimed")
    at_rest.wait_by_rest()
    config.stash[SITE_ENVIRONMENT] = dict(os.environ)
    folder = config.stash[CONFIGURATIONS] = tempfile.TemporaryDirectory(prefix="dasktop-config-")
    _replace_environment(
        without_slurm(os.environ)
        | {"SLURM_CONF": NO_SLURM, "XDG_CONFIG_HOME": folder.name, "XDG_STATE_HOME": folder.name}
    )


def pytest_unconfigure(config: pytest.Config) -> None:
    _replace_environment(config.stash[SITE_ENVIRONMENT])
    config.stash[CONFIGURATIONS].cleanup()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whatever asks for the real SLURM, so that ``-m "not slurm"`` leaves it out."""
    for item in items:
        if isinstance(item, pytest.Function) and "real_slurm" in item.fixturenames:
            item.add_marker(pytest.mark.slurm)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say plainly what was left out for want of a SLURM, or of OpenSSH."""
    for heading, reason, missing in (
        ("tests against a real SLURM", REASON, missing_programs()),
        ("tests over a real ssh connection", ssh_server.REASON, ssh_server.missing()),
    ):
        left_out = sum(reason in str(report.longrepr) for report in terminalreporter.stats.get("skipped", []))
        if left_out:
            terminalreporter.write_sep("=", heading, yellow=True)
            terminalreporter.write_line(f"{left_out} left out. {reason}: {', '.join(missing)}.")
            terminalreporter.write_line("CONTRIBUTING.md tells how to get that. DASKTOP_REQUIRE_SLURM=1 forbids this.")


@pytest.fixture(scope="session")
def real_slurm(pytestconfig: pytest.Config) -> Iterator[RealSlurm | SiteSlurm]:
    """A SLURM with accounting: one of our own, brought up once a session, or with ``--site-slurm`` the site's."""
    if pytestconfig.getoption("--site-slurm"):
        with SiteSlurm(pytestconfig.stash[SITE_ENVIRONMENT]) as site_slurm:
            yield site_slurm
        return
    leave_out_or_fail(missing_programs(), os.environ)
    with RealSlurm() as own_slurm:
        yield own_slurm


@pytest.fixture(autouse=True)
def _the_slurm_that_a_test_asked_for(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lead the test's own process to the real SLURM if it asks for that, and to none otherwise."""
    if "real_slurm" not in request.fixturenames:
        return
    slurm: RealSlurm | SiteSlurm = request.getfixturevalue("real_slurm")
    for name, value in slurm.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(autouse=True)
def _a_configuration_of_its_own(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test read the developer's configuration or log of actions, nor what another test has left in one."""
    folder = Path(pytestconfig.stash[CONFIGURATIONS].name) / str(next(_NUMBERS))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))


def _replace_environment(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
