"""Records of the embedded SLURM: requests, jobs, their steps and tasks. Plain data with a few derived properties."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dasktop.collectors.embedded_slurm.hostlist import write_indexes


class State(StrEnum):
    """A job's or step's base state; the value is SLURM's short form."""

    PENDING = "PD"
    RUNNING = "R"
    COMPLETED = "CD"
    CANCELLED = "CA"
    FAILED = "F"
    TIMEOUT = "TO"
    OUT_OF_MEMORY = "OOM"

    @property
    def ended(self) -> bool:
        """Whether this is a final state."""
        return self not in {State.PENDING, State.RUNNING}


@dataclass(frozen=True, slots=True)
class Resources:
    """CPUs, memory and GPUs: a node's, or a job's share of one node."""

    cpus: int
    memory_mb: int
    gpus: int = 0

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(self.cpus + other.cpus, self.memory_mb + other.memory_mb, self.gpus + other.gpus)

    def __sub__(self, other: "Resources") -> "Resources":
        return Resources(self.cpus - other.cpus, self.memory_mb - other.memory_mb, self.gpus - other.gpus)

    def least(self, other: "Resources") -> "Resources":
        """Return the smaller of each."""
        return Resources(min(self.cpus, other.cpus), min(self.memory_mb, other.memory_mb), min(self.gpus, other.gpus))

    def covers(self, other: "Resources") -> bool:
        """Whether `other` fits into this."""
        return self.cpus >= other.cpus and self.memory_mb >= other.memory_mb and self.gpus >= other.gpus


@dataclass(frozen=True, slots=True)
class Needs:
    """What a job requests from the nodes. None: not requested."""

    tasks: int = 1
    tasks_asked: bool = False
    nodes: int | None = None
    tasks_per_node: int | None = None
    cpus_per_task: int | None = None
    memory_per_node_mb: int | None = None
    memory_per_cpu_mb: int | None = None
    gpus_per_node: int = 0
    required_nodes: tuple[str, ...] = ()

    @property
    def cpus(self) -> int:
        """CPUs of all tasks together."""
        return self.tasks * (self.cpus_per_task or 1)

    @property
    def least_nodes(self) -> int:
        """The minimum number of nodes, from the request alone."""
        return self.nodes or (-(-self.tasks // self.tasks_per_node) if self.tasks_per_node else 1)


@dataclass(frozen=True, slots=True)
class Request:
    """A submitted request. `time_limit_minutes` None: no limit."""

    name: str
    user: str
    uid: int
    account: str
    partition: str
    qos: str
    needs: Needs
    time_limit_minutes: int | None
    work_dir: str
    environment: Mapping[str, str]
    script: str | None = None
    arguments: tuple[str, ...] = ()
    command: str = "(null)"
    output: str | None = None
    error: str | None = None
    input: str | None = None
    append_output: bool = False
    comment: str = ""
    array: tuple[int, ...] = ()
    array_throttle: int | None = None


@dataclass(slots=True, eq=False)
class Task:
    """One process that SLURM started, on a node; `exit_status` is wait(2)'s, None while it runs."""

    rank: int
    local_rank: int
    node: str
    pid: int | None = None
    exit_status: int | None = None
    rss_bytes: int = 0
    peak_rss_bytes: int = 0
    cpu_seconds: float = 0.0


@dataclass(slots=True, eq=False)
class Step:
    """Tasks started together: the batch script (`id` ``batch``) or one srun (0, 1, …)."""

    id: int | str
    name: str
    nodes: tuple[str, ...]
    tasks: list[Task]
    cpus_by_node: dict[str, int]
    started_at: float
    overlaps: bool = False
    state: State = State.RUNNING
    ended_at: float | None = None
    exit_code: int = 0
    signal: int = 0
    kill_at: float | None = None

    @property
    def cpus(self) -> int:
        """CPUs that it may use."""
        return sum(self.cpus_by_node.values())


@dataclass(slots=True, eq=False)
class Job:
    """One job; for a job array this is one task of it, or (`array_rest`) all of its tasks not started yet."""

    id: int
    request: Request
    submitted_at: float
    time_limit_minutes: int | None
    state: State = State.PENDING
    completing: bool = False
    reason: str = "None"
    held: bool = False
    array_job_id: int | None = None
    array_task_id: int | None = None
    array_rest: tuple[int, ...] = ()
    allocation: dict[str, Resources] = field(default_factory=dict)
    tasks_by_node: dict[str, int] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    expected_start_at: float | None = None
    started_at: float | None = None
    ends_at: float | None = None
    ended_at: float | None = None
    done_at: float | None = None
    exit_code: int = 0
    signal: int = 0
    derived_exit_code: int = 0
    cancelled_by: int | None = None
    kill_at: float | None = None

    @property
    def over(self) -> bool:
        """Whether the job and its last process have ended."""
        return self.state.ended and not self.completing

    @property
    def command_id(self) -> str:
        """The id as squeue's ``%i`` and sacct write it: ``12``, ``12_3``, ``12_[4-9%2]``."""
        if self.array_job_id is None:
            return str(self.id)
        return (
            f"{self.array_job_id}_[{self.shown_task_id}]"
            if self.array_rest
            else f"{self.array_job_id}_{self.array_task_id}"
        )

    @property
    def shown_task_id(self) -> str:
        """The array part of the id as squeue's ``%K`` writes it: ``3``, ``4-9%2``, or ``N/A``."""
        if self.array_rest:
            throttle = f"%{self.request.array_throttle}" if self.request.array_throttle else ""
            return f"{write_indexes(self.array_rest)}{throttle}"
        return "N/A" if self.array_task_id is None else str(self.array_task_id)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Its nodes, also after its end."""
        return tuple(self.allocation)

    @property
    def cpus(self) -> int:
        """CPUs that it has, or requests."""
        return sum(share.cpus for share in self.allocation.values()) or self.request.needs.cpus

    def step(self, step_id: str) -> Step | None:
        """Return the step of that id, if there is one."""
        return next((step for step in self.steps if str(step.id) == step_id), None)
