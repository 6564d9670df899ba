"""What is kept from one snapshot to the next changes neither snapshots nor findings, whatever happens in between."""

from datetime import timedelta
from typing import NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dasktop.collectors.analysis.findings import FindingHistory, find
from dasktop.collectors.analysis.reconcile import reconcile
from dasktop.collectors.analysis.reconcile_memo import ReconcileMemo
from dasktop.collectors.model.readings import EndedJob, QueuedJob, SlurmReading, Step, WorkerReading
from dasktop.collectors.model.snapshot import Snapshot, from_json, to_json
from tests.support.readings import NOW, batch, dask, running, slurm, worker
from tests.support.snapshots import source

SECONDS_BETWEEN = 20


class World(NamedTuple):
    """What both sources would say."""

    workers: tuple[WorkerReading, ...] = ()
    queued: tuple[QueuedJob, ...] = ()
    ended: tuple[EndedJob, ...] = ()
    steps: tuple[Step, ...] = ()
    owned: tuple[tuple[str, str], ...] = ()
    answering: frozenset[str] = frozenset({"dask", "slurm.queue"})

    def slurm(self, at: int) -> SlurmReading:
        reading = slurm(*self.queued, ended=self.ended, steps=self.steps)
        return replace(reading, taken_at=NOW + timedelta(seconds=SECONDS_BETWEEN * at))


names = st.sampled_from(
    ["SLURMCluster-0", "SLURMCluster-0-1", "SLURMCluster-1-0", "SLURMCluster-1-1", "dask-worker--8---0"]
)
job_ids = st.sampled_from(["7", "8", "9"])
nodes = st.sampled_from(["n1", "n2"])
places = st.none() | st.builds(batch, job_ids, nodes)
readings = st.builds(
    worker,
    names,
    place=places,
    place_was_read=st.booleans(),
    host=nodes,
    pid=st.integers(1, 2),
    status=st.sampled_from(["running", "paused"]),
    memory_bytes=st.none() | st.integers(0, 10),
    memory_limit_bytes=st.sampled_from([None, 10]),
    cpu_percent=st.none() | st.sampled_from([0.0, 33.3, 150.1]),
    executing=st.none() | st.integers(0, 4),
    queued=st.none() | st.integers(0, 2),
    spilled_bytes=st.sampled_from([None, 0, 1 << 40]),
    file_system=st.sampled_from([None, "nfs4", "xfs"]),
    last_seen_seconds=st.sampled_from([None, 0.5, 600.0]),
    waiting_seconds=st.sampled_from([None, 9000.0]),
    dask_version=st.sampled_from([None, "2026.8.0", "2025.1.0"]),
)
queued_jobs = st.builds(
    lambda job_id, node, **fields: replace(running(job_id, node), **fields),
    job_ids,
    nodes,
    state=st.sampled_from(["RUNNING", "PENDING", "COMPLETING", "SUSPENDED"]),
    cpus=st.sampled_from([None, 2, 100]),
    ends_at=st.sampled_from([None, NOW + timedelta(minutes=1)]),
)
ended_jobs = st.builds(
    lambda job_id, state: EndedJob(job=QueuedJob(job_id=job_id, state=state), ended_at=NOW),
    job_ids,
    st.sampled_from(["COMPLETED", "FAILED"]),
)
steps = st.builds(
    lambda job_id, step_id, node: Step(job_id=job_id, step_id=step_id, ntasks=1, nodes=(node,), pids=(99,)),
    job_ids,
    st.sampled_from(["batch", "0", "extern"]),
    nodes,
)
owned = st.lists(st.tuples(st.sampled_from(["SLURMCluster-0", "SLURMCluster-1"]), job_ids), max_size=2).map(tuple)


def some(of: st.SearchStrategy, most: int = 3) -> st.SearchStrategy:
    return st.lists(of, max_size=most).map(tuple)


@st.composite
def histories(draw) -> list[World]:
    """Return worlds, each with a few changes from the one before; what does not change are the same objects."""
    world = World(draw(some(readings, 6)), draw(some(queued_jobs)), (), draw(some(steps)), draw(owned))
    found = [world]
    for _ in range(draw(st.integers(1, 6))):
        for change in draw(st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=2)):
            world = CHANGES[change](draw, world)
        found.append(world)
    return found


def _beat(draw, world: World) -> World:
    """One worker sends a heartbeat; or is another one in the same place."""
    if not world.workers:
        return world
    number, other = draw(st.integers(0, len(world.workers) - 1)), draw(readings)
    before = world.workers[number]
    if draw(st.booleans()):
        same = {"name": before.worker.name, "address": before.worker.address}
        other = replace(before, worker=replace(other.worker, **same))
    return world._replace(workers=(*world.workers[:number], other, *world.workers[number + 1 :]))


CHANGES = {
    "beat": _beat,
    "join": lambda draw, world: world._replace(workers=(*world.workers, draw(readings))),
    "leave": lambda draw, world: world._replace(workers=world.workers[1:]),
    "order": lambda draw, world: world._replace(workers=tuple(draw(st.permutations(world.workers)))),
    "queue": lambda draw, world: world._replace(queued=draw(some(queued_jobs))),
    "end": lambda draw, world: world._replace(ended=draw(some(ended_jobs))),
    "steps": lambda draw, world: world._replace(steps=draw(some(steps))),
    "owner": lambda draw, world: world._replace(owned=draw(owned)),
    "answers": lambda draw, world: world._replace(
        answering=draw(st.frozensets(st.sampled_from(["dask", "slurm.queue"])))
    ),
}


def snapshots(history: list[World], memo: ReconcileMemo | None) -> list[Snapshot]:
    found, slurm_reading = [], None
    for at, world in enumerate(history):
        if slurm_reading is None or "slurm.queue" in world.answering:
            slurm_reading = world.slurm(at)
        found.append(
            reconcile(
                dask(*world.workers, job_ids=dict(world.owned)),
                slurm_reading,
                tuple(
                    source(name, state="ok" if name in world.answering else "error") for name in ("dask", "slurm.queue")
                ),
                NOW + timedelta(seconds=SECONDS_BETWEEN * at),
                memo=memo,
            )
        )
    return found


@settings(deadline=None, max_examples=150)
@given(histories())
def test_kept_results_change_no_snapshot(history):
    assert snapshots(history, ReconcileMemo()) == snapshots(history, None)


@settings(deadline=None, max_examples=100)
@given(histories())
def test_kept_records_change_no_finding(history):
    """Copies share no record with the snapshot before."""
    kept = snapshots(history, ReconcileMemo())
    copies = [from_json(to_json(one)) for one in kept]
    assert all_findings(kept) == all_findings(copies)


def all_findings(shown: list[Snapshot]) -> list[bytes]:
    history, found = FindingHistory(), []
    for one in shown:
        findings, history = find(one, history=history)
        found.append(msgspec.json.encode(findings))
    return found


def test_unchanged_jobs_keep_their_tasks():
    here, other = worker("a", place=batch("7")), worker("b", place=batch("8"))
    queue, memo = slurm(running("7", "n1"), running("8", "n1")), ReconcileMemo()
    before = reconcile(dask(here, other), queue, (), NOW, memo=memo)
    beaten = replace(other, worker=replace(other.worker, memory_bytes=7))
    after = reconcile(dask(here, beaten), queue, (), NOW, memo=memo)
    assert after.jobs[0].tasks is before.jobs[0].tasks
    assert after.jobs[1].tasks[0].workers[0].memory_bytes == 7
