"""For any input from outside, a reader returns clean data or raises the errors that it documents.

The active hypothesis profile sets the number of examples; they are the same each time. See `fuzzing`.
"""

import asyncio
import gzip
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import msgpack
import msgspec
import pytest
from hypothesis import settings
from msgspec.structs import replace

from dasktop.collectors.analysis.anatomy.checks import anatomy_of
from dasktop.collectors.analysis.job_record import explain
from dasktop.collectors.analysis.reconcile import reconcile
from dasktop.collectors.model.errors import NoSchedulerError, RecordingError, SourceError
from dasktop.collectors.model.readings import DaskReading, EndedJob, SlurmReading, WorkerReading
from dasktop.collectors.model.snapshot import Finding
from dasktop.collectors.recording.lines import Lines
from dasktop.collectors.recording.reader import Recording
from dasktop.collectors.scaling import action_log as past_actions
from dasktop.collectors.scaling.slurm import renamed, sbatch_options, submitted_id
from dasktop.collectors.sources.address import Address
from dasktop.collectors.sources.dask.comm import ProtocolError, decode
from dasktop.collectors.sources.dask.identity import read_identity
from dasktop.collectors.sources.dask.plain_values import as_dict
from dasktop.collectors.sources.dask.profile_reading import read_profiles
from dasktop.collectors.sources.dask.scheduler_file import address_from_scheduler_file
from dasktop.collectors.sources.dask.scheduler_reading import SchedulerReading, WorkerEvents
from dasktop.collectors.sources.dask.scheduler_reading import decode as decode_reading
from dasktop.collectors.sources.dask.server_logs import read_scheduler_log, read_worker_logs
from dasktop.collectors.sources.dask.shipped_scheduler import ASK_WORKERS
from dasktop.collectors.sources.dask.shipped_workers import CURRENT_FIELDS, HEARTBEAT_FIELDS, REGISTERED_FIELDS
from dasktop.collectors.sources.dask.threads import ThreadMeter, read_call_stack
from dasktop.collectors.sources.dask.worker_probe import WorkerRegistry
from dasktop.collectors.sources.dask.worker_table import WorkerTable
from dasktop.collectors.sources.logs.lines import Block
from dasktop.collectors.sources.own_addresses import program_words
from dasktop.collectors.sources.slurm import accounting, queue
from dasktop.collectors.sources.slurm.commands import CommandOutput
from dasktop.collectors.sources.slurm.failure_cause import failure_cause
from dasktop.collectors.sources.slurm.nodelist import expand
from dasktop.collectors.sources.slurm.output_files import parse_output_files, parse_work_dir
from dasktop.collectors.sources.slurm.partition_lookups import hides_jobs, parse_free_nodes, parse_pending, place_of
from dasktop.collectors.sources.slurm.reasons import reason_of
from dasktop.collectors.sources.slurm.script_output import depends_on_array_task, parse_job_details
from dasktop.collectors.sources.slurm.script_workers import JobEnvironment
from dasktop.collectors.sources.slurm.scripts import needs_job_details, parse_script
from dasktop.collectors.sources.slurm.steps import parse_steps
from dasktop.collectors.text.clean import clean_lines
from dasktop.tui.config import file as config_file
from dasktop.tui.config.config import document
from dasktop.tui.draw.glyphs import UNICODE
from dasktop.tui.view.profile import profile_lines
from tests.support import snapshots
from tests.support.fuzzing import Reader, faults_of
from tests.support.worker_answers import whole_answer

FIXTURES = Path(__file__).parents[2] / "fixtures"
MARK = "\x1e0badcafe"
SEPARATOR = "\x1f0badcafe\x1f"
ADDRESS = "tcp://10.1.0.7:4000"


def fixture(name: str, most: int = 4000) -> bytes:
    """Return the beginning of a file: the same number of examples covers more changes of a short input."""
    return (FIXTURES / name).read_bytes()[:most]


