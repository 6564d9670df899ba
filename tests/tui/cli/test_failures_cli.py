"""``dasktop failures``: what failed, grouped, with tracebacks and the ends of workers; from a recording and live."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from dasktop.collectors.model.snapshot import WorkerEvent
from dasktop.collectors.recording.recorder import write_all
from dasktop.tui.cli.main import command
from tests.support.dask_processes import Scheduler
from tests.support.dasktop_program import dasktop
from tests.support.snapshots import TAKEN_AT, everyday
from tests.support.work import attempt, failure, work

KILL = "killed by its nanny because of its memory use: 980 MiB of 1,000 MiB"
KILLED = failure(
    "load-3",
    task_name="load",
    kind="worker killed",
    exception=None,
    traceback=None,
    attempts=(attempt("w-1", cause=None), attempt("w-2", job_id="4710", cause=KILL)),
    blocks=0,
)


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")


def recorded(folder: Path, *works: object, redact: bool = False) -> str:
    """Write a recording of one snapshot for each work; return its path."""
    path = folder / "run.ndjson"
    times = (TAKEN_AT + timedelta(seconds=2 * number) for number in range(len(works)))
    snapshots = [replace(everyday(), taken_at=at, work=one) for at, one in zip(times, works, strict=True)]
    write_all(str(path), snapshots, redact=redact)
    return str(path)


def failures(*arguments: str) -> str:
    """Run the command in this process, which is faster; return its output."""
    result = CliRunner().invoke(command, ["failures", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_groups_with_traceback_and_attempts(tmp_path: Path) -> None:
    again = failure(
        "('regrid-8a7f0d5e', 4)", node="n000", at=TAKEN_AT - timedelta(seconds=30), exception="ValueError('no sea')"
    )
    other = failure("regrid-1", exception="KeyError('sea')", traceback=None, blocks=None)
    lines = failures(recorded(tmp_path, work(failures=(failure(), again, other, KILLED)))).splitlines()
    assert lines[0] == "4 failed tasks; 4 tasks blocked by them"
    text = "\n".join(lines)
    assert "regrid: ValueError('no sea')" in text, "of the newest"
    assert "regrid: KeyError('sea')" in text
    assert "2 tasks, 11:59:00 to 11:59:30" in text
    assert "on worker SLURMCluster-0-0 in job 4709 on node n000" in text
    assert "        raise ValueError('no grid')" in lines
    assert f"load: its workers ended while they ran it ({KILL})" in text
    assert "attempt 1: 12:00:00 worker w-1 in job 4709: it ended for an unknown reason" in text
    assert f"attempt 2: 12:00:00 worker w-2 in job 4710: {KILL}" in text


def test_each_failure_once_as_the_last_snapshot_knows_it(tmp_path: Path) -> None:
    unknown = replace(KILLED, attempts=(attempt("w-2", cause=None),))
    path = recorded(tmp_path, work(failures=(unknown,)), work(failures=(KILLED,)), work(failures=()))
    shown = json.loads(failures(path, "--json"))
    assert [one["key"] for one in shown["failures"]] == ["load-3"]
    assert shown["failures"][0]["attempts"][1]["cause"] == KILL
    assert shown["taken_at"] == "2025-11-22T12:00:04Z"


@pytest.mark.parametrize(
    ("cause", "advice"),
    [
        (KILL, "use smaller partitions, more memory per worker, or fewer threads per worker if it has several"),
        ("job 4710 ended: killed: reached its time limit of 1 h", "request more walltime"),
        ("job 4710 ended: killed: ran out of memory", "request more memory per job"),
        ("job 4710 was requeued: terminated: a node failed", "submit the tasks again"),
        ("job 4710 ended: cancelled by user ada", "submit the tasks again"),
        ("killed by signal 9 (SIGKILL)", "request more memory per job: signal 9"),
        (None, "see the logs of the jobs of its workers"),
    ],
)
def test_killed_task_has_advice(tmp_path: Path, cause: str | None, advice: str) -> None:
    killed = replace(KILLED, attempts=(attempt("w-2", job_id="4710", cause=cause),))
    text = failures(recorded(tmp_path, work(failures=(killed, failure()))))
    assert text.count("what helps: ") == 1
    assert f"what helps: {advice}" in text
    shown = (cause or "it ended for an unknown reason").replace("job 4710 ", "its job ")
    assert f"worker w-2 in job 4710: {shown}" in text


def removal(seconds_ago: int, **values: object) -> WorkerEvent:
    at = TAKEN_AT - timedelta(seconds=seconds_ago)
    given = {"worker": "w-1", "job_id": "4709", "reason": KILL, "tasks_interrupted": 2} | values
    return WorkerEvent(at=at, address="tcp://w", kind="removed", **given)


def with_ends(folder: Path, *events: tuple[WorkerEvent, ...] | None) -> str:
    path = folder / "run.ndjson"
    snapshots = [
        replace(everyday(), taken_at=TAKEN_AT + timedelta(seconds=number), worker_events=one, work=work(failures=()))
        for number, one in enumerate(events)
    ]
    write_all(str(path), snapshots, redact=False)
    return str(path)


def test_ended_workers_once_each_the_newest_first(tmp_path: Path) -> None:
    early, expected = removal(60, reason="unexpected", results_lost=1), removal(40, reason="expected")
    late = removal(10, worker=None, job_id=None, tasks_interrupted=0)
    path = with_ends(tmp_path, (early,), (replace(early, reason=KILL), expected), (late,))
    assert failures(path).splitlines() == [
        "No failed tasks.",
        "",
        "2 workers ended unexpectedly",
        f"  11:59:50 worker tcp://w: {KILL}",
        f"  11:59:00 worker w-1 in job 4709: {KILL}; 2 tasks assigned to it; 1 result lost",
    ]
    assert [one["reason"] for one in json.loads(failures(path, "--json"))["worker_ends"]] == [KILL, KILL]


def test_many_ended_workers_are_counted(tmp_path: Path) -> None:
    lines = failures(with_ends(tmp_path, tuple(removal(90 - number) for number in range(25)))).splitlines()
    assert (lines[2], lines[-1].strip(), len(lines)) == ("25 workers ended unexpectedly", "and 5 more before", 24)


def test_unknown_ends_of_workers_differ_from_none(tmp_path: Path) -> None:
    for events, shown in ((None, None), ((), [])):
        (tmp_path / str(shown)).mkdir()
        assert json.loads(failures(with_ends(tmp_path / str(shown), events), "--json"))["worker_ends"] == shown


def test_redacted_recording_names_nothing(tmp_path: Path) -> None:
    path = recorded(tmp_path, work(failures=(failure(exception="ValueError('of ada')"),)), redact=True)
    text = failures(path)
    assert "ValueError" in text
    for name in ("ada", "regrid", "no grid"):
        assert name not in text


def test_no_failure(tmp_path: Path) -> None:
    assert failures(recorded(tmp_path, work(failures=()))) == "No failed tasks.\n"


def test_unknown_differs_from_none(tmp_path: Path) -> None:
    path = recorded(tmp_path, None)
    assert "unknown" in failures(path)
    assert json.loads(failures(path, "--json"))["failures"] is None


def test_neither_file_nor_address() -> None:
    result = CliRunner().invoke(command, ["failures", "nosuch:thing:"])
    assert result.exit_code == 2
    assert "there is no file" in result.stderr


def test_running_scheduler() -> None:
    with Scheduler() as scheduler:
        ended = dasktop("failures", scheduler.address, "--no-slurm")
    assert (ended.returncode, ended.stdout) == (0, "No failed tasks.\n")
