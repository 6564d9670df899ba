"""Who released a job, which in accounting was cancelled by its user."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from dasktop.collectors.analysis.reconcile import reconcile
from dasktop.collectors.model.readings import DaskReading, EndedJob, QueuedJob, Released, SlurmReading
from dasktop.collectors.model.snapshot import Adaptive, Fate
from dasktop.collectors.scaling.action_log import released_by_owner
from tests.support.snapshots import cluster

THEN = datetime(2025, 11, 22, 12, 0, tzinfo=UTC)
NOW = THEN + timedelta(seconds=30)


def reading(names: dict[str, str], wanted: tuple[str, ...] | None, adaptive: Adaptive | None = None) -> DaskReading:
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


class TestReleasedByOwner:
    BEFORE = reading({"a": "4700", "b": "4701"}, ("a", "b"))

    def test_jobs_no_longer_wanted_are_released(self) -> None:
        released = released_by_owner(self.BEFORE, reading({"b": "4701"}, ("b",)))
        assert released == {"4700": Released(by="cluster object", detail="cluster.scale", not_before=THEN)}

    def test_adaptive_scaling_is_named(self) -> None:
        now = reading({"b": "4701"}, ("b",), Adaptive(minimum=1, maximum=4))
        assert released_by_owner(self.BEFORE, now)["4700"].detail == "adaptive scaling"

    def test_job_ended_by_others_is_still_wanted(self) -> None:
        assert released_by_owner(self.BEFORE, reading({"b": "4701"}, ("a", "b"))) == {}
        assert released_by_owner(self.BEFORE, reading({"a": "4702", "b": "4701"}, ("a", "b"))) == {}

    def test_unknown_wanted_jobs_are_no_release(self) -> None:
        assert released_by_owner(self.BEFORE, reading({"b": "4701"}, None)) == {}


class TestFate:
    def test_released_by_dasktop(self) -> None:
        fate = fate_of(Released(by="dasktop", detail="ada@n1, process 7"))
        assert fate.explanation == "released by dasktop (ada@n1, process 7)"
        assert (fate.released_by, fate.cancelled_by) == ("dasktop", "ada")

    def test_released_by_the_cluster_object(self) -> None:
        fate = fate_of(Released(by="cluster object", detail="adaptive scaling", not_before=THEN))
        assert fate.explanation == "released by the cluster object (adaptive scaling)"

    def test_release_of_unknown_origin(self) -> None:
        fate = fate_of(None)
        assert (fate.explanation, fate.released_by) == ("cancelled by user ada", None)

    def test_job_that_ended_before_its_release(self) -> None:
        early = THEN - timedelta(seconds=5)
        assert fate_of(Released(by="cluster object", not_before=THEN), early).released_by is None

    def test_job_cancelled_by_another_user(self) -> None:
        assert fate_of(Released(by="cluster object"), by="operator").explanation == "cancelled by user operator"

    def test_job_that_was_not_cancelled(self) -> None:
        assert fate_of(Released(by="dasktop"), state="TIMEOUT").released_by is None