def text_of(raw: bytes) -> str:
    """Return a command's output as `Commands` returns it."""
    return raw.decode("utf-8", errors="replace")


def snapshot_of(slurm: SlurmReading | None = None, dask: DaskReading | None = None) -> object:
    """Return the snapshot of a reading, and how its jobs ended."""
    return reconcile(dask, slurm, (), snapshots.TAKEN_AT), [explain(ended) for ended in (slurm.ended if slurm else ())]


def read_queue(raw: bytes) -> object:
    found = queue.parse_queue(text_of(raw), MARK, queue.parse_resources(text_of(raw)))
    reasons = [reason_of(job.reason) for job in found.jobs]
    return found, reasons, snapshot_of(SlurmReading(taken_at=snapshots.TAKEN_AT, jobs=found.jobs))


def read_accounting(raw: bytes) -> object:
    return ended_jobs(accounting.parse_accounting(text_of(raw), SEPARATOR))


def read_shown_job(raw: bytes) -> object:
    shown = accounting.parse_show_job(text_of(raw), "109")
    return ended_jobs((shown,) if shown else ())


def ended_jobs(ended: tuple[EndedJob, ...]) -> object:
    return ended, snapshot_of(SlurmReading(taken_at=snapshots.TAKEN_AT, ended=ended))


def read_steps(raw: bytes) -> object:
    steps = parse_steps(text_of(raw))
    return steps, snapshot_of(SlurmReading(taken_at=snapshots.TAKEN_AT, steps=steps))


def read_script(raw: bytes) -> object:
    text = text_of(raw)
    facts = JobEnvironment({"HOME": "/home/ada", "USER": "ada", "SLURM_NTASKS": "4"}, "/home/ada", 4)
    found = parse_script("7", text), parse_script("7", text, facts)
    return found, needs_job_details(text, facts), depends_on_array_task(text)


def read_anatomy(raw: bytes) -> object:
    job = snapshots.busy_job("4709", 0)
    return anatomy_of(snapshots.snapshot([job]), job, clean_lines(text_of(raw)))


def read_files(raw: bytes) -> object:
    return parse_output_files(text_of(raw), "100"), parse_work_dir(text_of(raw)), parse_job_details(text_of(raw))


def read_error(raw: bytes) -> object:
    return [CommandOutput("sbatch", text_of(raw), (), status).error_message for status in (0, 1, -9)]


def read_place(text: str) -> object:
    return hides_jobs(text), place_of("7", parse_pending(text))


def read_submitted(raw: bytes) -> object:
    found = queue.parse_script_paths(text_of(raw), MARK)
    return submitted_id(text_of(raw)), [job_id for job_id, _ in found]


def read_resubmitted(raw: bytes) -> object:
    """Return numbers: scripts and options go back to sbatch as they are."""
    script = renamed(text_of(raw), lambda: "0a1b2c")
    return len(script or ""), len(sbatch_options(snapshots.busy_job("7", 0), text_of(raw)))


def read_command_line(raw: bytes) -> object:
    words = os.fsdecode(raw).split("\0")
    return [program_words(words, folder, "/home/ada") for folder in (None, os.fsdecode(raw))]


def read_log(raw: bytes) -> object:
    return [raw_line.line() for raw_line in Block(0, raw).lines()], failure_cause(text_of(raw), failed=True)


class Answering:
    """A connection to a scheduler that gives the same answer to every request."""

    address: ClassVar[Address] = Address("tcp", "10.1.0.7", 8786)

    def __init__(self, answer: object) -> None:
        self._answer = answer

    async def call(self, op: str, seconds: float, **arguments: object) -> object:
        return {ADDRESS: ["answered", self._answer]} if op == ASK_WORKERS else self._answer


def dask_snapshot(reading: SchedulerReading) -> object:
    workers = tuple(WorkerReading(worker=worker) for worker in reading.workers)
    return reading, snapshot_of(dask=DaskReading(taken_at=snapshots.TAKEN_AT, cluster=reading.cluster, workers=workers))


