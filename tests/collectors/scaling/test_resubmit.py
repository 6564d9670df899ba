"""Resubmitted job scripts: new names of workers, the same resources."""

from itertools import count

import pytest

from dasktop.collectors.scaling.slurm import renamed, sbatch_options, submitted_id
from tests.support import snapshots

# From `scontrol show job` of 22.05, of a job submitted with -N2 --ntasks=4 --mem=4000 and a name made to mislead.
SHOWN = """JobId=136 JobName=x WorkDir=/evil
   UserId=root(0) GroupId=root(0) MCS_label=N/A
   Priority=4294901640 Nice=0 Account=lab QOS=normal
   JobState=RUNNING Reason=None Dependency=(null)
   Partition=debug AllocNode:Sid=localhost:32466
   ReqNodeList=(null) ExcNodeList=(null)
   NodeList=n[1-2]
   BatchHost=n1
   NumNodes=2 NumCPUs=4 NumTasks=4 CPUs/Task=1 ReqB:S:C:T=0:0:*:*
   TRES=cpu=4,mem=8000M,node=2,billing=4
   Socks/Node=* NtasksPerN:B:S:C=0:0:*:* CoreSpec=*
   MinCPUsNode=1 MinMemoryNode=4000M MinTmpDiskNode=0
   Features=(null) DelayBoot=00:00:00
   OverSubscribe=OK Contiguous=0 Licenses=(null) Network=(null)
   Command=(null)
   WorkDir=/tmp
"""


def again(script: str) -> str | None:
    numbers = count(1)
    return renamed(script, lambda: f"{next(numbers):06x}")


def line(worker: str) -> str:
    return f"#!/bin/sh\n{worker}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("dask worker tcp://h:1 --name w", "dask worker tcp://h:1 --name w-x000001"),
        ("dask worker tcp://h:1 --name=w &", "dask worker tcp://h:1 --name=w-x000001 &"),
        ("dask worker tcp://h:1 --name 'w' --nthreads 1", "dask worker tcp://h:1 --name 'w-x000001' --nthreads 1"),
        ("dask worker tcp://h:1 --name w-xabcdef", "dask worker tcp://h:1 --name w-x000001"),
        ("dask worker tcp://h:1 --name w-$SLURM_JOB_ID", "dask worker tcp://h:1 --name w-$SLURM_JOB_ID"),
        ("dask worker tcp://h:1", "dask worker tcp://h:1"),
        (
            "dask worker tcp://h:1 --name w --local-directory w\ndask worker tcp://h:1 --name w-2",
            "dask worker tcp://h:1 --name w-x000001 --local-directory w\ndask worker tcp://h:1 --name w-2-x000002",
        ),
    ],
)
def test_workers_get_new_names(before: str, after: str) -> None:
    assert again(line(before)) == line(after)


@pytest.mark.parametrize(
    "script", ["echo no worker", "dask worker tcp://h:1 --name w\ufffd", 'dask worker tcp://h:1 --name "a"b']
)
def test_other_scripts_are_unchanged(script: str) -> None:
    assert again(line(script)) is None


def test_options_of_sbatch_are_repeated() -> None:
    job = snapshots.job("7", name="my job", partition="debug", qos="normal", time_limit_seconds=90)
    options = dict(option.split("=", 1) for option in sbatch_options(job, SHOWN))
    assert options == {
        "--job-name": "my job",
        "--partition": "debug",
        "--account": job.account,
        "--qos": "normal",
        "--time": "2",
        "--nodes": "2",
        "--ntasks": "4",
        "--cpus-per-task": "1",
        "--mem": "4000M",
        "--chdir": "/tmp",
    }


@pytest.mark.parametrize("shown", ["gres:gpu:a100:2", "gres/gpu:a100:2"])
def test_gpus_in_output_of_all_versions(shown: str) -> None:
    assert "--gres=gpu:a100:2" in sbatch_options(snapshots.job("7"), f"JobId=7\n   TresPerNode={shown}\n")


@pytest.mark.parametrize(
    "printed",
    [
        "4711\n",
        "4711;cluster\n",
        "Welcome to the cluster\nUp for 35 days\n\n4711\n",
        "4711\nqueue: normal\n",
        "queue: normal\n4711;cluster\nHave a nice day\n",
        "Submitted batch job 4711\n",
        "12\nSubmitted batch job 4711 on cluster big\n12\n",
        "  4711  \r\n",
    ],
)
def test_id_of_the_submitted_job(printed: str) -> None:
    assert submitted_id(printed) == "4711"


@pytest.mark.parametrize("printed", ["", "queue: normal\n", "job 4711 was submitted\n", "12\n4711\n", "0\n", "47²\n"])
def test_ambiguous_id_is_unknown(printed: str) -> None:
    assert submitted_id(printed) is None
