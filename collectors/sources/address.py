"""Parse scheduler addresses that users type. Never connects, and never imports distributed."""

import re
from typing import NamedTuple

from dasktop.collectors.model.errors import NoSchedulerError
from dasktop.collectors.text.clean import clean

USUAL_PORT = 8786
_WITH_PORT = re.compile(r"(?:\[(?P<ip6>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^\s:/\[\]@]+)):(?P<port>\d{1,5})/?")


class Address(NamedTuple):
    """The parts of a scheduler's address."""

    scheme: str
    host: str
    port: int

    @property
    def encrypted(self) -> bool:
        """Whether certificates are needed."""
        return self.scheme == "tls"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def parse_address(text: str) -> Address:
    """Return the address; the default scheme is ``tcp://``.

    Raises
    ------
    NoSchedulerError
        It is not a scheduler's address; the text gives an example.
    """
    text = clean(text)
    scheme, separator, place = text.partition("://")
    if not separator:
        scheme, place = "tcp", text
    if scheme in ("http", "https"):
        raise NoSchedulerError(
            f"{text} is a web address, perhaps of the dashboard; a scheduler's address begins with tcp:// or "
            f"tls:// and usually ends with :{USUAL_PORT}"
        )
    if scheme == "inproc":
        raise NoSchedulerError(f"{text} can only be reached from inside its own process")
    found = _WITH_PORT.fullmatch(place)
    if found is None or not 0 < int(found["port"]) < 65536:
        raise NoSchedulerError(f"{text} is not a scheduler's address, such as tcp://HOST:{USUAL_PORT}")
    return Address(scheme, found["ip6"] or found["host"], int(found["port"]))


def host_of(address: str) -> str | None:
    """Return the host part of a worker's address, or ``None`` if there is none."""
    found = _WITH_PORT.fullmatch(address.partition("://")[2])
    return (found["ip6"] or found["host"]) if found else None
