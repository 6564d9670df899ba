"""The cost of 41,000 rows on the screen compared with 400, and the bytes that an update sends to a terminal.

Run as ``python -m tests.benchmarks.bench_tree_table``. Only the ratios are comparable between machines.
"""

import asyncio
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from statistics import median
from time import perf_counter

from msgspec.structs import replace

from dasktop.collectors.model.feed import Event
from dasktop.collectors.model.snapshot import Snapshot
from dasktop.tui.app import DasktopApp
from dasktop.tui.view.visible_rows import visible_rows
from tests.support.fake_feed import FakeFeed
from tests.support.snapshots import TAKEN_AT, busy_job, snapshot

ROUNDS = 15
COLUMNS, LINES = 120, 40
WORKERS_OF_A_JOB = 39  # plus a row for the job
QUIET_SECONDS = 0.3
TICKS = 5


def tree(rows: int) -> Snapshot:
    """Return a snapshot with about so many rows."""
    jobs = range(rows // (WORKERS_OF_A_JOB + 1))
    return snapshot([busy_job(str(1000 + number), number, WORKERS_OF_A_JOB) for number in jobs])


def everything(_key: object) -> bool:
    return _key[0] != "worker"  # type: ignore[index]  # a key is a tuple


async def stopwatch() -> None:
    """Print the time of each step for both sizes."""
    sizes = [400, 41_000]
    found = [await measure(size) for size in sizes]
    print(f"{'milliseconds':<44}" + "".join(f"{size:>10,} rows" for size in sizes) + f"{'ratio':>10}")
    for name, small in found[0].items():
        large = found[1][name]
        print(f"{name:<44}{1000 * small:>15.2f}{1000 * large:>15.2f}{large / small:>10.1f}")


async def measure(size: int) -> dict[str, float]:
    """Return the seconds of each step with so many rows."""
    app = DasktopApp(FakeFeed())
    async with app.run_test(size=(COLUMNS, LINES)) as pilot:
        table = app._tree.table
        shown = tree(size)
        rows = visible_rows(shown, everything)
        one_more = visible_rows(replace(shown, jobs=(*shown.jobs, busy_job("9", 1, 0))), everything)
        table.show(rows, TAKEN_AT)
        await pilot.pause()

        async def shown_until_drawn(what: list) -> None:  # type: ignore[type-arg]  # rows
            table.show(what, TAKEN_AT)
            await pilot.pause()

        found = {
            "rows of a snapshot": timed(lambda: visible_rows(shown, everything)),
            "an update without changes": timed(lambda: table.show(rows, TAKEN_AT)),
        }
        start = perf_counter()
        for _ in range(ROUNDS):
            await shown_until_drawn(one_more)
            await shown_until_drawn(rows)
        found["a row is added or removed, until drawn"] = (perf_counter() - start) / (2 * ROUNDS)
        start = perf_counter()
        await pilot.press("G", "g")
        found["to the last row and back, by key"] = perf_counter() - start
        return found


def timed(function: Callable[[], object]) -> float:
    """Return the median time of a call, in seconds."""
    found = []
    for _ in range(ROUNDS):
        start = perf_counter()
        function()
        found.append(perf_counter() - start)
    return median(found)


class FedByPipe(FakeFeed):
    """Delivers the next snapshot for each byte that the parent process writes to a pipe."""

    def __init__(self, pipe: int, snapshots: list[Snapshot]) -> None:
        super().__init__()
        self._pipe = pipe
        self._snapshots = snapshots

    def start(self, deliver: Callable[[Event], None]) -> None:
        super().start(deliver)
        import threading

        threading.Thread(target=self._feed, daemon=True).start()

    def _feed(self) -> None:
        for shown in self._snapshots:
            if os.read(self._pipe, 1) == b"":
                return
            assert self.deliver is not None
            self.deliver(shown)


def ticks() -> dict[str, list[Snapshot]]:
    """Return series of snapshots: the first one for the first paint, then one for each update."""
    jobs = [busy_job(str(1000 + number), number) for number in range(6)]
    still = snapshot(jobs)
    busy = [
        snapshot([busy_job(str(1000 + number), number + (number < 2) * tick) for number in range(6)])
        for tick in range(TICKS + 1)
    ]
    return {
        "nothing changes": [still] * (TICKS + 1),
        "all values of 12 of 30 rows change": busy,
        "a job is added or removed below": [snapshot(jobs[: 6 - tick % 2]) for tick in range(TICKS + 1)],
    }


def in_terminal(name: str) -> tuple[int, float]:
    """Return the bytes that a terminal gets for the first paint, and for an update on average."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    go, pipe = os.pipe()[::-1]
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.bench_tree_table", name, str(pipe)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        pass_fds=[pipe],
        env=os.environ | {"TERM": "xterm-256color"},
        start_new_session=True,
    )
    os.close(theirs)
    os.close(pipe)
    try:
        read_until_quiet(ours, 5.0)
        os.write(go, b".")
        first = read_until_quiet(ours)
        sent = 0
        for _ in range(TICKS):
            os.write(go, b".")
            sent += read_until_quiet(ours)
        return first, sent / TICKS
    finally:
        child.kill()
        child.wait()
        os.close(go)
        os.close(ours)


def read_until_quiet(terminal: int, first_seconds: float = QUIET_SECONDS) -> int:
    """Return how many bytes are received until none comes for a while; the first may take longer."""
    seconds, count = first_seconds, 0
    while select.select([terminal], [], [], seconds)[0]:
        count += len(os.read(terminal, 65536))
        seconds = QUIET_SECONDS * 3 if not count else QUIET_SECONDS
    return count


def main() -> None:
    if len(sys.argv) == 3:
        DasktopApp(FedByPipe(int(sys.argv[2]), ticks()[sys.argv[1]])).run()
        return
    asyncio.run(stopwatch())
    print(f"\nbytes sent to a terminal of {COLUMNS}x{LINES}, 30 rows{'first paint':>15}{'update':>10}")
    for name in ticks():
        first, each = in_terminal(name)
        print(f"{name:<44}{first:>19,}{each:>10,.0f}")


if __name__ == "__main__":
    main()
