"""Settings of all tests: no access to the SLURM of the site, and one real SLURM for the tests that need it.

No test can submit, change or cancel anything on a SLURM that it did not start, unless ``--site-slurm`` is given.
"""

import fcntl
import gc
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

from tests.slurm.cluster import RealSlurm
from tests.slurm.missing import REASON, missing_programs, skip_or_fail
from tests.slurm.site import SiteSlurm
from tests.support import idle_screen, ssh_server
from tests.support.draw_at_rest import draw_at_rest
from tests.support.isolated_environment import HOME_PREFIX, isolated_environment
from tests.support.parse_once import count_parameters_once, parse_styles_once
from tests.support.scheduling import SlurmTestsFile

pytest.register_assert_rewrite("tests.support.plan_execution")

SITE_ENVIRONMENT = pytest.StashKey[Mapping[str, str]]()
HOME = pytest.StashKey[tempfile.TemporaryDirectory[str]]()
_NUMBERS = count()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--site-slurm",
        action="store_true",
        help="run the tests that need a SLURM on the SLURM of this site, as you; their jobs count against your share",
    )


def pytest_configure(config: pytest.Config) -> None:
    gc.set_threshold(200_000, 20, 100)  # while tests are collected, little of what is created is garbage
    # The time that an example takes depends on the machine.
    settings.register_profile("fast", deadline=None, max_examples=30)
    settings.register_profile("ci", deadline=None)
    settings.load_profile("ci" if os.environ.get("CI") else "fast")
    config.pluginmanager.register(SlurmTestsFile())
    if is_controller(config):
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # so that its workers write bytecode
        return
    idle_screen.wait_for_idle_event_loop()
    parse_styles_once()
    count_parameters_once()
    draw_at_rest()
    sys.dont_write_bytecode = False
    config.stash[SITE_ENVIRONMENT] = dict(os.environ)
    home = config.stash[HOME] = tempfile.TemporaryDirectory(prefix=HOME_PREFIX)
    _replace_environment(isolated_environment(os.environ, Path(home.name)))


def pytest_unconfigure(config: pytest.Config) -> None:
    if not is_controller(config):
        _replace_environment(config.stash[SITE_ENVIRONMENT])
        config.stash[HOME].cleanup()


def is_controller(config: pytest.Config) -> bool:
    """Return whether this process only distributes tests to pytest-xdist workers, which inherit its environment."""
    return bool(config.getoption("numprocesses", None)) and not hasattr(config, "workerinput")


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """Let pytest-xdist workers collect in turn: the first compiles all modules, and the others read the bytecode."""
    folder = os.open(session.config.rootpath, os.O_RDONLY)
    try:
        if not is_controller(session.config):
            fcntl.flock(folder, fcntl.LOCK_EX)
        return (yield)
    finally:
        os.close(folder)  # also unlocks it


@pytest.hookimpl(tryfirst=True)  # before -m selects by marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use the real SLURM: ``-m "not slurm"`` deselects them, and one worker runs all of them."""
    for item in items:
        if isinstance(item, pytest.Function) and "real_slurm" in item.fixturenames:
            item.add_marker(pytest.mark.slurm)
            if "_slurm_environment" not in item.fixturenames:  # cases of one test share the list
                item.fixturenames.insert(0, "_slurm_environment")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Exclude modules and test items from garbage collection: they are many, and live as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report the tests that were skipped because SLURM or OpenSSH is not installed."""
    for heading, reason, missing in (
        ("tests against a real SLURM", REASON, missing_programs()),
        ("tests over a real ssh connection", ssh_server.REASON, ssh_server.missing()),
    ):
        skipped = sum(reason in str(report.longrepr) for report in terminalreporter.stats.get("skipped", []))
        if skipped:
            terminalreporter.write_sep("=", heading, yellow=True)
            terminalreporter.write_line(f"{skipped} skipped. {reason}: {', '.join(missing)}.")
            terminalreporter.write_line(
                "CONTRIBUTING.md lists what to install. DASKTOP_REQUIRE_SLURM=1 makes them fail."
            )


@pytest.fixture(scope="session")
def real_slurm(pytestconfig: pytest.Config) -> Iterator[RealSlurm | SiteSlurm]:
    """A SLURM with accounting: one that is started once a session, or with ``--site-slurm`` the one of the site."""
    if pytestconfig.getoption("--site-slurm"):
        with SiteSlurm(pytestconfig.stash[SITE_ENVIRONMENT]) as site_slurm:
            yield site_slurm
        return
    skip_or_fail(missing_programs(), os.environ)
    with RealSlurm() as started:
        yield started


@pytest.fixture
def _slurm_environment(real_slurm: RealSlurm | SiteSlurm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables of the real SLURM in this process; all tests that use it have this fixture."""
    for name, value in real_slurm.environment.items():
        monkeypatch.setenv(name, value)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give each test an empty configuration folder and an empty folder for the action log.

    This is not a fixture: those that every test sets up take a third of the time of a short test.
    """
    folder = Path(item.config.stash[HOME].name) / str(next(_NUMBERS))
    os.environ.update(XDG_CONFIG_HOME=str(folder), XDG_STATE_HOME=str(folder / "state"))


def _replace_environment(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
