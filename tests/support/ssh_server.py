"""An OpenSSH server of our own on the loopback, for this user and with keys of its own; ended by its pid."""

import getpass
import grp
import os
import random
import shlex
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.slurm.environment import search_path
from tests.support.waiting import PATIENCE_SECONDS

PROGRAMS = ("ssh", "ssh-keygen", "sshd")
REASON = "What an sshd of our own needs is missing"
# Where root's sshd locks up the part of it that speaks to strangers; made at boot, where there is one.
_EMPTY_FOLDER = Path("/run/sshd")
_PORTS = range(20_000, 32_768)
"""None of those that a system gives to whoever asks for any: such a one may be taken before sshd is up."""


def missing() -> list[str]:
    """Return what is needed and not there: programs, and terminals that an sshd of this user can give out."""
    programs = [program for program in PROGRAMS if _found(program) is None]
    return programs if _can_give_out_terminals() else [*programs, "devpts mounted with gid=tty, or to be root"]


def _can_give_out_terminals() -> bool:
    """Tell whether sshd need not change a terminal's group, which only root may do (OpenSSH's ``pty_setowner``)."""
    if os.geteuid() == 0:
        return True
    ours, theirs = os.openpty()
    try:
        return os.fstat(theirs).st_gid == grp.getgrnam("tty").gr_gid
    finally:
        os.close(ours)
        os.close(theirs)


def _found(program: str) -> str | None:
    return shutil.which(program, path=search_path())


class SshServer:
    """Runs while it is entered.

    Parameters
    ----------
    folder
        For its keys and its configuration.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = folder / "user_key"

    def command(self, remote: str) -> list[str]:
        """Return what to run to have a shell run this on the other side, in a terminal."""
        options = {
            "UserKnownHostsFile": os.devnull,
            "StrictHostKeyChecking": "no",
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "LogLevel": "ERROR",
        }
        told = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        where = ["-p", str(self._port), "-i", str(self._key), f"{getpass.getuser()}@127.0.0.1"]
        return [str(_found("ssh")), "-F", os.devnull, "-tt", *told, *where, remote]

    def __enter__(self) -> Self:
        host_key = self._folder / "host_key"
        for key in (host_key, self._key):
            subprocess.run([str(_found("ssh-keygen")), "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        self._port = _free_port()
        configuration = self._folder / "sshd_config"
        configuration.write_text(
            f"Port {self._port}\nListenAddress 127.0.0.1\nHostKey {host_key}\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {self._key}.pub\nStrictModes no\nPasswordAuthentication no\nPrintMotd no\n"
        )
        self._made_folder = os.geteuid() == 0 and not _EMPTY_FOLDER.exists()
        if self._made_folder:
            _EMPTY_FOLDER.mkdir(mode=0o755)
        self._log = (self._folder / "sshd.log").open("wb")
        self._process = subprocess.Popen(
            [str(_found("sshd")), "-D", "-e", "-f", str(configuration)],
            stdin=subprocess.DEVNULL,
            stderr=self._log,
        )
        self._wait_until_it_listens()
        return self

    def _wait_until_it_listens(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
            except OSError:
                told = (self._folder / "sshd.log").read_text()
                assert self._process.poll() is None and time.monotonic() < deadline, told  # noqa: PT018
                time.sleep(0.05)
            else:
                return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()
        self._log.close()
        if self._made_folder:
            _EMPTY_FOLDER.rmdir()


def _free_port() -> int:
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port := random.choice(_PORTS)))
            return port


def script_for(folder: Path, command: list[str], environment: dict[str, str]) -> str:
    """Return what a login without any environment of ours is to run: this command, with all but the terminal's own."""
    exports = "".join(
        f"export {name}={shlex.quote(value)}\n"
        for name, value in environment.items()
        if name.isidentifier() and name not in ("TERM", "COLUMNS", "LINES")
    )
    script = folder / "over_ssh.sh"
    script.write_text(f"{exports}exec {shlex.join(command)}\n")
    return f"sh {shlex.quote(str(script))}"
