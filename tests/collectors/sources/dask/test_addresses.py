"""Addresses without a scheduler: one line with the address and what to do."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from distributed import Nanny, Worker
from distributed import Scheduler as SchedulerInProcess
from distributed.core import Server

from dasktop.collectors.model.errors import NoSchedulerError
from dasktop.collectors.sources.address import host_of, parse_address
from dasktop.collectors.sources.dask.collector import DaskCollector, check
from tests.support.dask_processes import Scheduler
from tests.support.waiting import PATIENCE_SECONDS

TIMEOUT_SECONDS = 1.0
"""Timeout for servers that never answer."""
PATIENT_SECONDS = PATIENCE_SECONDS
"""Timeout for all others, which may have to wait for a core."""
HANGS_SECONDS = 2 * PATIENCE_SECONDS
"""Prevents waiting forever; far longer than the timeout."""

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def complaint(address: str, seconds: float = PATIENT_SECONDS) -> str:
    """Return the error of an address; checking and reading must report the same."""
    collector = DaskCollector(address, timeout_seconds=seconds)
    async with asyncio.timeout(HANGS_SECONDS):
        with pytest.raises(NoSchedulerError) as checked:
            await check(address, None, seconds)
        with pytest.raises(NoSchedulerError) as read:
            await collector.read()
        await collector.close()
    line = str(read.value)
    assert line == str(checked.value)
    assert line.isprintable()
    assert "Error" not in line
    return line


@asynccontextmanager
async def listening(talk: Talk) -> AsyncIterator[str]:
    """Listen, and serve every connection in this way."""
    open_ends: list[asyncio.StreamWriter] = []

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ends.append(writer)
        try:
            await talk(reader, writer)
        except ConnectionError:
            pass  # the peer has closed the connection
        finally:
            writer.close()

    server = await asyncio.start_server(receive, "127.0.0.1", 0)
    try:
        host, port = server.sockets[0].getsockname()
        yield f"tcp://{host}:{port}"
    finally:
        server.close()
        for writer in open_ends:
            writer.transport.abort()


@pytest.fixture
def free_address() -> Iterator[str]:
    """An address at which nothing listens, and which is bound so that nothing else can."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"tcp://127.0.0.1:{bound.getsockname()[1]}"


async def test_nothing_listens(free_address: str) -> None:
    assert await complaint(free_address) == (
        f"no scheduler at {free_address} (connection refused; the scheduler may have ended); "
        "run dasktop without an address to find your schedulers"
    )


async def test_unknown_host(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)  # a name server may take longer than we wait
    line = await complaint("tcp://no-such-host.invalid:8786")
    assert "no scheduler at tcp://no-such-host.invalid:8786 (host not found: no-such-host.invalid)" in line


async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(1024):
        pass


