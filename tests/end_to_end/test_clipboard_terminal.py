"""The `y` key sets the clipboard of a real terminal (OSC 52)."""

import base64
import os
import re

from dasktop.tui.app import DasktopApp
from tests.slurm.environment import without_slurm
from tests.support.dask_processes import Scheduler, Workers
from tests.support.dasktop_program import PATIENT
from tests.support.screen import running
from tests.support.snapshots import job, snapshot
from tests.support.terminal import Terminal


def test_tmux_receives_the_text(tmp_path):
    with Scheduler() as scheduler, Workers(scheduler.address, "--no-nanny", "--name", "anna", "--nthreads", "1"):
        command = [*PATIENT, scheduler.address, "--no-slurm"]
        with Terminal(command, tmp_path, without_slurm(os.environ), 80, 24) as terminal:
            terminal.enable_clipboard()
            terminal.wait_for("anna")
            terminal.press("j", "y")
            terminal.wait_for("copied, if the terminal allows OSC 52: tcp://127.0.0.1:")
            address = terminal.clipboard()
            assert re.fullmatch(r"tcp://127\.0\.0\.1:\d+", address)
            terminal.wait_for(f"OSC 52: {address}\n")
            terminal.press("q")
            assert terminal.wait_for_end() == 0


async def test_text_is_sent_base64_encoded(monkeypatch) -> None:
    async with running() as screen:
        await screen.show(snapshot([job("4709")]))
        sent: list[str] = []
        app: DasktopApp = screen.app
        monkeypatch.setattr(app._driver, "write", sent.append)
        await screen.press("y")
        osc = [text for text in sent if text.startswith("\x1b]52")]
        assert osc == [f"\x1b]52;c;{base64.b64encode(b'4709').decode()}\a"]
