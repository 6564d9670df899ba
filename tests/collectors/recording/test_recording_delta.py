"""Deltas between snapshots are lossless, whatever changes."""

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dasktop.collectors.analysis.usage import FIELDS
from dasktop.collectors.model.jobs import workers_with_jobs
from dasktop.collectors.model.snapshot import Finding, Job, Snapshot, Worker, from_json, to_json
from dasktop.collectors.recording.column_change import change, changed
from dasktop.collectors.recording.delta import DeltaEncoder, tables
from dasktop.collectors.recording.records import Keyframe
from tests.support.recordings import busy_snapshots
from tests.support.snapshots import ended, everyday, job, pending, snapshot, source, task, thread, worker
from tests.support.work import activity, computation, failure, running_task, task_name, unrunnable_task, work

NUMBERS = st.none() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False)
CELLS = NUMBERS | st.booleans() | st.text(max_size=5) | st.lists(st.integers(), max_size=2)


def document(shown: Snapshot) -> dict:
    return msgspec.json.decode(to_json(shown))


def there_and_back(was: Snapshot, now: Snapshot) -> Snapshot:
    delta = msgspec.json.encode(DeltaEncoder(was).delta(now))
    return Keyframe(was, document(was)).patched(msgspec.json.decode(delta))


def written_alike(one: object, other: object) -> bool:
    return msgspec.json.encode(one) == msgspec.json.encode(other)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=20))
def test_column_changes_round_trip(rows):
    old, new = [was for was, _ in rows], [now for _, now in rows]
    delta = change(old, new)
    if delta is None:
        assert written_alike(old, new)
    else:
        assert written_alike(changed(old, msgspec.json.decode(msgspec.json.encode(delta))), new)


@given(st.lists(st.tuples(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6)), max_size=30), st.integers(0, 4))
def test_decimal_fractions_round_trip(rows, digits):
    old, new = ([value / 10**digits for value in column] for column in zip(*rows, strict=True)) if rows else ([], [])
    delta = change(old, new)
    assert written_alike(new if delta is None else changed(old, msgspec.json.decode(msgspec.json.encode(delta))), new)


@pytest.mark.parametrize(
    ("was", "now"), [(0.0, -0.0), (1, 1.0), (1, True), (None, 0), (1e300, 1e-300), (0.1 + 0.2, 0.3)]
)
def test_nearly_equal_values_differ(was, now):
    delta = change([was, 5], [now, 5])
    assert delta is not None
    assert written_alike(changed([was, 5], delta), [now, 5])
    assert math.copysign(1, changed([was], change([was], [now]))[0]) == math.copysign(1, now)


numbers = st.none() | st.integers(0, 2**40)
percents = st.none() | st.floats(0, 1e5) | st.integers(0, 4000).map(lambda value: value / 10)
words = st.none() | st.text(max_size=6)
threads = st.builds(thread, st.integers(1, 5), cpu_percent=percents, task_key=words)
workers = st.builds(
    worker,
    st.sampled_from("abcdef"),
    cpu_percent=percents,
    memory_bytes=numbers,
    status=words,
    last_seen_seconds=percents,
    threads=st.lists(threads, max_size=3).map(tuple),
)
tasks = st.builds(task, st.lists(workers, max_size=3), step_id=words, task_id=st.none() | st.integers(0, 3))
jobs = st.builds(
    job,
    st.sampled_from(["1", "2", "3"]),
    st.lists(tasks, max_size=3),
    state=words,
    nodes=st.lists(st.text(max_size=3)).map(tuple),
) | st.sampled_from([pending(), ended()])
findings = st.builds(
    Finding,
    code=st.just("c"), severity=st.just("error"), job_id=words, worker=words, message=st.text(), since=st.none(),
)  # fmt: skip
states = st.dictionaries(st.sampled_from(["memory", "waiting", "erred"]), st.integers(0, 9), max_size=3)
works = st.none() | st.builds(
    work,
    computations=st.lists(st.builds(computation, st.sampled_from("ab"), states=states), max_size=3).map(tuple),
    task_names=st.lists(st.builds(task_name, st.sampled_from("abc"), states=states), max_size=3).map(tuple),
    running=st.none() | st.lists(st.builds(running_task, seconds=st.floats(0, 99)), max_size=2).map(tuple),
    failures=st.none() | st.lists(st.builds(failure, st.sampled_from("ab"), exception=words), max_size=3).map(tuple),
    activities=st.none() | st.lists(st.builds(activity, st.sampled_from("ab")), max_size=3).map(tuple),
    unrunnable=st.lists(st.builds(unrunnable_task, st.sampled_from("ab")), max_size=2).map(tuple),
)
snapshots = st.builds(
    snapshot,
    st.lists(jobs, max_size=4),
    st.lists(workers, max_size=2),
    work=works,
    taken_at=st.datetimes(timezones=st.just(everyday().taken_at.tzinfo)),
    findings=st.lists(findings, max_size=2).map(tuple),
    sources=st.lists(st.builds(source, st.just("dask"), error=words), max_size=2).map(tuple),
)


