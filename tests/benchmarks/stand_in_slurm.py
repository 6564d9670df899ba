"""Stand-ins for SLURM's commands: they print a queue of any size, and record each call. They start and change nothing.

`StandInSlurm` writes them into a folder. This file is also the stand-in for squeue, which knows any format.
"""

import getpass
import json
import os
import sys
import time
from pathlib import Path

MIB = 1 << 20
FIRST_JOB = 4000
_HOUR = 3600

# The calls of slurmctld (RPCs) for one command, as a SLURM 22.05 counts them (sdiag). For sstat: for each job.
RPCS = {"squeue": 1, "scontrol": 1, "sacct": 0}
RPCS_OF_SSTAT = 3


def letters(job: dict, epoch: bool) -> dict[str, str]:
    """Return what squeue prints for each format letter of a job."""

    def moment(seconds: float) -> str:
        return str(int(seconds)) if epoch else time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(seconds))

    number, started_at = job["id"], job["started_at"]
    return {
        "%A": number,
        "%i": number,
        "%F": number,
        "%K": "N/A",
        "%n": "",
        "%f": "(null)",
        "%T": "RUNNING",
        "%C": "64",
        "%D": "1",
        "%m": "128G",
        "%b": "N/A",
        "%l": "8:00:00",
        "%V": moment(started_at - 60),
        "%S": moment(started_at),
        "%e": moment(started_at + 8 * _HOUR),
        "%N": job["node"],
        "%u": job["user"],
        "%a": "physics",
        "%P": "cpu",
        "%q": "normal",
        "%r": "None",
        "%j": "dask-worker",
        "%o": "/home/ada/job.sh",
    }


def squeue(arguments: list[str], queue: list[dict]) -> str:
    """Return the output of squeue."""
    if "-O" in arguments:
        return "".join(f"{job['id']:<30}{'cpu=64,mem=128G,node=1':<400}\n" for job in queue)
    form = arguments[arguments.index("-o") + 1]
    epoch = os.environ.get("SLURM_TIME_FORMAT") == "%s"
    lines = []
    for job in queue:
        line = form
        for letter, text in letters(job, epoch).items():
            line = line.replace(letter, text)
        lines.append(f"{line}\n")
    return "".join(lines)


class StandInSlurm:
    """A folder with squeue, sacct, scontrol and sstat.

    Parameters
    ----------
    folder
        An empty folder.
    jobs
        The number of running jobs. The first one has the id `FIRST_JOB`, and is the cluster's job 0.
    """

    def __init__(self, folder: Path, jobs: int) -> None:
        self.folder = folder
        self._calls = folder / "calls"
        now = time.time()
        queue = [
            {
                "id": str(FIRST_JOB + number),
                "node": f"n{number:05}",
                "user": getpass.getuser(),
                "started_at": now - _HOUR + number,
            }
            for number in range(jobs)
        ]
        data = folder / "queue.json"
        data.write_text(json.dumps(queue))
        self._calls.touch()
        own = Path(__file__).absolute()
        self._program("squeue", f"exec '{sys.executable}' -I -S '{own}' '{data}' \"$@\"")
        self._program("sacct", "exit 0")
        self._program(
            "scontrol",
            f"""[ "$1" = write ] || exit 0
            printf '#!/usr/bin/env bash\\n#SBATCH -J dask-worker\\n#SBATCH -n 1\\n'
            printf '%s -m distributed.cli.dask_worker tcp://127.0.0.1:1 --name SLURMCluster-%s' \\
                /opt/dask/bin/python $(($3 - {FIRST_JOB}))
            printf ' --nthreads 3 --memory-limit 4.00GB --nworkers 4 --nanny --death-timeout 60\\n'""",
        )
        self._program(
            "sstat",
            """IFS=,; previous=
            for argument; do
                if [ "$previous" = -j ]; then
                    for id in $argument; do echo "$id.batch|1|00:00:05|5M|n1|$id|5M"; done
                fi
                previous=$argument
            done""",
        )

    def _program(self, name: str, body: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\nprintf '%s\\n' \"{name} $*\" >>'{self._calls}'\n{body}\n")
        path.chmod(0o755)

    @property
    def path(self) -> str:
        """A PATH with these commands before all others."""
        return f"{self.folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"

    @property
    def calls(self) -> list[list[str]]:
        """The calls so far, each with its arguments; one that contains a new line counts once."""
        lines = [line.split() for line in self._calls.read_text(errors="replace").split("\n")]
        return [line for line in lines if line and line[0] in (*RPCS, "sstat")]

    def processes(self, name: str) -> int:
        """Return how often a command was run."""
        return sum(call[0] == name for call in self.calls)

    @property
    def rpcs(self) -> int:
        """The calls of slurmctld so far, by the model of `RPCS`."""
        own = sum(RPCS.get(call[0], 0) for call in self.calls)
        of_sstat = sum(len(call[call.index("-j") + 1].split(",")) for call in self.calls if call[0] == "sstat")
        return own + RPCS_OF_SSTAT * of_sstat


if __name__ == "__main__":
    sys.stdout.write(squeue(sys.argv[2:], json.loads(Path(sys.argv[1]).read_text())))
