"""A scheduler's address as people type it. Headless."""

import re

import click

Address = str

DEFAULT_PORT = 8786
_ADDRESS = re.compile(
    r"(?:(?P<protocol>tcp|tls|ucx|ws|wss)://)?"
    r"(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[\w.\-]+)"
    r"(?::(?P<port>\d{1,5}))?/?"
)


class AddressType(click.ParamType[Address]):
    """``tcp://HOST:PORT``; the protocol may be left out (``tcp``), or else the port (dask's default, 8786)."""

    name = "address"

    def convert(self, value: Address, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        """Return the whole address."""
        match = _ADDRESS.fullmatch(value)
        if match is None or not (match["protocol"] or match["port"]) or int(match["port"] or DEFAULT_PORT) > 65535:
            self.fail(
                f"{value!r} is neither a command nor a scheduler's address; those look like tcp://10.1.2.3:8786",
                param,
                ctx,
            )
        return f"{match['protocol'] or 'tcp'}://{match['host']}:{match['port'] or DEFAULT_PORT}"
