"""The most common keys over a real ssh connection, in a real terminal, on a real cluster."""

import os
import re

import pytest

from tests.contract.embedded import EmbeddedCommands
from tests.slurm.missing import skip_or_fail
from tests.support import ssh_server
from tests.support.dasktop_program import PATIENT
from tests.support.notebook import Notebook
from tests.support.scaling_clusters import DASHBOARD, IMPORTS
from tests.support.ssh_server import SshServer, script_for
from tests.support.terminal import Terminal

TREE = re.compile(r"dask-worker .*\n.* SLURMCluster-0-0 .*\n.* SLURMCluster-0-1 ")
"""The job, its task and its two workers."""


@pytest.fixture
def terminal(tmp_path):
    """The screen over an ssh connection, with a job and its two workers."""
    skip_or_fail(ssh_server.missing(), os.environ, ssh_server.REASON)
    with (
        EmbeddedCommands(nodes=1, cpus_per_node=4, memory_per_node_mb=4000, kill_wait_seconds=5) as slurm,
        Notebook(slurm.environment, tmp_path) as notebook,
        SshServer(tmp_path) as server,
    ):
        notebook.run(
            f"{IMPORTS}\n"
            f"cluster = SLURMCluster(cores=2, processes=2, memory='1GB', interface='lo', {DASHBOARD})\n"
            "cluster.scale(jobs=1)"
        )
        notebook.wait_until("len(cluster.scheduler.workers) == 2")
        command = [*PATIENT, notebook.value("cluster.scheduler_address")]
        with Terminal(
            server.command(script_for(tmp_path, command, slurm.environment)), tmp_path, os.environ, 100, 30
        ) as terminal:
            terminal.wait_for(lambda screen: "1 job · 2 workers" in screen and TREE.search(screen))
            yield terminal


def test_common_keys_work_over_ssh(terminal):
    terminal.press("g", "j", "Enter")
    terminal.wait_for(lambda screen: "worker SLURMCluster-0-0" in screen and "TRANSFERS" in screen)
    terminal.press("Enter")
    terminal.wait_for("LEFT")
    terminal.press("l")
    terminal.wait_for("event loop")
    terminal.press("h")
    terminal.wait_for(lambda screen: "event loop" not in screen)
    terminal.press("/")
    terminal.wait_for("text or regex")
    terminal.press("0", "-", "1", "Enter")
    terminal.wait_for(lambda screen: "SLURMCluster-0-1" in screen and "SLURMCluster-0-0" not in screen)
    terminal.press("Escape")
    terminal.wait_for("SLURMCluster-0-0")
    terminal.press("o")
    terminal.wait_for("↑")
    terminal.press("p")
    terminal.wait_for("paused")
    terminal.press("p")
    terminal.wait_for(lambda screen: "paused" not in screen)
    terminal.press("T")
    terminal.wait_for(lambda screen: "following" in screen and "distributed.worker" in screen)
    terminal.press("q")
    terminal.wait_for("LEFT")
    terminal.press("s")
    terminal.wait_for("Scale to")
    terminal.press("Escape")
    terminal.wait_for(lambda screen: "Scale to" not in screen)
    terminal.press("?")
    terminal.wait_for("fold or unfold")
    terminal.press("q")
    terminal.wait_for(lambda screen: "fold or unfold" not in screen)
    terminal.resize(70, 20)
    terminal.wait_for(lambda screen: len(screen.splitlines()) == 20 and "LEFT" in screen)
    terminal.press("q")
    assert terminal.wait_for_end() == 0
    assert terminal.screen() == "", "the screen is empty after exit"