@settings(deadline=None, max_examples=200)
@given(snapshots, snapshots)
def test_deltas_between_any_snapshots_round_trip(was, now):
    """All properties are in one test: most of its time is spent on making up the snapshots."""
    check_tables_are_those_of_the_json(was)
    was, whole_now = from_json(to_json(was)), from_json(to_json(now))
    assert to_json(there_and_back(was, now)) == to_json(whole_now)
    check_selected_fields(was, whole_now)


def check_tables_are_those_of_the_json(shown: Snapshot) -> None:
    one = document(shown)
    of_records, of_json = tables(shown.jobs, shown.unplaced_workers), tables(one["jobs"], one["unplaced_workers"])
    for name, table in of_records.items():
        assert written_alike(table.columns, of_json[name].columns)
        assert list(table.keys) == list(of_json[name].keys)


def check_selected_fields(was: Snapshot, now: Snapshot) -> None:
    """Check the fields that a report reads, and results of workers."""
    delta = DeltaEncoder(was).delta(now)
    whole = Keyframe(was, document(was))
    back = whole.patched(delta, FIELDS)
    assert [asked_for("jobs", one) for one in back.jobs] == [asked_for("jobs", one) for one in now.jobs]
    for one, other in zip(workers_with_jobs(back), workers_with_jobs(now), strict=True):
        assert asked_for("workers", one[1]) == asked_for("workers", other[1])
    assert whole.memory_of_workers(delta) == tuple(
        (one and one.job_id, each.memory_bytes, each.memory_limit_bytes, each.spilled_bytes)
        for one, each in workers_with_jobs(now)
    )


def asked_for(level: str, record: Job | Worker) -> list[object]:
    return [getattr(record, field) for field in sorted(FIELDS[level])]


def test_busy_cluster_round_trips():
    first, *others = busy_snapshots(jobs=10, count=200, processes=2)
    assert [there_and_back(first, other) for other in others] == others


def test_work_of_a_busy_cluster_round_trips_and_is_small():
    first, *others = busy_snapshots(jobs=1, count=130, task_names=60)
    assert [there_and_back(first, other) for other in others] == others
    whole = len(msgspec.json.encode(others[0].work))
    encoder = DeltaEncoder(first)
    deltas = [len(msgspec.json.encode(encoder.delta(other)["work"])) for other in others[:4]]
    assert max(deltas) < whole / 10


def test_delta_omits_unchanged_fields():
    shown = everyday()
    delta = DeltaEncoder(shown).delta(replace(shown, taken_at=pending().submitted_at))
    assert set(delta) == {"taken_at", "since"}


def test_changed_work_is_its_changed_rows():
    first = replace(everyday(), work=work())
    changed_name = task_name("regrid", states={"memory": 41, "processing": 12, "waiting": 47})
    second = replace(first, work=work(task_names=(changed_name, task_name("sum")), failures=(failure(), failure("b"))))
    delta = DeltaEncoder(first).delta(second)["work"]
    assert delta["fields"] == {}
    assert set(delta["tables"]) == {"task_names", "failures"}
    assert delta["tables"]["failures"]["rows"] == [0, 1, -1, 1]
    assert there_and_back(first, second) == second


def test_sums_of_workers_are_omitted():
    first, second = busy_snapshots(jobs=5, count=2)
    delta = DeltaEncoder(first).delta(second)["jobs"]
    assert delta["summed"] == ["used.cpu_percent", "used.memory_bytes"]
    assert not delta["columns"].keys() & set(delta["summed"])


@pytest.mark.parametrize(
    "delta",
    [
        {"jobs": {"rows": [0, 10**9]}},
        {"jobs": {"rows": [5]}},
        {"jobs": {"columns": {"state": {"to": ["RUNNING"]}}}},
        {"jobs": {"columns": {"state": {"at": [99], "to": ["RUNNING"]}}}},
        {"jobs": {"columns": {"state": {"plus": [1]}}}},
        {"jobs": {"columns": {"nosuch": {"to": []}}}},
        {"jobs": []},
        {"jobs": {"whole": {"job_id": ["1"]}}},
        {"workers": {"rows": [0, 1]}},
        {"workers": {"columns": {"nthreads": {"plus": [1, "a"]}}}},
        {"cluster": 7},
        {"work": {"fields": {}, "tables": {"task_names": {"rows": [0, 5]}}}},
        {"work": {"fields": {"progress": 7}, "tables": {}}},
        {"work": {"fields": {}, "tables": {"nosuch": {"rows": [0, 1]}}}},
        {"work": 7},
    ],
)
def test_invalid_delta_is_refused(delta):
    shown = replace(everyday(), work=work())
    with pytest.raises((ValueError, KeyError, TypeError, IndexError, AttributeError, msgspec.ValidationError)):
        Keyframe(shown, document(shown)).patched(delta)


def test_unchanged_rows_are_reused():
    """Maximum cost of decoding a small delta."""
    shown = everyday()
    [first, *others] = shown.jobs
    delta = DeltaEncoder(shown).delta(replace(shown, jobs=(replace(first, state="COMPLETING"), *others)))
    back = Keyframe(shown, document(shown)).patched(delta)
    assert back.jobs[0].state == "COMPLETING"
    assert back.jobs[0].tasks[0].workers[0] is shown.jobs[0].tasks[0].workers[0]
    assert back.cluster is shown.cluster
