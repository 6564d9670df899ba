"""Commands without a screen import neither textual nor rich, and heavy modules are imported only where needed."""

import subprocess
import sys

import pytest
from distributed import LocalCluster

from dasktop.collectors.model.snapshot import to_json
from tests.support.snapshots import everyday
from tests.support.waiting import PATIENCE_SECONDS

RUN = """
import sys
from dasktop.tui.cli.main import command
try:
    command.main(sys.argv[1:], prog_name="dasktop")
except SystemExit as end:
    assert not end.code, end.code
print(sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def modules_after(*arguments: str) -> set[str]:
    result = subprocess.run(
        [sys.executable, "-c", RUN, *arguments], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert result.returncode == 0, result.stderr
    return set(eval(result.stderr.splitlines()[-1]))


@pytest.fixture(scope="module")
def scheduler():
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp://", dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address


@pytest.mark.parametrize(
    "arguments", [["snapshot"], ["snapshot", "--text"], ["snapshot", "--threads"], []], ids=" ".join
)
def test_snapshots_import_neither_a_screen_nor_distributed(scheduler, arguments):
    """distributed, which takes longer to import than all else, is needed only for certificates."""
    modules = modules_after(*arguments, scheduler, "--no-slurm")
    assert "dask" in modules, "it did not attach"
    assert modules.isdisjoint({"textual", "rich", "distributed"})


@pytest.mark.parametrize("arguments", [["schema"], ["config"], ["--help"], ["--version"]], ids=" ".join)
def test_commands_without_a_cluster_import_no_dask(arguments):
    assert modules_after(*arguments).isdisjoint({"textual", "rich", "distributed", "dask"})


def test_a_report_on_a_recording_imports_no_dask(tmp_path):
    path = tmp_path / "recording"
    path.write_bytes(to_json(everyday()) + b"\n")
    assert modules_after("report", str(path)).isdisjoint({"textual", "rich", "distributed", "dask"})


def test_the_screen_starts_without_distributed():
    """The sampler imports it, outside the screen's thread, after it has started to query SLURM."""
    program = (
        "import sys, dasktop.tui.cli.screen, dasktop.tui.app; "
        "print('distributed' in sys.modules, 'textual' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert result.stdout.split() == ["False", "True"], result.stderr