def read_reading(raw: bytes) -> object:
    table = WorkerTable()
    decode_reading(READING, table)
    decode_reading(as_dict(decode(raw)), table)  # an answer about what has changed
    reading = decode_reading(as_dict(decode(raw)), table)
    events = WorkerEvents().after(reading, snapshots.TAKEN_AT)
    # The script is for sbatch, and not shown to users.
    return events, dask_snapshot(replace(reading, refused_script=None))


def read_identity_answer(raw: bytes) -> object:
    return dask_snapshot(asyncio.run(read_identity(Answering(decode(raw)), 1)))  # type: ignore[arg-type]


def read_threads(raw: bytes) -> object:
    meter, answer = ThreadMeter(), as_dict(decode(raw))
    return [meter.measure(ADDRESS, 1, answer) for _ in range(2)]


def read_introduction(raw: bytes) -> object:
    known, worker = WorkerRegistry(), snapshots.worker()
    known.register(worker, decode(raw))
    return known.of(worker)


def read_stack(raw: bytes) -> object:
    return asyncio.run(read_call_stack(Answering(decode(raw)), ADDRESS, 1, 1))  # type: ignore[arg-type]


def read_profile(raw: bytes) -> object:
    profile = asyncio.run(read_profiles(Answering(decode(raw)), {ADDRESS: "w"}, None, 1))  # type: ignore[arg-type]
    return profile, ["".join(piece.text for piece in line) for line in profile_lines(profile, 80, UNICODE)]


def read_dask_log(raw: bytes) -> object:
    connection = Answering(decode(raw))
    return (
        asyncio.run(read_scheduler_log(connection, 1)),  # type: ignore[arg-type]
        asyncio.run(read_worker_logs(connection, {ADDRESS: "w"}, 1)),  # type: ignore[arg-type]
    )


def by_file(read: Callable[[Path], object], path: Path) -> Callable[[bytes], object]:
    """Return a reader of a file's content."""

    def read_content(raw: bytes) -> object:
        path.write_bytes(raw)
        return read(path)

    return read_content


def read_config(path: Path) -> object:
    config = config_file.load(path)
    return config.faults, document(config).split("\n"), list(config.in_file.values())


def read_recording(path: Path) -> object:
    recording = Recording(str(path))
    try:
        list(recording.scan())
        return list(recording.snapshots()), recording.marks, recording.remark, recording.good_snapshot(0)
    finally:
        recording.close()


def recorded() -> bytes:
    finding = Finding(
        code="job-held", severity="warning", job_id="4715", worker=None, message="4715 is held", since=None
    )
    lines, first = Lines(), replace(snapshots.everyday(), findings=(finding,))
    moments = [replace(first, taken_at=first.taken_at + timedelta(seconds=2 * number)) for number in range(4)]
    head = b'{"recording":1,"program":"dasktop 0.1","begun_at":"2025-11-22T12:00:00Z","redacted":false}'
    return b"\n".join([head, *(lines.line(moment)[0] for moment in moments)]) + b"\n"


