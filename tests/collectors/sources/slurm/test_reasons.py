"""Meanings of the reasons of pending jobs: SLURM's codes and free text."""

from pathlib import Path

import pytest

from dasktop.collectors.sources.slurm.reasons import HELD, REASONS, Reason, reason_of

CODES = (Path(__file__).parents[3] / "fixtures" / "slurm" / "reason_codes.txt").read_text().split()

# Outcomes rather than reasons of pending jobs; errors at submission; codes that are too rare or too vague to explain.
LEFT_AS_THEY_ARE = {
    *("BlockMaxError", "BlockFreeAction", "PowerNotAvail", "PowerReserved", "FedJobLock"),
    *("SystemFailure", "NonZeroExitCode", "OutOfMemory", "AccountingPolicy", "SchedDefer", "BurstBufferOperation"),
    *("AssociationJobLimit", "AssociationResourceLimit", "AssociationTimeLimit"),
    *("QOSJobLimit", "QOSResourceLimit", "QOSTimeLimit"),
    *("QOSGrpSubmitJobsLimit", "AssocGrpSubmitJobsLimit", "AssocMaxSubmitJobLimit"),
    *("QOSMaxSubmitJobPerUserLimit", "MaxSubmitJobsPerAccount"),
}


def known(reason: str) -> Reason:
    found = reason_of(reason)
    assert found is not None, reason
    return found


def test_codes_are_spelled_as_in_slurm() -> None:
    assert len(REASONS) >= 30
    assert set(REASONS) <= set(CODES)
    assert set(REASONS) >= HELD


def test_unexplained_codes_are_listed() -> None:
    assert {code for code in CODES if reason_of(code) is None} == LEFT_AS_THEY_ARE


@pytest.mark.parametrize("code", [code for code in CODES if code not in LEFT_AS_THEY_ARE])
def test_each_code_has_meaning_and_advice(code: str) -> None:
    found = known(code)
    assert found.code == code
    assert 10 < len(found.meaning) < 100
    assert found.meaning[0].islower() or found.meaning.startswith("QOS")
    assert not found.meaning.endswith(".")
    assert found.advice or found.resolves_by_waiting, "a code that does not resolve by waiting needs advice"


@pytest.mark.parametrize(
    "code",
    [
        *("Priority", "Resources", "Dependency", "BeginTime", "Licenses", "JobArrayTaskLimit", "ReqNodeNotAvail"),
        *("QOSGrpCpuLimit", "AssocGrpCPURunMinutesLimit", "QOSMaxCpuPerUserLimit", "QOSMaxMemoryPerUser"),
        *("MaxGRESPerAccount", "AssocMaxJobsLimit"),
    ],
)
def test_codes_that_resolve_by_waiting(code: str) -> None:
    assert known(code).resolves_by_waiting is True


@pytest.mark.parametrize(
    "code",
    [
        *("JobHeldUser", "JobHeldAdmin", "DependencyNeverSatisfied", "PartitionTimeLimit", "BadConstraints"),
        *("InvalidAccount", "QOSNotAllowed", "QOSMaxWallDurationPerJobLimit", "AssocMaxCpuPerJobLimit"),
        *("QOSMaxGRESPerNode", "AssocMaxCpuMinutesPerJobLimit", "QOSMinGRES", "QOSMinCpuNotSatisfied"),
    ],
)
def test_codes_that_do_not_resolve_by_waiting(code: str) -> None:
    assert known(code).resolves_by_waiting is False


@pytest.mark.parametrize("code", ["PartitionNodeLimit", "AssocGrpCPUMinutesLimit", "QOSGrpWallLimit"])
def test_codes_that_may_resolve_by_waiting(code: str) -> None:
    assert known(code).resolves_by_waiting is None


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("ReqNodeNotAvail, UnavailableNodes:n[1-4]", "ReqNodeNotAvail"),
        ("ReqNodeNotAvail(Unavailable:n1)", "ReqNodeNotAvail"),
        (
            "Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions",
            "ReqNodeNotAvail",
        ),
        (
            "Nodes_required_for_job_are_DOWN,_DRAINED_or_reserved_for_jobs_in_higher_priority_partitions",
            "ReqNodeNotAvail",
        ),
        ("launch failed requeued held", "JobLaunchFailure"),
        ("job requeued in held state", "JobHeldUser"),
    ],
)
def test_details_and_free_text_are_recognized(reason: str, code: str) -> None:
    assert known(reason).code == code


@pytest.mark.parametrize(
    "reason",
    [None, "", "None", "priority", "PriorityX", "QOSMax", "[/]", "(Resources", "a reason of some plugin's own"],
)
def test_unknown_reason_has_no_meaning(reason: str | None) -> None:
    assert reason_of(reason) is None


def test_limits_name_the_limited_resource() -> None:
    assert known("QOSMaxCpuPerUserLimit").meaning == "your jobs have reached the limit of its QOS: CPUs"
    assert known("AssocGrpMemLimit").meaning == "running jobs have reached the limit of your account: memory"
    assert known("AssocMaxGRESPerJob").meaning.endswith("per job: GPUs or other devices")
