"""Our own OpenSSH server on loopback, for this user, with generated keys."""

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
REASON = "Requirements of our own sshd are missing"
# The chroot of the unprivileged sshd process if root runs sshd; usually created at boot.
_EMPTY_FOLDER = Path("/run/sshd")
_PORTS = range(20_000, 32_768)
"""Below the ephemeral ports, one of which may be in use before sshd has started."""


def missing() -> list[str]:
    """Return the missing requirements: programs, and terminals that the sshd of this user can allocate."""
    programs = [program for program in PROGRAMS if _found(program) is None]
    return programs if _can_allocate_terminals() else [*programs, "devpts mounted with gid=tty, or root"]


def _can_allocate_terminals() -> bool:
    """Return whether sshd can allocate terminals: only root may change their group (``pty_setowner`` of OpenSSH)."""
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
    """A context manager that runs the server.

    Parameters
    ----------
    folder
        The folder of its keys and its configuration.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = folder / "user_key"

    def command(self, remote: str) -> list[str]:
        """Return the ssh command that runs a shell command on the server, in a terminal."""
        options = {
            "UserKnownHostsFile": os.devnull,
            "StrictHostKeyChecking": "no",
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "LogLevel": "ERROR",
        }
        option_words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        where = ["-p", str(self._port), "-i", str(self._key), f"{getpass.getuser()}@127.0.0.1"]
        return [str(_found("ssh")), "-F", os.devnull, "-tt", *option_words, *where, remote]

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
                log = (self._folder / "sshd.log").read_text()
                assert self._process.poll() is None and time.monotonic() < deadline, log  # noqa: PT018
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
    """Return the shell command that runs a command in an environment, except for the variables of the terminal."""
    exports = "".join(
        f"export {name}={shlex.quote(value)}\n"
        for name, value in environment.items()
        if name.isidentifier() and name not in ("TERM", "COLUMNS", "LINES")
    )
    script = folder / "over_ssh.sh"
    script.write_text(f"{exports}exec {shlex.join(command)}\n")
    return f"sh {shlex.quote(str(script))}"