WORKER = dict.fromkeys((*REGISTERED_FIELDS, *HEARTBEAT_FIELDS, *CURRENT_FIELDS), 1) | {
    "address": ADDRESS,
    "name": "SLURMCluster-0",
    "status": "paused",
    "transfers": [1, 2, 3, 4, 5, 6],
    "versions": 0,
}
READING = {
    "id": "Scheduler-1",
    "address": "tcp://10.1.0.7:8786",
    "dask_version": "2026.8.0",
    "python_version": "3.11.7",
    "task_counts": {"memory": 3, "processing": 1},
    "place": {"environment": {"SLURM_JOB_ID": "7"}, "cgroup": "0::/job_7/step_0/task_1"},
    "owner": {
        "class": "SLURMCluster",
        "name": "mine",
        "host": "n1",
        "pid": 1,
        "cores": 2,
        "memory": 10,
        "processes": 1,
        "adaptive": {"minimum": 0, "maximum": 3},
        "job_ids": {"SLURMCluster-0": "7"},
        "wanted": ["SLURMCluster-0", "SLURMCluster-1"],
        "not_submitted": ["SLURMCluster-1"],
        "script": "#!/bin/sh\ndask worker\n",
    },
    "now": 1_700_000_000.5,
    "events": [[1_700_000_000.0, "removed", ADDRESS, 1, 2, "unexpected", 3, 4]],
    "workers": whole_answer(WORKER, versions=[["2026.8.0", "3.11.7.final.0"]]),
}
IDENTITY = {
    "type": "Scheduler",
    "id": "Scheduler-1",
    "address": "tcp://10.1.0.7:8786",
    "n_workers": 1,
    "workers": {
        ADDRESS: {
            "name": "SLURMCluster-0",
            "nthreads": 3,
            "memory_limit": 4_000_000_000,
            "last_seen": 1.5,
            "metrics": {
                "task_counts": {"executing": 2, "ready": 4, "memory": 7},
                "managed_bytes": 500,
                "spilled_bytes": {"memory": 100, "disk": 90},
                "cpu": 187.5,
                "memory": 123_456,
                "transfer": {"incoming_bytes": 1, "incoming_count": 2},
            },
            "status": "running",
            "nanny": "tcp://10.0.0.7:4000",
        }
    },
}
INTRODUCTION = {
    "pid": 1,
    "parent_pid": 2,
    "host": "n1",
    "environment": {"SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0", "SLURM_PROCID": "1", "SLURMD_NODENAME": "n1"},
    "cgroup": "0::/system.slice/slurmstepd.scope/job_7/step_0/user/task_1",
    "stepds": ["slurmstepd: [7.batch]"],
    "started_at": 1_700_000_000.5,
}
THREADS = {
    "at": 5.5,
    "threads": [[1, "Dask-Default-Threads-1", "compute", 1.5, "inc-1"], [2, "main", "other", 1, None]],
}
PROFILE = {
    "samples": 100,
    "own_samples": 0,
    "calls": [
        ["load", None, None, 100, 0, [["read", "/home/ada/model.py", 7, 90, 60, [["inner", "m.py", 9, None, 0, []]]]]]
    ],
}
MESSAGES = [[1_772_625_600.5, "INFO", "distributed.worker - INFO - Start worker\n  at tcp://10.1.0.7:4000"]]
FRAMES = {"frames": [["spin", "/home/ada/work.py", 12, "while True:"], ["run", "threading.py", 5, ""]]}
SCHEDULER_FILE = {"type": "Scheduler", "id": "Scheduler-1", "address": ADDRESS, "workers": {"a": {"name": 1}}}
CONFIG = b'interval = 2.0\ntheme = "terminal"\n[keys]\nquit = "Q"\n[findings]\nworker_paused_seconds = 60\n'


def packed(value: Any) -> bytes:
    return bytes(msgpack.packb(value))


