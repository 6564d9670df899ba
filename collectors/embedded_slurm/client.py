"""The command that a user runs (squeue, sbatch, …): sends its command line to the controller, and prints the answer.

Imports very little: a command that is run every few seconds has to start fast.
"""

import os
import sys

# `socket` adds enums and selectors on top of this, and doubles the time to start.
from _socket import AF_UNIX, SCM_RIGHTS, SHUT_WR, SOCK_STREAM, SOL_SOCKET, socket

SOCKET_NAME = "controller.socket"
# A frame is one of these letters, the length of its payload (4 bytes), and the payload.
FRAME_OUT, FRAME_ERR, FRAME_STATUS, FRAME_READ = b"o", b"e", b"s", b"r"
HEAD_BYTES = 5
# Precedes a request; srun sends its three streams with it, for its tasks.
GREETING = b"dasktop"


def pack(parts: "list[bytes]") -> bytes:
    """Return a request. Parts contain no zero bytes: command lines and environments cannot."""
    body = b"\0".join(parts)
    return len(body).to_bytes(4, "big") + body


def _receive(connection: socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data


def _write(stream: int, data: bytes) -> None:
    while data:
        data = data[os.write(stream, data) :]


def _connect(folder: str) -> socket:
    # The path of a socket is limited to about 100 bytes, so it is relative to the folder.
    connection = socket(AF_UNIX, SOCK_STREAM)
    os.chdir(folder)
    connection.connect(SOCKET_NAME)
    return connection


def _streams() -> "list[tuple[int, int, bytes]]":
    # With a stream that the caller closed, sending the message would fail.
    nothing = os.open(os.devnull, os.O_RDWR)
    while nothing < 3:
        nothing = os.dup(nothing)
    return [(SOL_SOCKET, SCM_RIGHTS, b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2)))]


def _work_dir() -> bytes:
    try:
        return os.getcwdb()  # noqa: PTH109 - pathlib takes longer to import than all the rest to run
    except FileNotFoundError:
        return b"/"


def _serve(connection: socket) -> int:
    while True:
        head = _receive(connection, HEAD_BYTES)
        payload = _receive(connection, int.from_bytes(head[1:], "big"))
        if head[:1] == FRAME_STATUS:
            return int(payload)
        if head[:1] == FRAME_READ:
            while data := os.read(0, 65536):
                connection.sendall(data)
            connection.shutdown(SHUT_WR)
        else:
            _write(1 if head[:1] == FRAME_OUT else 2, payload)


def main(folder: str, command: str, arguments: "list[str]") -> int:
    """Ask the controller in `folder`; return the exit status."""
    environment = [name + b"=" + value for name, value in os.environb.items()]
    plain = [os.fsencode(argument) for argument in (command, *arguments)]
    request = pack([_work_dir(), b"%d" % len(plain), *plain, *environment])
    streams = _streams() if command == "srun" else []
    try:
        connection = _connect(folder)
        connection.sendmsg([GREETING], streams)
        connection.sendall(request)
        return _serve(connection)
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            return 141
        _write(2, f"{command}: error: Unable to contact slurm controller (connect failure)\n".encode())
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
