"""Switch between real schedulers in a real terminal, also from one that has ended, while recording."""

import os

from dasktop.collectors.recording.reader import Recording
from tests.slurm.environment import without_slurm
from tests.support.dask_processes import Scheduler, Workers
from tests.support.dasktop_program import dasktop_limited_to
from tests.support.terminal import Terminal


def test_switch_there_and_back_after_its_end(tmp_path):
    recorded = tmp_path / "recorded.ndjson"
    with (
        Scheduler() as here,
        Scheduler() as there,
        Workers(here.address, "--no-nanny", "--name", "anna", "--nthreads", "1"),
        Workers(there.address, "--no-nanny", "--name", "berta-0", "--nthreads", "1"),
        Workers(there.address, "--no-nanny", "--name", "berta-1", "--nthreads", "1"),
    ):
        command = [*dasktop_limited_to(here.pid, there.pid), here.address, "--no-slurm", "--record", str(recorded)]
        with Terminal(command, tmp_path, without_slurm(os.environ), 80, 24) as terminal:
            terminal.wait_for("anna")
            terminal.press("C")
            shown = ("2 schedulers found: choose one", "current", "1 worker ", there.address, "2 workers")
            picker = terminal.wait_for(lambda screen: all(words in screen for words in shown))
            [watched] = [line for line in picker.splitlines() if "current" in line]
            assert here.address in watched
            assert "1 worker" in watched
            [other] = [line for line in picker.splitlines() if there.address in line]
            assert "2 workers" in other
            terminal.press("Escape")
            terminal.wait_for(lambda screen: "choose one" not in screen)

            terminal.press("C")
            picker = terminal.wait_for(lambda screen: all(words in screen for words in shown))
            # The selection starts at the current one, at any position.
            is_above = picker.index(there.address) < picker.index("current")
            terminal.press("Up" if is_above else "Down", "Enter")
            screen = terminal.wait_for(lambda screen: there.address in screen.split("\n")[0] and "berta-1" in screen)
            assert "anna" not in screen

            there.stop()
            terminal.wait_for("C searches for other schedulers")
            terminal.press("C")
            terminal.wait_for("1 scheduler found; the current one does not answer")
            terminal.press("Enter")
            terminal.wait_for(lambda screen: here.address in screen.split("\n")[0] and "anna" in screen)
            terminal.press("q")
            assert terminal.wait_for_end() == 0
    recording = Recording(str(recorded))
    for _ in recording.scan():
        pass
    addresses = [snapshot.cluster.scheduler_address for snapshot in recording.snapshots()]
    in_turn = [
        address for address, before in zip(addresses, [None, *addresses], strict=False) if address not in (None, before)
    ]
    assert in_turn == [here.address, there.address, here.address]
    assert recording.remark is None
    recording.close()