def readers(folder: Path) -> list[Reader]:
    recording = recorded()
    return [
        Reader("squeue", (fixture("slurm/squeue.txt"),), read_queue, (SourceError,)),
        Reader("squeue -O", (fixture("slurm/squeue_resources.txt"),), lambda raw: queue.parse_resources(text_of(raw))),
        Reader(
            "sacct",
            (fixture("slurm/sacct.txt"), CANCELLED),
            read_accounting,
            specimens=(CANCELLED.replace(b"CANCELLED", "\x1b[31m\u202eX".encode()),),
        ),
        Reader(
            "scontrol show job -o",
            (fixture("slurm/scontrol_show_job.txt"), SHOWN),
            read_shown_job,
            specimens=(SHOWN.replace(b"98", b"\x1b[31m98").replace(b"HetJobId=", "HetJobId=\u202e".encode()),),
        ),
        Reader("scontrol show job", (fixture("slurm/scontrol_show_job_files.txt"),), read_files),
        Reader("sstat", (fixture("slurm/sstat.txt"),), read_steps),
        Reader("sinfo", (FREE_NODES,), lambda raw: parse_free_nodes(text_of(raw))),
        Reader("queue of a partition", (PENDING_JOBS,), lambda raw: read_place(text_of(raw))),
        Reader("sbatch and squeue for its id", (SUBMITTED,), read_submitted),
        Reader("job to resubmit", (SCRIPT, fixture("slurm/scontrol_show_job_files.txt")), read_resubmitted),
        Reader("error of a command", (b"Welcome\nsbatch: error: Invalid partition name specified\n",), read_error),
        Reader(
            "command line of a process", (b"python\0-m\0ipykernel_launcher\0-f\0/home/ada/k.json",), read_command_line
        ),
        Reader(
            "job script",
            (fixture("slurm/dask_jobqueue_0.9.sh"), fixture("recordings/job_script.sh"), SCRIPT),
            read_script,
        ),
        Reader("job script's anatomy", (fixture("recordings/job_script.sh"),), read_anatomy),
        Reader("node list", (b"nid0[0099,0156-0157],login", b"a[1-2]b[3,5-7]c"), lambda raw: expand(text_of(raw))),
        Reader("log", (fixture("recordings/dask-worker.err"),), read_log),
        Reader("reading", (READING,), read_reading, (ProtocolError,), packed),
        Reader("identity", (IDENTITY,), read_identity_answer, (ProtocolError, SourceError), packed),
        Reader("introduction", (INTRODUCTION,), read_introduction, (ProtocolError,), packed),
        Reader("threads", (THREADS,), read_threads, (ProtocolError,), packed),
        Reader("call stack", (FRAMES,), read_stack, (ProtocolError, SourceError), packed),
        Reader("profile", (PROFILE,), read_profile, (ProtocolError, SourceError), packed),
        Reader("log of dask", (MESSAGES,), read_dask_log, (ProtocolError, SourceError), packed),
        Reader(
            "scheduler file",
            (SCHEDULER_FILE,),
            by_file(address_from_scheduler_file, folder / "scheduler.json"),
            (NoSchedulerError,),
            msgspec.json.encode,
        ),
        Reader("action log", (ACTIONS,), past_actions.parse, specimens=(b'{"a":' + b"[" * 100_000, DAMAGED_ACTIONS)),
        Reader("configuration", (CONFIG,), by_file(read_config, folder / "config.toml")),
        Reader(
            "recording",
            (recording,),
            by_file(read_recording, folder / "a.ndjson"),
            (RecordingError,),
            specimens=(recording.replace(b"n012", b"n\xff\xfe"), recording.replace(b"n012", b"n\x7f")),
        ),
        Reader(
            "recording, line by line",
            ([msgspec.json.decode(line) for line in recording.splitlines()],),
            by_file(read_recording, folder / "b.ndjson"),
            (RecordingError,),
            lambda lines: (
                b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
                if isinstance(lines, list)
                else msgspec.json.encode(lines)
            ),
        ),
        Reader(
            "gzipped recording",
            (gzip.compress(recording, mtime=0),),
            by_file(read_recording, folder / "c.ndjson.gz"),
            (RecordingError,),
        ),
    ]


