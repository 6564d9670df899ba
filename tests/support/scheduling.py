"""Distribution of tests to pytest-xdist workers: by file, and all tests of the real SLURM to one worker.

Expensive fixtures are set up once a file; with ``--dist=worksteal`` another worker would set them up again. One worker
has the only real SLURM, so it is started once, and no test sees jobs of another.

The groups of pytest-xdist cannot do this: it passes a group as a suffix of the test's id, which has no effect with
pytest 9.2 and pytest-xdist 3.8. Workers write the ids of the SLURM tests to a file instead.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

_FILE = "slurm_tests_file"
_SLURM = "tests of the real SLURM"
_FOLDER = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


class FileAndSlurmScheduling(LoadScopeScheduling):
    """Distributes the SLURM tests of all files first, then the files with the most tests."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        self._slurm_tests: frozenset[str] | None = None

    def _split_scope(self, nodeid: str) -> str:
        if self._slurm_tests is None:  # collected by now
            self._slurm_tests = frozenset(json.loads(_file(self.config).read_text()))
        return _SLURM if nodeid in self._slurm_tests else nodeid.split("::", 1)[0]

    def _assign_work_unit(self, node) -> None:  # type: ignore[no-untyped-def]
        if _SLURM in self.workqueue:
            self.workqueue.move_to_end(_SLURM, last=False)
        super()._assign_work_unit(node)


class SlurmTestsFile:
    """A plugin that tells the scheduling which tests use the real SLURM."""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """In the controller: tell a worker where to write the ids."""
        node.workerinput[_FILE] = str(_file(node.config))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> FileAndSlurmScheduling | None:
        return FileAndSlurmScheduling(config, log) if config.getvalue("dist") == "loadfile" else None

    @pytest.hookimpl(tryfirst=True)  # before pytest-xdist reports that all is collected
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """In a worker: write the ids. All workers collect the same tests, so the last one to write may win."""
        file = getattr(session.config, "workerinput", {}).get(_FILE)
        if file is None:
            return
        with tempfile.NamedTemporaryFile("w", dir=Path(file).parent, delete=False) as written:
            json.dump([item.nodeid for item in session.items if item.get_closest_marker("slurm")], written)
        Path(written.name).replace(file)

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        if _FOLDER in config.stash:
            config.stash[_FOLDER].cleanup()


def _file(config: pytest.Config) -> Path:
    if _FOLDER not in config.stash:
        config.stash[_FOLDER] = tempfile.TemporaryDirectory(prefix="dasktop-tests-")
    return Path(config.stash[_FOLDER].name, "slurm-tests.json")
