"""Run benchmarks and print a line of JSON for each row: ``python -m tests.benchmarks [--tiny] [NAME...]``."""

import logging
import subprocess
import sys
from importlib import import_module

USUAL = ("poll", "threads", "sampler", "analysis", "slurm", "screen", "start", "recording", "follow", "live")
"""Each is the module ``bench_NAME``; they run in this order. ``follow`` takes more than a minute, ``live`` three."""
NAMES = (*USUAL, "day", "growth")
"""The last two take several minutes, and run only if they are named."""
TINY = "--tiny"


def run(name: str, *, tiny: bool) -> None:
    """Run one benchmark in this process, and print its rows."""
    for row in import_module(f"tests.benchmarks.bench_{name}").rows(tiny=tiny):
        print(row.line, flush=True)


def main(arguments: list[str]) -> int:
    """Run the named benchmarks, or the usual ones; return the number of those that failed.

    Several run each in a process of its own, so that none affects another; tiny ones run in this process.
    """
    tiny = TINY in arguments
    names = [name for name in arguments if name != TINY] or USUAL
    if unknown := set(names) - set(NAMES):
        print(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    if tiny or len(names) == 1:
        logging.disable()
        for name in names:
            run(name, tiny=tiny)
        return 0
    commands = [[sys.executable, "-m", __package__, name] for name in names]
    return sum(subprocess.run(command, check=False).returncode != 0 for command in commands)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
