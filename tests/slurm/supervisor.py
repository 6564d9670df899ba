"""The process that supervises one SLURM: starts it, waits, stops everything and removes its folder.

It ends when its standard input is closed, so nothing is left however its parent process ends.
It prints one line of JSON: ``{"error": null}`` when SLURM is up, else the reason why it is not.
"""

import argparse
import ipaddress
import json
import os
import pwd
import select
import shutil
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from tests.slurm.bring_up import bring_up
from tests.slurm.configuration import Layout
from tests.slurm.environment import environment_for
from tests.slurm.processes import Processes, StartError, adopt_orphans
from tests.support.reserved_ports import reserved_ports

JOBS_GRACE_SECONDS = 3.0
DAEMONS_WITHOUT_NODES = 2


class StopRequest:
    """A request to stop: a signal, or the end of standard input."""

    def __init__(self) -> None:
        self._signalled = False
        self._wake_up, wake_up_write = socket.socketpair()
        self._wake_up.setblocking(False)
        wake_up_write.setblocking(False)
        self._wake_up_write = wake_up_write
        signal.set_wakeup_fd(wake_up_write.fileno())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._remember)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only wakes `wait`

    def __call__(self) -> bool:
        """Return whether to stop, without waiting."""
        return self._signalled or self._input_ended(0)

    def wait(self) -> bool:
        """Wait until asked to stop (True) or until a child ended (False)."""
        return self._signalled or self._input_ended(None) or self._signalled

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self._signalled = True

    def _input_ended(self, timeout_seconds: float | None) -> bool:
        ready, _, _ = select.select([sys.stdin, self._wake_up], [], [], timeout_seconds)
        if self._wake_up in ready:
            self._wake_up.recv(4096)
        return sys.stdin in ready and not os.read(sys.stdin.fileno(), 4096)


def loopback_address(host: str) -> str | None:
    """Return the address of a host name if it is a loopback address (Debian: 127.0.1.1), else None."""
    try:
        address = socket.gethostbyname(host)
    except OSError:
        return None
    return address if ipaddress.ip_address(address).is_loopback else None


def choose_layout(folder: Path, ports: Sequence[int]) -> Layout:
    """Return the layout of a SLURM in this folder, run by this user on this host at these ports."""
    controller_port, accounting_port, *node_ports = ports
    host = socket.gethostname()
    return Layout(
        folder=folder,
        user=pwd.getpwuid(os.geteuid()).pw_name,
        host=host.partition(".")[0],
        loopback_address=loopback_address(host),
        controller_port=controller_port,
        accounting_port=accounting_port,
        node_ports=tuple(node_ports),
    )


def supervise(folder: Path, nodes: int) -> None:
    """Start a SLURM in a folder, wait for a request to stop, and leave no process and no file."""
    stop = StopRequest()
    adopt_orphans()
    try:
        with reserved_ports(DAEMONS_WITHOUT_NODES + nodes) as ports:
            layout = choose_layout(folder, ports)
            environment = environment_for(layout.slurm_conf) | {"MYSQL_UNIX_PORT": str(layout.database_socket)}
            processes = Processes(folder, environment, stop)
            try:
                bring_up(layout, processes)
                _report(None)
                while not stop.wait():
                    processes.reap()
            finally:
                processes.end_all(grace_seconds=JOBS_GRACE_SECONDS)
    except StartError as error:
        _report(str(error))
    finally:
        shutil.rmtree(folder)


def _report(error: str | None) -> None:
    print(json.dumps({"error": error}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--nodes", type=int, default=4)
    arguments = parser.parse_args()
    supervise(arguments.folder, arguments.nodes)
