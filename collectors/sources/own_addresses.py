"""Decide whether an address is the user's own, and describe the program that listens there. Never connects to it.

The scheduler that a script names may have ended, and on a shared login node another user may listen on its port now.
See `collectors/sources/discover.py` for the rules.
"""

import contextlib
import ipaddress
import os
import socket
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import psutil

from dasktop.collectors.model.errors import NoSchedulerError
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.readings import JobScript, QueuedJob
from dasktop.collectors.sources.address import parse_address
from dasktop.collectors.text.clean import clean
from dasktop.collectors.text.format import short_host

_SOCKETS = ("/proc/net/tcp", "/proc/net/tcp6")
_LISTENING = "0A"
_MOST_NODES = 64

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Listener(NamedTuple):
    """A port at which a process of the user listens on this host."""

    ip: IpAddress
    port: int


class OwnAddresses:
    """The user's own addresses at one moment. May block: it resolves host names.

    Parameters
    ----------
    jobs
        The user's jobs in the queue.
    user
        The owner of the jobs, if that is another user.
    """

    def __init__(self, jobs: Sequence[QueuedJob], user: str | None = None) -> None:
        self._user = user
        self._running = {job.job_id: job for job in jobs if read_state(job.state).is_running}
        self._listeners = own_listeners()
        self._own_ips = _ips_of_this_host()
        self._nodes = {short_host(node) for job in self._running.values() for node in job.nodes}
        self._ips: dict[str, frozenset[IpAddress]] = {}

    def distrust(self, address: str, script: JobScript) -> str:
        """Return why the address that a script names may not be the user's; empty: it is."""
        if self._user is not None:
            return f"{clean(address)} is not tried unless you pass it: the script belongs to {self._user}"
        try:
            _, host, port = parse_address(address)
        except NoSchedulerError:
            return ""  # connecting fails with its own message
        ips = self._resolved(host)
        here = {ip for ip in ips if self._is_here(ip)}
        if here:
            if all(self._is_listened_at(ip, port) for ip in here):
                return ""
            return f"none of your processes listens at {address}"
        if script.job_id in self._running or short_host(host) in self._nodes or self._is_on_a_node(ips):
            return ""
        return f"{address} is not tried unless you pass it: none of your running jobs uses it"

    def is_here(self, address: str) -> bool:
        """Return whether an address belongs to this host."""
        try:
            return any(map(self._is_here, self._resolved(parse_address(address).host)))
        except NoSchedulerError:
            return False

    def distrust_of_file(self, file: str) -> str:
        """Return why the address in a scheduler file may not be the user's; empty: it is, or there is no file."""
        try:
            found = Path(file).stat()
        except (OSError, ValueError):
            return ""  # reading it fails with its own message
        if not stat.S_ISREG(found.st_mode):
            return f"{clean(file)} is not a regular file"
        if found.st_uid != os.getuid() or found.st_mode & stat.S_IWOTH:
            return f"{clean(file)} is not read unless you pass it: another user can write to it"
        return ""

    def _is_here(self, ip: IpAddress) -> bool:
        return ip.is_loopback or ip.is_unspecified or ip in self._own_ips

    def _is_listened_at(self, ip: IpAddress, port: int) -> bool:
        return any(
            own.port == port and (own.ip == ip or own.ip.is_unspecified or ip.is_unspecified) for own in self._listeners
        )

    def _is_on_a_node(self, ips: frozenset[IpAddress]) -> bool:
        nodes = sorted(self._nodes)[:_MOST_NODES]
        return bool(ips) and any(not ips.isdisjoint(self._resolved(node)) for node in nodes)

    def _resolved(self, host: str) -> frozenset[IpAddress]:
        if host not in self._ips:
            self._ips[host] = _resolve(host)
        return self._ips[host]


def own_listeners() -> frozenset[Listener]:
    """Return where this user's processes listen on this host.

    On Linux the kernel lists the owner of each socket; elsewhere, search the user's processes.
    """
    if any(map(os.path.exists, _SOCKETS)):
        texts = []
        for file in _SOCKETS:
            with contextlib.suppress(OSError):  # no IPv6
                texts.append(Path(file).read_text())
        return frozenset(listener for text in texts for listener in parse_sockets(text, os.getuid()))
    found = set()
    for process in psutil.process_iter(["uids"]):
        with contextlib.suppress(psutil.Error, OSError):  # it ended, or is hidden from us
            if process.info["uids"] is not None and process.info["uids"].real == os.getuid():
                for connection in process.net_connections("tcp"):
                    if connection.status == psutil.CONN_LISTEN:
                        found.add(Listener(_unmapped(connection.laddr.ip), connection.laddr.port))
    return frozenset(found)


def parse_sockets(text: str, uid: int) -> Iterable[Listener]:
    """Yield where a user's sockets listen, from ``/proc/net/tcp`` or ``tcp6`` (see proc(5))."""
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8 or fields[3] != _LISTENING or fields[7] != str(uid):
            continue
        address, _, port = fields[1].partition(":")
        words = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
        yield Listener(_unmapped(str(ipaddress.ip_address(b"".join(words)))), int(port, 16))


def _unmapped(ip: str) -> IpAddress:
    """Return an address; an IPv4-mapped IPv6 address as IPv4."""
    found = ipaddress.ip_address(ip.partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found


def _ips_of_this_host() -> frozenset[IpAddress]:
    families = (socket.AF_INET, socket.AF_INET6)
    interfaces = psutil.net_if_addrs().values()
    return frozenset(_unmapped(own.address) for interface in interfaces for own in interface if own.family in families)


def _resolve(host: str) -> frozenset[IpAddress]:
    with contextlib.suppress(ValueError):
        return frozenset({_unmapped(host)})
    try:
        return frozenset(_unmapped(str(found[4][0])) for found in socket.getaddrinfo(host, None))
    except (OSError, UnicodeError, ValueError):
        return frozenset()


_KERNELS = ("ipykernel_launcher", "ipykernel")
_WITH_A_VALUE = ("-W", "-X", "--check-hash-based-pycs")
"""Python's options that take a value."""
_MOST_FOLDERS = 2


def program_words(command: Sequence[str], folder: str | None, home: str) -> str:
    """Return ``train.py in ~/runs``, or ``notebook in ~/analysis``.

    Parameters
    ----------
    command
        Its command line, beginning with Python.
    folder
        Its working directory; for a notebook, the folder of its file. ``None``: unknown.
    home
        The user's home directory.
    """
    words = [_program(command), "" if folder is None else f"in {_short(folder, home)}"]
    return clean(" ".join(word for word in words if word))


def _program(command: Sequence[str]) -> str:
    words = iter(command[1:])
    for word in words:
        if word == "-m":
            module = next(words, "")
            return "notebook" if module in _KERNELS else module
        if word == "-c":
            break
        if word in _WITH_A_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return PurePosixPath(word).name
    return PurePosixPath(command[0]).name if command else ""


def _short(folder: str, home: str) -> str:
    """Return the end of a folder's path, its most specific part: ``~/runs``, ``…/runs/3``."""
    path = PurePosixPath(folder)
    if path.is_relative_to(home):
        path = PurePosixPath("~", path.relative_to(home))
    names = [name for name in path.parts if name != "/"]
    return str(path) if len(names) <= _MOST_FOLDERS else "/".join(("…", *names[-_MOST_FOLDERS:]))