async def greet_as_ssh(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2p1 \x1b[31mDebian-2\r\n")
    await say_nothing(reader, writer)


async def answer_as_web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"")


async def talk_nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write((16).to_bytes(8, "little") + b"\x01" * 16)
    await say_nothing(reader, writer)


async def test_server_that_never_answers() -> None:
    async with listening(say_nothing) as address:
        assert await complaint(address, TIMEOUT_SECONDS) == (
            f"{address} accepts connections but has sent nothing for 1 s: "
            "the scheduler hangs or is busy, or it is not a scheduler"
        )


async def test_ssh_server() -> None:
    async with listening(greet_as_ssh) as address:
        assert (
            await complaint(address)
            == f"{address} is not a dask scheduler: it sends “SSH-2.0-OpenSSH_9.2p1  [31mDebian-2”"
        )


async def test_web_server() -> None:
    async with listening(answer_as_web) as address:
        line = await complaint(address)
        assert line.startswith(
            f"{address} is a web server, perhaps the dashboard; the scheduler listens on another port"
        )


async def test_dashboard_of_a_real_scheduler() -> None:
    with Scheduler() as scheduler:
        (dashboard,) = [line.split()[-1] for line in scheduler.log if "dashboard at:" in line]
        assert "is a web address" in await complaint(dashboard)
        page = dashboard.removeprefix("http://").removesuffix("/status")
        assert "is a web server" in await complaint(page)


async def test_server_that_closes_the_connection() -> None:
    async with listening(hang_up) as address:
        assert await complaint(address) == (
            f"{address} closes the connection: it is not a dask scheduler, or one that is shutting down"
        )


async def test_server_that_sends_garbage() -> None:
    async with listening(talk_nonsense) as address:
        assert (
            await complaint(address)
            == f"{address} is not a dask scheduler: it sends “b'\\x10\\x00\\x00\\x00\\x00\\x00\\x00\\x00'”"
        )


async def test_address_of_a_worker() -> None:
    async with (
        SchedulerInProcess(host="127.0.0.1", port=0, dashboard_address=":0") as scheduler,
        Worker(scheduler.address, host="127.0.0.1", nthreads=1, dashboard_address=":0") as worker,
    ):
        assert (
            await complaint(worker.address)
            == f"{worker.address} is not a scheduler, but a worker; its scheduler is {scheduler.address}"
        )


async def test_address_of_a_nanny() -> None:
    async with (
        SchedulerInProcess(host="127.0.0.1", port=0, dashboard_address=":0") as scheduler,
        Nanny(scheduler.address, host="127.0.0.1", nthreads=1, dashboard_address=":0") as nanny,
    ):
        assert f"{nanny.address} is not a scheduler, but a nanny" in await complaint(nanny.address)


class Hanging(Server):
    """A dask server that never answers ``identity``."""

    def __init__(self) -> None:
        super().__init__({"identity": self._hang, "run_function": self._hang})

    async def _hang(self, **_arguments: object) -> None:
        await asyncio.Event().wait()


async def test_dask_server_that_never_answers() -> None:
    async with Hanging() as server:
        await server.listen("tcp://127.0.0.1:0")
        with pytest.raises(NoSchedulerError, match="did not answer within"):
            await check(server.address, None, TIMEOUT_SECONDS)


async def test_hanging_scheduler_differs_from_none() -> None:
    with Scheduler() as scheduler:
        os.kill(scheduler.pid, signal.SIGSTOP)
        try:
            assert "the scheduler hangs or is busy" in await complaint(scheduler.address, TIMEOUT_SECONDS)
        finally:
            os.kill(scheduler.pid, signal.SIGCONT)
        before = len(scheduler.log)
        async with asyncio.timeout(HANGS_SECONDS):
            assert await check(scheduler.address, None, HANGS_SECONDS)
        assert not any("ERROR" in line or "Traceback" in line for line in scheduler.log[before:])


@pytest.mark.parametrize(
    ("written", "parsed"),
    [
        ("10.1.2.3:8786", "tcp://10.1.2.3:8786"),
        ("login1:8786", "tcp://login1:8786"),
        (" tcp://login1.cluster:8786/ ", "tcp://login1.cluster:8786"),
        ("tls://[fe80::1%eth0]:8786", "tls://[fe80::1%eth0]:8786"),
        ("[::1]:8786", "tcp://[::1]:8786"),
    ],
)
def test_addresses_as_users_write_them(written: str, parsed: str) -> None:
    assert str(parse_address(written)) == parsed


@pytest.mark.parametrize(
    "written",
    [
        "",
        "tcp://",
        "login1",
        "tcp://login1",
        "tcp://login1:0",
        "tcp://login1:70000",
        "tcp://a b:1",
        "::1:8786",
        "http://login1:8787/status",
        "inproc://10.0.0.1/1/1",
        "tcp://login1:8786\x1b]0;x\x07y",
    ],
)
def test_invalid_addresses(written: str) -> None:
    with pytest.raises(NoSchedulerError) as failure:
        parse_address(written)
    assert str(failure.value).isprintable()


async def test_unknown_scheme() -> None:
    line = await complaint("gopher://127.0.0.1:1")
    assert line == "dasktop supports tcp:// and tls://, but not gopher:// (gopher://127.0.0.1:1)"


@pytest.mark.parametrize(
    ("address", "host"),
    [("tcp://10.0.0.1:1", "10.0.0.1"), ("tls://[::1]:1", "::1"), ("inproc://10.0.0.1/12/3", None), ("", None)],
)
def test_host_of_a_worker(address: str, host: str | None) -> None:
    assert host_of(address) == host
