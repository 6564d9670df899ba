"""The process that keeps one SLURM: brings it up, waits, takes it all down and removes its folder.

It ends when its standard input does, so whoever started it can die in any way and still leave nothing behind.
Standard output gets one line of JSON: ``{"error": null}`` when SLURM is up, else why it is not.
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
from tests.slurm.environment import own_environment
from tests.slurm.processes import Processes, StartError, adopt_orphans
from tests.support.own_ports import own_ports

JOBS_GRACE_SECONDS = 3.0
DAEMONS_THAT_ARE_NO_NODE = 2


class Stop:
    """Whether we were asked to stop: by a signal, or by the end of standard input."""

    def __init__(self) -> None:
        self._signalled = False
        self._wake_up, wake_up_write = socket.socketpair()
        self._wake_up.setblocking(False)
        wake_up_write.setblocking(False)
        self._wake_up_write = wake_up_write
        signal.set_wakeup_fd(wake_up_write.fileno())
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._remember)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to wake us

    def __call__(self) -> bool:
        """Say whether to stop, without waiting."""
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
    """Return where a host name leads, if that is this machine's loopback (Debian: 127.0.1.1), else None."""
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


def keep(folder: Path, nodes: int) -> None:
    """Bring up a SLURM in a folder, keep it until asked to stop, and leave no process and no file."""
    stop = Stop()
    adopt_orphans()
    try:
        with own_ports(DAEMONS_THAT_ARE_NO_NODE + nodes) as ports:
            layout = choose_layout(folder, ports)
            environment = own_environment(layout.slurm_conf) | {"MYSQL_UNIX_PORT": str(layout.database_socket)}
            processes = Processes(folder, environment, stop)
            try:
                bring_up(layout, processes)
                _tell(None)
                while not stop.wait():
                    processes.reap()
            finally:
                processes.end_all(grace_seconds=JOBS_GRACE_SECONDS)
    except StartError as error:
        _tell(str(error))
    finally:
        shutil.rmtree(folder)


def _tell(error: str | None) -> None:
    print(json.dumps({"error": error}), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--nodes", type=int, default=4)
    arguments = parser.parse_args()
    keep(arguments.folder, arguments.nodes)