ACTIONS = (
    b'{"at":"2025-11-22T12:00:00Z","event":"begun","action":"0a1b","who":"ada@n1, process 7","scheduler":"tcp://a:1",'
    b'"scheduler_id":"Scheduler-1","target":"2 jobs","submit":0,"release":["7","8"],"replace":[],"adapt":null}\n'
)
DAMAGED_ACTIONS = ACTIONS.replace(b"Scheduler-1", b"Scheduler\\u001b[31m") + ACTIONS.replace(b"ada", b"\xff")
SCRIPT = b"""#!/bin/bash
#SBATCH -n 4
cd $SLURM_SUBMIT_DIR && export ADDR=${HOST:-node01}:8786 S="$HOME/.dask/s-$SLURM_JOB_ID.json"
start() { local n=$1; shift; conda run -n env dask worker "$@" --nworkers $n; }
if [ "$SLURM_PROCID" = 0 ]; then dask scheduler --scheduler-file $S & else start 2 $ADDR --name 'a b'; fi
for i in 1 2 3; do srun -n 1 dask worker --scheduler-file "$S" > out-$i.log 2>&1 & done; wait
case $1 in a|b) echo `date` $(hostname) ;; *) dask-worker tcp://10.0.0.1:8786 <<'EOF'
tls://[::1]:8786
EOF
;; esac
"""
_NODE = "{:<80}{:<20}{:<40}{:<20}{:<20}{:<120}{:<200}{:<200}\n"
FREE_NODES = (
    b"Welcome to Big Iron\n"
    + _NODE.format("n1", "idle", "0/16/0/16", 64000, 0, "(null)", "gpu:0", "(null)").encode()
    + _NODE.format("n2", "mix~", "12/4/0/16", 64000, 63000, "gpu:4", "gpu:1(IDX:0)", "a100,rome").encode()
)
PENDING_JOBS = b"Welcome to Big Iron\n7\x1f90\x1fN/A\n9\x1f100\x1f1-10:2%2,14\n"
SUBMITTED = f"Welcome\n4711;cluster\nqueue: normal\n{MARK}4711\x1f/home/ada/job.sh{MARK}\n".encode()
_CANCELLED = "7 7_1 ada lab debug normal CANCELLED+by+1001 0:15 1 2 3 1:00 4 2 9M cpu=4,mem=9M 9K n[1-2] 01:40 job"
CANCELLED = _CANCELLED.replace(" ", SEPARATOR).replace("+", " ").encode()
SHOWN = (
    b"JobId=109 ArrayJobId=98 ArrayTaskId=0 HetJobId=109 JobName=x UserId=ada(1001) JobState=CANCELLED Account=lab "
    b"NodeList=n[1-2] StartTime=200 EndTime=300 ExitCode=0:15 TRES=cpu=2,mem=4G\n"
)

EXAMPLES = (4 if os.environ.get("CI") == "true" else 1) * settings.default.max_examples
NAMES = [reader.name for reader in readers(Path("/"))]


def faults_in_reading(reader: Reader, odd: bytes) -> list[str]:
    """Return the faults of a reader for this input: undocumented errors, or data that is not clean."""
    try:
        return faults_of(reader.read(odd))
    except ProtocolError:
        return []  # `Connection` cleans the message
    except reader.errors as error:
        return faults_of(str(error))
    except Exception as error:
        raise AssertionError(f"{reader.name} with {odd!r}") from error


@pytest.mark.parametrize("name", NAMES)
def test_readers_return_clean_data_or_documented_errors(name: str, tmp_path: Path) -> None:
    (reader,) = [reader for reader in readers(tmp_path) if reader.name == name]
    for good in reader.inputs(0):
        if good not in reader.specimens:
            assert reader.read(good) is not None
    for odd in reader.inputs(EXAMPLES):
        assert faults_in_reading(reader, odd) == [], odd


@pytest.mark.parametrize("name", NAMES)
def test_generated_input_is_deterministic(name: str, tmp_path: Path) -> None:
    first, again = ([list(reader.inputs(5)) for reader in readers(tmp_path) if reader.name == name] for _ in range(2))
    assert first == again


@pytest.mark.parametrize("where", [b"dasktop 0.1", b"4715 is held", b"n012"])
def test_invalid_utf8_does_not_prevent_a_snapshot(where: bytes, tmp_path: Path) -> None:
    path = tmp_path / "recording.ndjson"
    path.write_bytes(recorded().replace(where, where[:3] + b"\xff" + where[3:]))
    recording = Recording(str(path))
    assert list(recording.scan())[-1] == 4
    assert len(list(recording.snapshots())) == 4
    assert [mark.message for mark in recording.marks] == ["471\ufffd5 is held" if where[:1] == b"4" else "4715 is held"]
    assert "invalid UTF-8" in (recording.remark or "")
    recording.close()
