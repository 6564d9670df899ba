"""What every test gets: no way to the site's SLURM, and one real SLURM for those that ask for it.

No test can submit, change or cancel anything on a SLURM that it did not start, unless ``--site-slurm`` is given.
"""

import gc
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.slurm.cluster import RealSlurm
from tests.slurm.missing import REASON, leave_out_or_fail, missing_programs
from tests.slurm.site import SiteSlurm
from tests.support import at_rest, ssh_server
from tests.support.own_environment import HOME_PREFIX, own_environment
from tests.support.parse_once import parse_styles_once
from tests.support.scheduling import SLURM_GROUP, ByFileAndSlurm

pytest.register_assert_rewrite("tests.support.plan_execution")

SITE_ENVIRONMENT = pytest.StashKey[Mapping[str, str]]()
HOME = pytest.StashKey[tempfile.TemporaryDirectory[str]]()
_NUMBERS = count()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--site-slurm",
        action="store_true",
        help="run the tests that need a SLURM on this site's own, as you; what they submit counts against your share",
    )


def pytest_configure(config: pytest.Config) -> None:
    # How long an example takes tells of the machine, not of us.
    settings.register_profile("fast", deadline=None, max_examples=30)
    settings.register_profile("ci", deadline=None)
    settings.load_profile("ci" if os.environ.get("CI") else "fast")
    if is_controller(config):
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # so that its workers keep what they compile
        return
    at_rest.wait_by_rest()
    parse_styles_once()
    sys.dont_write_bytecode = False
    config.stash[SITE_ENVIRONMENT] = dict(os.environ)
    home = config.stash[HOME] = tempfile.TemporaryDirectory(prefix=HOME_PREFIX)
    _replace_environment(own_environment(os.environ, Path(home.name)))


def pytest_unconfigure(config: pytest.Config) -> None:
    if not is_controller(config):
        _replace_environment(config.stash[SITE_ENVIRONMENT])
        config.stash[HOME].cleanup()


def is_controller(config: pytest.Config) -> bool:
    """Return whether this process only hands out tests to pytest-xdist's workers, which inherit its environment."""
    return bool(config.getoption("numprocesses", None)) and not hasattr(config, "workerinput")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out tests a file at a time, and all that need the real SLURM to one worker."""
    return ByFileAndSlurm(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist looks at the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whatever asks for the real SLURM, so that ``-m "not slurm"`` leaves it out, and one worker runs it all."""
    for item in items:
        if isinstance(item, pytest.Function) and "real_slurm" in item.fixturenames:
            item.add_marker(pytest.mark.slurm)
        if item.get_closest_marker("slurm"):
            item.add_marker(pytest.mark.xdist_group(SLURM_GROUP))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep the garbage collector off what all tests share: modules and thousands of test items never become garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


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
    folder = Path(pytestconfig.stash[HOME].name) / str(next(_NUMBERS))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))


def _replace_environment(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
