"""Settings of an embedded SLURM: nodes, partitions, limits and times, and the file its processes read them from."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dasktop.collectors.embedded_slurm.records import Resources

FILE_NAME = "settings.json"
LOG_NAME = "controller.log"
COMMANDS = ("sacct", "sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun", "sstat")
# The version of SLURM whose commands are imitated.
VERSION = "22.05.8"


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition over all nodes. A limit of None: unlimited. The first partition is the default one."""

    name: str
    default_minutes: int | None = None
    max_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings.

    Parameters
    ----------
    token
        Identifies the processes of this embedded SLURM.
    nodes, cpus_per_node, memory_per_node_mb, gpus_per_node
        The virtual nodes, named n1, n2, …; all of them are this machine.
    partitions
        See `Partition`.
    qos
        By quality of service, the maximum number of running jobs per user; None: no limit.
    default_memory_per_cpu_mb
        For jobs that request no memory.
    minute_seconds
        How long a minute of a job's time limit lasts; tests shorten it.
    kill_wait_seconds
        From SIGTERM to SIGKILL, for jobs that are cancelled or exceed their time limit.
    min_job_age_seconds
        How long ended jobs stay visible to squeue and scontrol; accounting keeps them all.
    accounting
        Whether sacct works; if not, it fails as without slurmdbd.
    """

    token: str
    nodes: int = 4
    cpus_per_node: int = 16
    memory_per_node_mb: int = 64_000
    gpus_per_node: int = 0
    cluster: str = "embedded"
    account: str = "lab"
    partitions: tuple[Partition, ...] = (Partition("debug", 60, 24 * 60), Partition("short", 1, 1))
    qos: Mapping[str, int | None] = field(default_factory=lambda: {"normal": None, "capped": 1})
    default_memory_per_cpu_mb: int = 1000
    minute_seconds: float = 60.0
    kill_wait_seconds: float = 30.0
    min_job_age_seconds: float = 300.0
    accounting: bool = True

    @property
    def node_resources(self) -> dict[str, Resources]:
        """Node name → resources of the node."""
        whole = Resources(self.cpus_per_node, self.memory_per_node_mb, self.gpus_per_node)
        return {f"n{number}": whole for number in range(1, self.nodes + 1)}

    def partition(self, name: str) -> Partition | None:
        """Return the partition of that name, if there is one."""
        return next((partition for partition in self.partitions if partition.name == name), None)

    def write(self, folder: Path) -> None:
        """Write the file that the controller and the supervisor read."""
        (folder / FILE_NAME).write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Settings":
        """Read the file that `write` wrote."""
        values: dict[str, Any] = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        values["partitions"] = tuple(Partition(**partition) for partition in values["partitions"])
        return cls(**values)
