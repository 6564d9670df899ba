"""What a user may write as a scheduler's address. Connects to nothing, and never imports distributed."""

import re
from typing import NamedTuple

from dasktop.collectors.model.errors import NoSchedulerError
from dasktop.collectors.text.clean import clean

USUAL_PORT = 8786
_WITH_PORT = re.compile(r"(?:\[(?P<ip6>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^\s:/\[\]@]+)):(?P<port>\d{1,5})/?")


class Address(NamedTuple):
    """A scheduler's address, taken apart."""

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
    """Return the address; without a scheme, it is ``tcp://``.

    Raises
    ------
    NoSchedulerError
        It can't be a scheduler's address; the text says what one looks like.
    """
    text = clean(text)
    scheme, separator, place = text.partition("://")
    if not separator:
        scheme, place = "tcp", text
    if scheme in ("http", "https"):
        raise NoSchedulerError(
            f"{text} is the address of a web page, perhaps the dashboard; the scheduler's own begins with tcp:// or "
            f"tls:// and usually ends with :{USUAL_PORT}"
        )
    if scheme == "inproc":
        raise NoSchedulerError(f"{text} can be reached from inside its own process only")
    found = _WITH_PORT.fullmatch(place)
    if found is None or not 0 < int(found["port"]) < 65536:
        raise NoSchedulerError(f"{text} is no scheduler's address; one looks like tcp://HOST:{USUAL_PORT}")
    return Address(scheme, found["ip6"] or found["host"], int(found["port"]))


def host_of(address: str) -> str | None:
    """Return the host part of a worker's address, or ``None`` where there is none."""
    found = _WITH_PORT.fullmatch(address.partition("://")[2])
    return (found["ip6"] or found["host"]) if found else None
