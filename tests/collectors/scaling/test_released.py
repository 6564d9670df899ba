"""Who gave a job back that accounting knows as cancelled by its user."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from dasktop.collectors.analysis.reconcile import reconcile
from dasktop.collectors.model.readings import DaskReading, EndedJob, QueuedJob, Released, SlurmReading
from dasktop.collectors.model.snapshot import Adaptive, Fate
from dasktop.collectors.scaling.action_log import released_by_owner
from tests.support.snapshots import cluster

THEN = datetime(2025, 11, 22, 12, 0, tzinfo=UTC)
NOW = THEN + timedelta(seconds=30)


def looked(names: dict[str, str], wanted: tuple[str, ...] | None, adaptive: Adaptive | None = None) -> DaskReading:
    seen = cluster()
    assert seen.owner is not None
    owner = replace(seen.owner, job_ids=names, wanted=wanted, adaptive=adaptive)
    return DaskReading(taken_at=THEN, cluster=replace(seen, owner=owner))


def fate_of(released: Released | None, ended_at: datetime = NOW, state: str = "CANCELLED", by: str = "ada") -> Fate:
    end = EndedJob(
        job=QueuedJob(job_id="4700", state=state, user="ada", started_at=THEN), ended_at=ended_at, cancelled_by=by
    )
    slurm = SlurmReading(taken_at=NOW, ended=(end,))
    (job,) = reconcile(None, slurm, (), NOW, released={"4700": released} if released else {}).jobs
    assert job.fate is not None
    return job.fate


class TestLettingGo:
    BEFORE = looked({"a": "4700", "b": "4701"}, ("a", "b"))

    def test_what_the_owner_does_not_want_any_more(self) -> None:
        released = released_by_owner(self.BEFORE, looked({"b": "4701"}, ("b",)))
        assert released == {"4700": Released(by="cluster object", not_before=THEN)}

    def test_adaptive_scaling_is_named(self) -> None:
        now = looked({"b": "4701"}, ("b",), Adaptive(minimum=1, maximum=4))
        assert released_by_owner(self.BEFORE, now)["4700"].detail == "adaptive scaling"

    def test_a_job_that_somebody_else_ended_is_still_wanted(self) -> None:
        assert released_by_owner(self.BEFORE, looked({"b": "4701"}, ("a", "b"))) == {}
        assert released_by_owner(self.BEFORE, looked({"a": "4702", "b": "4701"}, ("a", "b"))) == {}

    def test_what_is_not_told(self) -> None:
        assert released_by_owner(self.BEFORE, looked({"b": "4701"}, None)) == {}


class TestFate:
    def test_by_dasktop(self) -> None:
        fate = fate_of(Released(by="dasktop", detail="ada@n1, process 7"))
        assert fate.explanation == "released by dasktop (ada@n1, process 7)"
        assert (fate.released_by, fate.cancelled_by) == ("dasktop", "ada")

    def test_by_the_cluster_object(self) -> None:
        fate = fate_of(Released(by="cluster object", detail="adaptive scaling", not_before=THEN))
        assert fate.explanation == "released by the cluster object (adaptive scaling)"

    def test_by_nobody_that_is_known(self) -> None:
        fate = fate_of(None)
        assert (fate.explanation, fate.released_by) == ("cancelled by user ada", None)

    def test_a_job_that_had_ended_before_it_was_let_go(self) -> None:
        early = THEN - timedelta(seconds=5)
        assert fate_of(Released(by="cluster object", not_before=THEN), early).released_by is None

    def test_another_user_cancelled_it(self) -> None:
        assert fate_of(Released(by="cluster object"), by="operator").explanation == "cancelled by user operator"

    def test_a_job_that_ended_otherwise(self) -> None:
        assert fate_of(Released(by="dasktop"), state="TIMEOUT").released_by is None
