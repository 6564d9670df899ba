"""The nodes of workers: of their SLURM task, of their job if it has one node, or of their host; also later."""

from datetime import timedelta

from msgspec.structs import replace

from dasktop.collectors.analysis.nodes import NodesOfWorkers
from dasktop.collectors.analysis.work import completed_work
from dasktop.collectors.model.snapshot import WorkerEvent
from dasktop.collectors.runtime.remembered import WorkerEnds
from tests.support.snapshots import TAKEN_AT, job, snapshot, task, worker
from tests.support.work import attempt, failure, work

EARLIER = TAKEN_AT - timedelta(hours=9)


def nodes(*jobs, unplaced=(), known=None):
    return NodesOfWorkers({one.job_id: one for one in jobs}, unplaced, known)


def test_a_worker_is_where_its_slurm_task_is():
    of = worker("w-1")
    found = nodes(job("7", nodes=("n001", "n002"), tasks=(task((of,), node="n002"),)))
    assert found.node(of.address, "7", TAKEN_AT) == "n002"


def test_a_worker_that_left_was_on_the_only_node_of_its_job():
    one, several = job("7", nodes=("n001",), started_at=TAKEN_AT), job("8", nodes=("n001", "n002"))
    found = nodes(one, several)
    assert found.node("tcp://gone", "7", TAKEN_AT) == "n001"
    assert found.node("tcp://gone", "8", TAKEN_AT) is None
    assert found.node("tcp://gone", "7", EARLIER) is None, "an earlier run of the job may have been elsewhere"
    assert found.node("tcp://gone", "9", TAKEN_AT) is found.node(None, None, None) is None


def test_a_worker_outside_slurm_is_on_its_host_if_that_is_a_name():
    for host, node in (("login1.cluster", "login1"), ("10.1.0.7", None), ("fe80::1", None), (None, None)):
        of = worker("w-1", host=host)
        assert nodes(unplaced=(of,)).node(of.address, None, TAKEN_AT) == node


def test_failures_and_attempts_get_their_nodes():
    found = nodes(job("7", nodes=("n001",)))
    failed = failure(address="tcp://a", attempts=(attempt(address="tcp://b"), attempt(address="tcp://c")))
    given = completed_work(
        work(failures=(failed,)), {"tcp://a": "7", "tcp://b": "7"}, lambda _: None, found.node
    ).failures[0]
    assert (given.node, [one.node for one in given.attempts]) == ("n001", ["n001", None])


def test_nodes_are_remembered_after_slurm_has_forgotten_the_job():
    ends = WorkerEnds()
    event = WorkerEvent(at=TAKEN_AT, worker="w-2", address="tcp://b", node="n002", kind="removed")
    failed = failure(address="tcp://a", node="n001", attempts=(attempt(address="tcp://c", node="n003"),))
    ends.remember(replace(snapshot([]), work=work(failures=(failed,)), worker_events=(event,)))
    later = nodes(known=ends.nodes)
    assert later.node("tcp://a", None, failed.at) == "n001"
    assert [later.node(address, None, TAKEN_AT) for address in ("tcp://b", "tcp://c")] == ["n002", "n003"]
