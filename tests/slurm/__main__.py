"""A real SLURM for a developer's shell: prints the ``export`` lines for it, and runs until it is stopped.

It stops and removes everything on Ctrl-C, SIGTERM, SIGHUP or the end of standard input.
"""

import argparse
import os
import select
import shlex
import signal
import sys
from types import FrameType

from tests.slurm.cluster import RealSlurm
from tests.slurm.environment import PREFIXES, SYSTEM_FOLDERS
from tests.slurm.missing import missing_programs
from tests.slurm.processes import StartError

USAGE = """\
In one terminal:   python -m tests.slurm > /tmp/slurm.env
In the others:     source /tmp/slurm.env; sinfo
"""


def shell_lines(slurm: RealSlurm) -> str:
    """Return lines for a POSIX shell that make SLURM's commands use this SLURM only."""
    prefixes = "|".join(PREFIXES)
    return "\n".join(
        [
            f"unset $(env | sed -nE 's/^(({prefixes})[A-Za-z0-9_]*)=.*/\\1/p')",
            f'export PATH="$PATH:{os.pathsep.join(SYSTEM_FOLDERS)}"',
            f"export SLURM_CONF={shlex.quote(slurm.environment['SLURM_CONF'])}",
        ]
    )


def main() -> int:
    """Start a SLURM and keep it running; return 1 if it did not start."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.slurm",
        description="Run your own SLURM with accounting until Ctrl-C.",
        epilog=USAGE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--nodes", type=int, default=4, help="number of nodes of 16 CPUs and 64,000 MB (default: 4)")
    arguments = parser.parse_args()
    if missing := missing_programs():
        print(f"SLURM's programs are not installed: {', '.join(missing)}", file=sys.stderr)
        return 1
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with RealSlurm(nodes=arguments.nodes) as slurm:
            print(shell_lines(slurm), flush=True)
            print(f"SLURM is up in {slurm.folder}; Ctrl-C stops it", file=sys.stderr)
            _wait_for_end_of_input()
    except StartError as error:
        print(f"SLURM did not start: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("SLURM was stopped", file=sys.stderr)
    return 0


def _wait_for_end_of_input() -> None:
    while True:
        select.select([sys.stdin], [], [])
        if not os.read(sys.stdin.fileno(), 4096):
            return


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
