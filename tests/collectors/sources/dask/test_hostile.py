"""A hostile peer cannot run code in our process, with any answer to any message."""

import asyncio
import os
import pickle
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgpack
import pytest
from distributed.protocol.core import dumps
from distributed.protocol.serialize import Serialize, ToPickle

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.scaling.lease import SchedulerLease
from dasktop.collectors.scaling.shipped_scaling import SCALE
from dasktop.collectors.sources.address import parse_address
from dasktop.collectors.sources.dask.collector import DaskCollector, check
from dasktop.collectors.sources.dask.connection import Connection
from dasktop.collectors.sources.dask.shipped_scheduler import ASK_WORKERS, READING
from tests.support.dask_messages import framed, from_distributed
from tests.support.worker_answers import whole_answer

SECONDS = 20.0
WORKER = "tcp://127.0.0.1:1"
HANDSHAKE = "handshake"
PLAIN: dict[str, Any] = {
    HANDSHAKE: {"compression": None, "python": [3, 11, 1], "pickle-protocol": 4},
    "identity": {"type": "Scheduler", "id": "Scheduler-1", "workers": {}},
    "run_function": {"status": "OK"},
    READING: {
        "id": "Scheduler-1",
        "address": WORKER,
        "workers": whole_answer({"address": WORKER, "name": "name", "pid": 1, "has_nanny": 0}),
    },
    ASK_WORKERS: {WORKER: ["answered", {"pid": 1, "frames": []}]},
    SCALE: {},
}


@pytest.fixture(autouse=True)
def _nobody_has_refused_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Isolate the tests: schedulers of several tests may have the same ids."""
    monkeypatch.setattr("dasktop.collectors.sources.dask.connection._REFUSALS", {})


class CreatesFolder:
    """Creates a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


Answer = Callable[[dict[str, Any], Path], bytes]


def pickled(plain: dict[str, Any], folder: Path) -> bytes:
    return framed(from_distributed({**plain, "more": ToPickle(CreatesFolder(folder))}))


def pickled_whole(plain: dict[str, Any], folder: Path) -> bytes:
    return framed(from_distributed(ToPickle(CreatesFolder(folder))))


def serialized(plain: dict[str, Any], folder: Path) -> bytes:
    return framed(from_distributed({**plain, "more": Serialize(CreatesFolder(folder))}))


def pickled_in_its_fields(plain: dict[str, Any], folder: Path) -> bytes:
    return framed(
        from_distributed({key: ToPickle(CreatesFolder(folder)) for key in plain} or ToPickle(CreatesFolder(folder)))
    )


def pickled_in_compressed_frames(plain: dict[str, Any], folder: Path) -> bytes:
    return framed(
        [
            bytes(frame)
            for frame in dumps({**plain, "more": ToPickle(CreatesFolder(folder))}, context={"compression": "zlib"})
        ]
    )


def error(status: str) -> Answer:
    def answer(plain: dict[str, Any], folder: Path) -> bytes:
        raised = pickle.dumps(CreatesFolder(folder))
        fields = {"exception": Serialize(raised), "traceback": raised, "text": raised, "exception_text": "no \x1b[31m!"}
        return framed(from_distributed({"status": status, **fields}))

    return answer


def nonsense(plain: dict[str, Any], folder: Path) -> bytes:
    return framed([msgpack.packb([[[{"op": "close"}]]])])


def deep(plain: dict[str, Any], folder: Path) -> bytes:
    return framed([b"\x91" * 1_000_000 + b"\xc0"])


def million_workers(plain: dict[str, Any], folder: Path) -> bytes:
    """Return seven columns of a million empty lists each, which take long to pack."""
    columns = b"\x97" + (b"\xdd" + struct.pack(">I", 1_000_000) + b"\x90" * 1_000_000) * 7
    packed = msgpack.packb({**plain, "workers": {**whole_answer(), "registered": {"columns": "COLUMNS"}}})
    return framed([packed.replace(msgpack.packb("COLUMNS"), columns)])


def too_long(plain: dict[str, Any], folder: Path) -> bytes:
    return struct.pack("=3Q", 16, 1, 1 << 50)


ANSWERS = [
    pickled,
    pickled_whole,
    serialized,
    pickled_in_its_fields,
    pickled_in_compressed_frames,
    error("error"),
    error("uncaught-error"),
    nonsense,
    deep,
    million_workers,
    too_long,
]
NAMES = [*(answer.__name__ for answer in ANSWERS[:5]), "error", "uncaught", *(a.__name__ for a in ANSWERS[7:])]


@asynccontextmanager
async def hostile(message: str, answer: bytes) -> AsyncIterator[str]:
    """Send this answer to this message; answer all others as a scheduler does."""
    open_ends: list[asyncio.StreamWriter] = []

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ends.append(writer)

        def say(op: str) -> None:
            writer.write(answer if op == message else framed([msgpack.packb(PLAIN[op])]))

        try:
            say(HANDSHAKE)
            await heard(reader)
            while (op := (await heard(reader)).get("op")) in PLAIN:
                say(op)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the peer has closed the connection
        finally:
            writer.close()

    server = await asyncio.start_server(receive, "127.0.0.1", 0)
    try:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in open_ends:
            writer.transport.abort()


async def heard(reader: asyncio.StreamReader) -> dict[Any, Any]:
    (length,) = struct.unpack("=Q", await reader.readexactly(8))
    fields = msgpack.unpackb((await reader.readexactly(length))[16:])
    return fields if isinstance(fields, dict) else {}


async def dial_in_every_way(address: str) -> list[str]:
    """Make all calls that dasktop makes; return the errors."""
    collectors = [DaskCollector(address, timeout_seconds=SECONDS, probe=probe) for probe in (True, False)]
    hold = SchedulerLease(address, None)
    ways = [
        lambda: check(address, None, SECONDS),
        lambda: collectors[0].read([WORKER]),
        lambda: collectors[0].read([WORKER]),
        lambda: collectors[0].call_stack(WORKER, 1),
        lambda: collectors[1].read(),
        lambda: hold.take("Scheduler-1", "me", "what"),
    ]
    failures = []
    for way in ways:
        try:
            await way()
        except SourceError as error:
            failures.append(str(error))
    for collector in collectors:
        await collector.close()
    await hold.close()
    return failures


async def test_honest_scheduler_is_read() -> None:
    async with hostile("", b"") as address:
        assert await dial_in_every_way(address) == []


@pytest.mark.parametrize("message", PLAIN)
@pytest.mark.parametrize("answer", ANSWERS, ids=NAMES)
async def test_no_code_of_the_peer_runs(message: str, answer: Answer, tmp_path: Path) -> None:
    folder = tmp_path / "it ran"
    async with hostile(message, answer(PLAIN[message], folder)) as address:
        failures = await dial_in_every_way(address)
    assert not folder.exists()
    assert all(failure.isprintable() for failure in failures)


async def test_endless_message_times_out() -> None:
    async with hostile("identity", struct.pack("=3Q", 16 + 1000, 1, 1000) + b"\xc0" * 999) as address:
        connection = await Connection.open(parse_address(address), None, SECONDS)
        with pytest.raises(SourceError, match=r"did not answer within 0.1 s"):
            await connection.call("identity", 0.1)
        assert connection.closed
