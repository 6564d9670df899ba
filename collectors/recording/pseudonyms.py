"""Pseudonyms: the same for the same name, and of the same form, so that programs can still parse it. Does no I/O."""

import hashlib
import ipaddress
import re
import secrets
from collections.abc import Callable

_ADDRESS = re.compile(r"([A-Za-z][\w+.-]*)://(\[[^\]]*\]|[^:/\s]*)(:\d+)?(.*)", re.DOTALL)
_NUMBERED = re.compile(r"(.*?)((?:-+[0-9]+)*)", re.DOTALL)
_THREAD = re.compile(r"(.+?)-(Dask-[A-Za-z-]*Threads)((?:-+[0-9]+)*)", re.DOTALL)
_KEY_GROUP = re.compile(r"\W*(.+?)(?:-[0-9a-f]{6,}|['\"]?, |$)", re.DOTALL)

_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_RANDOM_ID = re.compile(r"Scheduler-[0-9a-f-]{36}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HOST = re.compile(r"host[0-9]+")

_PUBLIC_NAMES = frozenset({"SLURMCluster", "LocalCluster", "dask-worker", "dask_mpi", "MainThread", "IO loop"})
_PUBLIC_HOSTS = frozenset({"localhost", "0.0.0.0", "127.0.0.1", "[::1]", "::1", ""})  # noqa: S104 - a text


class Pseudonyms:
    """Names and their pseudonyms."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, str]] = {}
        self._salt = secrets.token_bytes(16)
        self.known: dict[str, str] = {}
        """Every name that was replaced as a whole so far → its pseudonym."""

    def of(self, kind: str, name: str) -> str:
        """Return the pseudonym of a name of this kind: ``user1``, ``user2``, …."""
        if not name or name.isdecimal():
            return name
        if not _LETTER_OR_DIGIT.search(name):  # not a name in a text
            return self._numbered(kind, name)
        return self._remembered(kind, name, lambda number: f"{kind}{number}")

    def named(self, kind: str, name: str) -> str:
        """Return the pseudonym of a name that may be a number. In a text such a number is kept."""
        return self._numbered(kind, name) if name.isdecimal() else self.of(kind, name)

    def is_host(self, pseudonym: str) -> bool:
        """Return whether this is the pseudonym of a host."""
        return _HOST.fullmatch(pseudonym) is not None

    def host(self, name: str) -> str:
        """Return the pseudonym of a host: ``host3`` for ``n012``, ``host3.example`` for ``n012.cluster.site``."""
        if name in _PUBLIC_HOSTS:
            return name
        bare = name.strip("[]")
        try:
            version = ipaddress.ip_address(bare).version
        except ValueError:
            label, dot, domain = name.partition(".")
            pseudonym = self.of("host", label) + (".example" if dot else "")
            if dot:
                self.known[name] = pseudonym
            if "." in domain:
                self.known[domain] = "example"
            return pseudonym
        if version == 6:
            return name.replace(bare, self._remembered("ip6", bare, lambda number: f"2001:db8::{number:x}"))
        return self._remembered(
            "ip", name, lambda number: f"198.{18 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
        )

    def path(self, path: str) -> str:
        """Return the pseudonym of a path: ``/path1``."""
        return self._remembered("path", path, lambda number: f"/path{number}")

    def address(self, address: str) -> str:
        """Return an address with the host replaced; the port is kept."""
        parts = _ADDRESS.fullmatch(address)
        if parts is None:
            return self.of("address", address)
        scheme, host, port, rest = parts.groups()
        if rest.strip("/0123456789"):
            rest = self.path(rest)
        scheme = scheme if scheme in {"tcp", "tls", "ucx", "ucxx", "ws", "wss", "inproc", "http", "https"} else "other"
        pseudonym = f"{scheme}://{self.host(host)}{port or ''}{rest}"
        self.known[address] = pseudonym
        return pseudonym

    def worker(self, name: str) -> str:
        """Return the pseudonym of a worker or cluster; numbers at the end and default names are kept."""
        if not name:
            return name
        if "://" in name:
            return self.address(name)
        word, numbers = _parts(_NUMBERED, name)
        if word in _PUBLIC_NAMES:
            return name
        pseudonym = self.of("name", word) + numbers
        self.known[name] = pseudonym
        return pseudonym

    def thread(self, name: str) -> str:
        """Return the pseudonym of a thread; dask's thread names begin with the worker's name."""
        parts = _THREAD.fullmatch(name)
        return f"{self.worker(parts[1])}-{parts[2]}{parts[3]}" if parts else self.worker(name)

    def job(self, name: str) -> str:
        """Return the pseudonym of a job name; dask-jobqueue's default is kept."""
        return name if name in _PUBLIC_NAMES else self.named("job-name-", name)

    def job_id(self, text: str) -> str:
        """Return a job id: SLURM's are numbers and are kept; those of other systems may contain a host name."""
        return self.of("job", text)

    def scheduler_id(self, text: str) -> str:
        """Return the scheduler id; a random one is kept."""
        return text if _RANDOM_ID.fullmatch(text) else self.of("scheduler", text)

    def task_name(self, name: str) -> str:
        """Return ``task3``, as in the pseudonyms of keys of that name."""
        return self._numbered("task", name)

    def computation_id(self, text: str) -> str:
        """Return the id of a computation; a random one stays."""
        return text if _UUID.fullmatch(text) else self.of("computation", text)

    def source_line(self, line: str) -> str:
        """Return ``code-1f2e3d4c``, indented like the line. Not remembered: there are many."""
        digest = hashlib.blake2b(line.encode(errors="replace"), key=self._salt, digest_size=4).hexdigest()
        return line[: len(line) - len(line.lstrip())] + (f"code-{digest}" if line.strip() else "")

    def task_key(self, key: str) -> str:
        """Return ``task3-5f0c…``: 3 for the key's prefix, the rest for this key. Not remembered: there are many."""
        group = _KEY_GROUP.match(key)
        digest = hashlib.blake2b(key.encode(errors="replace"), key=self._salt, digest_size=6).hexdigest()
        return f"{self._numbered('task', group[1] if group else key)}-{digest}"

    def _numbered(self, kind: str, name: str) -> str:
        of_kind = self._of.setdefault(kind, {})
        return of_kind.setdefault(name, f"{kind}{len(of_kind) + 1}")

    def _remembered(self, kind: str, name: str, form: Callable[[int], str]) -> str:
        of_kind = self._of.setdefault(kind, {})
        if name not in self.known:  # else something of another kind has the same name
            of_kind[name] = self.known[name] = form(len(of_kind) + 1)
        return self.known[name]


def _parts(pattern: re.Pattern[str], text: str) -> tuple[str, str]:
    match = pattern.fullmatch(text)
    return (match[1], match[2]) if match else (text, "")
