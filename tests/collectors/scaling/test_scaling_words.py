"""A plan as text: complete, and the same in the terminal and the dialog."""

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.plan import JobToRelease, LostJob, ScalePlan, Size
from dasktop.collectors.model.snapshot import Adaptive
from dasktop.collectors.scaling.words import bounds_words, interrupted_words, plan_lines

GIB = 1024**3

VICTIMS = (
    JobToRelease(
        job_id="4715", name="SLURMCluster-3", state="PENDING", workers=(), executing=0, stored=0, why="pending"
    ),
    JobToRelease(
        job_id="55",
        array_task="54_1",
        name=None,
        state="RUNNING",
        workers=("tcp://10.1.0.7:1", "tcp://10.1.0.7:2"),
        executing=1,
        stored=1200,
        why="least busy",
        time_left_seconds=2460,
    ),
)
LOST = LostJob(job_id="4701", name="SLURMCluster-0", fate="killed: reached its time limit of 1 h")


def size(jobs: int, **values: int | None) -> Size:
    given = Size(jobs=jobs, workers=4 * jobs, threads=12 * jobs, cores=12 * jobs, memory_bytes=jobs * 16 * GIB)
    return replace(given, **values)


def made(**values: object) -> ScalePlan:
    """Return a plan that changes nothing, but for these."""
    given = ScalePlan(
        scheduler_id="Scheduler-1",
        target="2 jobs",
        reckoning=None,
        through_owner=True,
        submit=0,
        release=(),
        replace=(),
        adapt=None,
        stop_adapting=False,
        before=size(2),
        after=size(2),
        warnings=(),
    )
    return replace(given, **values)


def test_scaling_up():
    plan = made(
        target="100 cores", reckoning="100 cores take 9 jobs of 12", submit=7, after=size(9), warnings=("it is late",)
    )
    assert plan_lines(plan) == [
        "100 cores: submit 7 jobs",
        "100 cores take 9 jobs of 12",
        "              now    after",
        "  jobs          2        9",
        "  workers       8       36",
        "  threads      24      108",
        "  cores        24      108",
        "  memory   32 GiB  144 GiB",
        "",
        "! it is late",
    ]


def test_release():
    lines = plan_lines(made(target="0 jobs", release=VICTIMS, after=size(0), warnings=("one", "two")))
    assert lines[0] == "0 jobs: release 2 jobs"
    assert lines[7:] == [
        "",
        "release                  why         runs  stores  left",
        "  4715   SLURMCluster-3  pending",
        "  54_1                   least busy     1   1,200  41 min",
        "",
        "! one",
        "! two",
    ]


def test_reason_of_a_release_is_not_the_state():
    lines = plan_lines(made(release=(replace(VICTIMS[0], why="chosen"),), after=size(1)))
    assert lines[-2:] == ["release                  why", "  4715   SLURMCluster-3  chosen"]


@pytest.mark.parametrize(
    ("submit", "replaced", "words"),
    [
        (1, 1, "submit 1 job to replace the lost one"),
        (2, 2, "submit 2 jobs to replace the lost ones"),
        (3, 1, "submit 3 jobs, 1 of them to replace a lost one"),
        (3, 2, "submit 3 jobs, 2 of them to replace lost ones"),
    ],
)
def test_replacing_lost_jobs(submit, replaced, words):
    lines = plan_lines(made(submit=submit, replace=(LOST,) * replaced, after=size(2 + submit)))
    assert lines[0] == f"2 jobs: {words}"
    assert lines[-1] == "  4701   SLURMCluster-0  killed: reached its time limit of 1 h"


def test_script_of_an_existing_job():
    assert (
        plan_lines(made(through_owner=False, submit=1))[0] == "2 jobs: submit 1 job with the script of an existing job"
    )


def test_refusal_comes_first():
    lines = plan_lines(made(target="0 jobs", release=VICTIMS, after=size(0), refusal="no worker remains"))
    assert lines[:2] == ["! cannot be done: no worker remains", "0 jobs: release 2 jobs"]


def test_nothing_to_do():
    lines = plan_lines(made(target="replace lost jobs", reckoning="no job is lost"))
    assert lines[:2] == ["replace lost jobs: nothing to do", "no job is lost"]
    assert lines[2:4] == ["              now", "  jobs          2"]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (None, "before any change was made"),
        ("stop new tasks", "stopped workers resume, and no job was released"),
        ("drain", "resume"),
        ("replicate", "resume"),
        ("release", "the jobs were released"),
        ("wait for SLURM", "the jobs were released"),
        ("submit", "check with squeue which jobs"),
    ],
)
def test_state_after_an_interruption(step, message):
    assert message in interrupted_words(step)


def test_adaptive_scaling():
    on = made(target="adapt", adapt=Adaptive(minimum=1, maximum=2))
    assert plan_lines(on)[0] == "adapt: turn adaptive scaling on"
    fewer, *_ = plan_lines(replace(on, after=size(1)))
    assert fewer == "adapt: turn adaptive scaling on, which releases 1 job immediately"
    more, *_ = plan_lines(replace(on, after=size(4)))
    assert more == "adapt: turn adaptive scaling on, which submits 2 jobs immediately"
    assert plan_lines(made(target="stop", stop_adapting=True))[0] == "stop: turn adaptive scaling off"


def test_unknown_is_a_dash():
    lines = plan_lines(made(before=size(2, workers=None), after=size(3, memory_bytes=None), submit=1))
    assert [line.split() for line in lines if "–" in line] == [["workers", "–", "12"], ["memory", "32", "GiB", "–"]]


def test_bounds_of_adaptive_scaling():
    assert bounds_words(Adaptive(minimum=1, maximum=8), "job") == "1 to 8 jobs"
    assert bounds_words(Adaptive(minimum=1, maximum=None), "worker") == "1 worker or more"
