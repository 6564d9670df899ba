"""One command's session with the controller: reads the request, sends what the command prints.

An internal error is sent to the command and logged; it never ends the controller.
"""

import asyncio
import os
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from dasktop.collectors.embedded_slurm import client
from dasktop.collectors.embedded_slurm.commands.call import Call, Reply, refusal
from dasktop.collectors.embedded_slurm.commands.sacct import sacct
from dasktop.collectors.embedded_slurm.commands.sbatch import reads_stdin, sbatch
from dasktop.collectors.embedded_slurm.commands.scancel import scancel
from dasktop.collectors.embedded_slurm.commands.scontrol import scontrol
from dasktop.collectors.embedded_slurm.commands.sinfo import sinfo
from dasktop.collectors.embedded_slurm.commands.squeue import squeue
from dasktop.collectors.embedded_slurm.commands.srun import srun
from dasktop.collectors.embedded_slurm.commands.sstat import sstat
from dasktop.collectors.embedded_slurm.launch import Streams
from dasktop.collectors.embedded_slurm.options import Refused
from dasktop.collectors.embedded_slurm.units import UnreadableError
from dasktop.collectors.embedded_slurm.workload import Workload

COMMANDS: Mapping[str, Callable[[Call], Reply]] = {
    "sacct": sacct,
    "scancel": scancel,
    "scontrol": scontrol,
    "sinfo": sinfo,
    "squeue": squeue,
    "sstat": sstat,
}


class Host(Protocol):
    """What a session needs from the controller."""

    workload: Workload

    def check_soon(self) -> None:
        """Advance the workload in the next round of the controller."""

    async def changed(self) -> None:
        """Wait until something changed."""


class CommandSession:
    """One connection, from its first byte to the exit status."""

    def __init__(self, host: Host, connection: socket.socket) -> None:
        self._host = host
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._descriptors: list[int] = []
        self._disconnected: asyncio.Task[bytes] | None = None

    async def serve(self) -> None:
        """Answer one command, and close the connection."""
        try:
            self._descriptors = await self._greet()
            reply = await self._answer(await self._request())
            await self._send(client.FRAME_OUT, reply.out)
            await self._send(client.FRAME_ERR, reply.err)
            await self._send(client.FRAME_STATUS, str(reply.status))
        except ConnectionError:
            # The command was killed.
            return
        finally:
            if self._disconnected is not None:
                self._disconnected.cancel()
            for descriptor in self._descriptors:
                os.close(descriptor)
            self._connection.close()
            self._host.check_soon()

    # For `srun`: see `Terminal`

    @property
    def streams(self) -> Streams:
        """The command's own stdin, stdout and stderr."""
        if len(self._descriptors) != 3:
            raise Refused("The command did not send its standard streams")
        stdin, stdout, stderr = self._descriptors
        return stdin, stdout, stderr

    async def write_line(self, text: str) -> None:
        """Write a line to the command's stderr."""
        await self._send(client.FRAME_ERR, f"{text}\n")

    async def changed(self) -> float:
        """Wait for a change, and return the time; raise ConnectionError if the command has ended."""
        if self._disconnected is None:
            self._disconnected = asyncio.create_task(self._loop.sock_recv(self._connection, 1))
        change = asyncio.create_task(self._host.changed())
        await asyncio.wait([self._disconnected, change], return_when=asyncio.FIRST_COMPLETED)
        change.cancel()
        if self._disconnected.done():
            raise ConnectionError
        return time.time()

    # Messages

    async def _answer(self, call: Call) -> Reply:
        try:
            if call.command == "srun":
                return await srun(call, self)
            if call.command == "sbatch":
                return sbatch(call, await self._read() if reads_stdin(call) else None)
            with _time_of(call.environment.get("TZ")):
                return COMMANDS[call.command](call)
        except Refused as refused:
            return refusal(call.command, refused)
        except UnreadableError as error:
            return refusal(call.command, Refused(f"Invalid value: {error}"))
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - an error in one command must not end the jobs
            traceback.print_exc(file=sys.stderr)
            return Reply(err=f"{call.command}: error: {type(error).__name__}: {error}\n", status=1)

    async def _greet(self) -> list[int]:
        readable = asyncio.Event()
        self._loop.add_reader(self._connection, readable.set)
        try:
            await readable.wait()
        finally:
            self._loop.remove_reader(self._connection)
        greeting, descriptors, _, _ = socket.recv_fds(self._connection, len(client.GREETING), 3)
        if greeting != client.GREETING:
            for descriptor in descriptors:
                os.close(descriptor)
            raise ConnectionError
        return list(descriptors)

    async def _request(self) -> Call:
        size = int.from_bytes(await self._receive(4), "big")
        work_dir, number, *rest = (os.fsdecode(part) for part in (await self._receive(size)).split(b"\0"))
        command_line = rest[: int(number)]
        environment = dict(part.split("=", 1) for part in rest[int(number) :])
        return Call(
            command_line[0],
            tuple(command_line[1:]),
            environment,
            work_dir,
            os.getuid(),
            time.time(),
            self._host.workload,
        )

    async def _read(self) -> str:
        """Request the command's standard input, and return it."""
        await self._send(client.FRAME_READ, "")
        data = b""
        while more := await self._loop.sock_recv(self._connection, 65536):
            data += more
        return data.decode("utf-8", "surrogateescape")

    async def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = await self._loop.sock_recv(self._connection, size - len(data))
            if not more:
                raise ConnectionError
            data += more
        return data

    async def _send(self, frame: bytes, text: str) -> None:
        payload = text.encode("utf-8", "surrogateescape")
        if payload or frame != client.FRAME_OUT:
            await self._loop.sock_sendall(self._connection, frame + len(payload).to_bytes(4, "big") + payload)


@contextmanager
def _time_of(zone: str | None) -> Iterator[None]:
    """Use the caller's time zone for one command."""
    own = os.environ.get("TZ")
    _set_zone(zone)
    try:
        yield
    finally:
        _set_zone(own)


def _set_zone(zone: str | None) -> None:
    if zone == os.environ.get("TZ"):
        return
    if zone is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = zone
    time.tzset()
