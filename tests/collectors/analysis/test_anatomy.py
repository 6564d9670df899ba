"""Anatomy of jobs from scripts of dask-jobqueue (now and in 2021) and by hand; roundings are no differences."""

from pathlib import Path

import pytest
from dask.utils import format_bytes, parse_bytes
from dask_jobqueue.slurm import slurm_format_bytes_ceil
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from dasktop.collectors.analysis.anatomy.checks import anatomy_of
from dasktop.collectors.analysis.anatomy.facts import Anatomy, Part
from dasktop.collectors.model.snapshot import Allocated, Job, Owner
from dasktop.collectors.sources.slurm.script_request import parse_request, read_memory_limit
from dasktop.collectors.sources.slurm.script_text import Option
from dasktop.tui.draw.glyphs import glyphs
from dasktop.tui.view.anatomy_lines import anatomy_lines
from tests.support.snapshots import GIB, NO_CLUSTER, cluster, job, pending, snapshot, task, worker

NOW = (Path(__file__).parents[2] / "fixtures" / "slurm" / "dask_jobqueue_0.9.sh").read_text()
OF_2021 = """#!/usr/bin/env bash

#SBATCH -J dask-worker
#SBATCH -n 1
#SBATCH --cpus-per-task=12
#SBATCH --mem=15G
#SBATCH -t 01:00:00
/opt/bin/python -m distributed.cli.dask_worker tcp://10.1.2.3:41525 --nthreads 3 --nprocs 4 --memory-limit 4.00GB \
--name SLURMCluster-1 --nanny --death-timeout 60
"""
BY_HAND = """#!/bin/bash
#SBATCH --ntasks=4 -c3   # four times three
#SBATCH --mem-per-cpu=1G
#SBATCH --time=1-0
module load dask
srun dask worker --scheduler-file s.json --nthreads 3 \\
    --memory-limit 2GiB
"""

Parts = dict[str, Part]


def script_of(memory_bytes: int, processes: int) -> str:
    """Return a script with so much memory as dask-jobqueue writes it."""
    limit = format_bytes(memory_bytes / processes).replace(" ", "")
    script = NOW.replace("--mem=15G", f"--mem={slurm_format_bytes_ceil(memory_bytes)}")
    return script.replace("3.73GiB", limit).replace("--nworkers 4", f"--nworkers {processes}")


def anatomy(script: str | None, a_job: Job, owner: Owner | None = None, **values: object) -> tuple[Anatomy, Parts]:
    given = {"cluster": replace(cluster(), owner=owner)} | values
    found = anatomy_of(snapshot([a_job], **given), a_job, None if script is None else script.splitlines())
    return found, {part.name: part for part in found.parts}


def owner(cores: int | None = 12, memory_bytes: int | None = 16 * 10**9, processes: int | None = 4) -> Owner:
    of_cluster = cluster().owner
    assert of_cluster is not None
    return replace(of_cluster, cores_per_job=cores, memory_per_job_bytes=memory_bytes, processes_per_job=processes)


def running(
    workers: int = 4, nthreads: int = 3, limit: int | None = int(3.73 * GIB), memory: int = 15 * GIB, **values: object
) -> Job:
    there = [worker(f"SLURMCluster-0-{n}", nthreads=nthreads, memory_limit_bytes=limit) for n in range(workers)]
    granted = {"allocated": Allocated(cpus=12, memory_bytes=memory, gpus=0), "time_limit_seconds": 1800}
    return job("4709", [task(there)], **granted | values)


def verdicts(parts: Parts) -> dict[str, str]:
    return {name: part.verdict for name, part in parts.items()}


AGREES = dict.fromkeys(("cores", "tasks", "memory", "walltime", "processes", "threads", "limit"), "agrees")


class TestOwnersJob:
    def test_job_of_dask_jobqueue_agrees(self):
        found, parts = anatomy(NOW, running(), owner())
        assert found.call == 'SLURMCluster(cores=12, memory="16GB", processes=4)'
        assert (found.is_implied, found.starts_workers) == (False, True)
        assert [(part.asked, part.script, part.granted, part.running) for part in found.parts] == [
            ("cores=12", "--cpus-per-task=12", "12 CPUs", "4 × 3 = 12 threads"),
            (None, "-n 1", None, "1 task with workers"),
            ('memory="16GB"', "--mem=15G", "15 GiB", "4 × 3.73 GiB = 14.92 GiB"),
            (None, "-t 00:30:00", "30 min", None),
            ("processes=4", "--nworkers 4", None, "4 workers"),
            ("12 ÷ 4 = 3", "--nthreads 3", None, "3 each"),
            ("16 GB ÷ 4 = 4 GB", "--memory-limit 3.73GiB", None, "3.73 GiB each"),
        ]
        assert verdicts(parts) == AGREES | {"memory": "rounded", "limit": "rounded"}
        assert parts["memory"].notes == ("16 GB = 14.9 GiB, rounded up to 15 GiB",)
        assert parts["limit"].notes == ("4 GB = 3.73 GiB, rounded to two decimals",)

    def test_script_of_2021_agrees(self):
        _, parts = anatomy(OF_2021, running(limit=4 * 10**9, time_limit_seconds=3600), owner())
        assert verdicts(parts) == AGREES | {"memory": "rounded"}
        assert parts["processes"].script == "--nprocs 4"
        assert (parts["limit"].script, parts["limit"].running) == ("--memory-limit 4.00GB", "4 GB each")

    def test_cores_not_divisible_by_processes(self):
        script = NOW.replace("--nworkers 4", "--nworkers 5").replace("--nthreads 3", "--nthreads 2")
        script = script.replace("3.73GiB", "2.98GiB")
        _, parts = anatomy(script, running(5, nthreads=2, limit=int(2.98 * GIB)), owner(processes=5))
        assert verdicts(parts) == AGREES | dict.fromkeys(("memory", "limit", "cores", "threads"), "rounded")
        assert parts["cores"].notes == ("12 CPUs ÷ 5 processes leaves 2 CPUs without a thread",)
        assert parts["threads"].notes == ("12 cores ÷ 5 processes leaves 2 unused",)

    def test_one_process_needs_no_option(self):
        script = NOW.replace("--nworkers 4 ", "").replace("--nthreads 3", "--nthreads 12")
        script = script.replace("3.73GiB", "14.90GiB")
        job_of_one = running(1, nthreads=12, limit=int(14.9 * GIB))
        _, parts = anatomy(script, job_of_one, owner(processes=1))
        assert verdicts(parts) == AGREES | {"memory": "rounded", "limit": "rounded"}
        assert (parts["processes"].script, parts["processes"].running) == ("1 by default", "1 worker")
        assert parts["cores"].running == "12 threads"

    def test_pending_job_has_no_workers(self):
        waiting = pending("4709", time_limit_seconds=1800, allocated=Allocated(cpus=12, memory_bytes=15 * GIB, gpus=0))
        _, parts = anatomy(NOW, waiting, owner())
        assert {part.running for part in parts.values()} == {None}
        assert verdicts(parts) == AGREES | {"memory": "rounded", "limit": "rounded"}

    def test_configuration_overrides_the_call(self):
        script = NOW.replace("--cpus-per-task=12", "--cpus-per-task=24").replace("--mem=15G", "--mem=20G")
        granted = Allocated(cpus=24, memory_bytes=20 * GIB, gpus=0)
        _, parts = anatomy(script, running(allocated=granted), owner())
        assert parts["cores"].notes == ("the script requests 24 CPUs, not 12", "12 CPUs without a thread")
        assert parts["memory"].notes == (
            "the script requests 20 GiB, not 16 GB",
            "the workers' limits leave 5.08 GiB unused",
        )

    def test_owner_of_another_job_is_ignored(self):
        other = replace(owner(), job_ids={"SLURMCluster-0": "1"})
        other = replace(other, cores_per_job=1, memory_per_job_bytes=10**9, processes_per_job=1)
        found, _ = anatomy(NOW, running(), other)
        assert (found.is_implied, found.call) == (True, 'SLURMCluster(cores=12, memory="16GB", processes=4)')

    def test_replaced_job_has_the_memory_of_others(self):
        """16.01 GB and 16 GB result in the same script."""
        other = replace(owner(memory_bytes=16_010_000_000), job_ids={"SLURMCluster-1": "4710"})
        ended = running(0, state="FAILED")
        assert anatomy(NOW, ended, other)[0].call == 'SLURMCluster(cores=12, memory="14.91GiB", processes=4)'
        of_another_cluster = replace(ended, evidence=())
        assert anatomy(NOW, of_another_cluster, other)[0].call == 'SLURMCluster(cores=12, memory="16GB", processes=4)'
        without_a_limit = NOW.replace("--memory-limit 3.73GiB ", "")
        assert anatomy(without_a_limit, ended, owner())[0].call == 'SLURMCluster(cores=12, memory="16GB", processes=4)'

    def test_unknown_script_is_skipped(self):
        found, parts = anatomy(None, running(), owner())
        assert found.starts_workers is None
        assert {part.script for part in parts.values()} == {None}
        assert verdicts(parts) == AGREES | {"tasks": "unknown", "walltime": "unknown", "limit": "unknown"}
        _, parts = anatomy(None, running(3, memory=8 * GIB), owner())
        assert parts["memory"].notes == (
            "SLURM allocated 8 GiB, not 15 GiB",
            "the workers' limits add up to 3.19 GiB more than SLURM allocated",
        )
        assert parts["processes"].notes == ("3 of 4 workers present",)


class TestImplied:
    def test_call_is_derived_from_the_script(self):
        found, parts = anatomy(NOW, running())
        assert (found.is_implied, found.call) == (True, 'SLURMCluster(cores=12, memory="16GB", processes=4)')
        assert verdicts(parts) == AGREES | {"memory": "rounded", "limit": "rounded"}
        assert parts["memory"].notes == ("16 GB = 14.9 GiB, rounded up to 15 GiB",)
        assert parts["limit"].asked == "16 GB ÷ 4 = 4 GB"
        assert parts["limit"].notes == ("4 GB = 3.73 GiB, rounded to two decimals",)
        assert parts["walltime"].asked == 'walltime="00:30:00"'

    @pytest.mark.parametrize(
        ("limit", "verdict"), [("3.73GiB", "rounded"), ("3.75GiB", "agrees"), ("3.2GiB", "differs")]
    )
    def test_limit_below_the_rounded_memory(self, limit, verdict):
        _, parts = anatomy(NOW.replace("3.73GiB", limit), pending("4709"))
        assert parts["limit"].verdict == verdict

    @pytest.mark.parametrize("processes", [1, 2, 3, 4, 8, 12])
    @pytest.mark.parametrize(
        "memory",
        ["300MB", "500MB", "1GB", "4GB", "4GiB", "8GB", "8GiB", "12.5GB", "16GiB", "64GB", "100GB", "256GiB", "512MiB"],
    )
    def test_memory_is_shown_as_it_was_written(self, memory, processes):
        script = script_of(parse_bytes(memory), processes)
        found, parts = anatomy(script, pending("4709", allocated=Allocated(cpus=12, memory_bytes=None, gpus=0)))
        assert f'memory="{memory}"' in (found.call or "")
        assert not {parts["memory"].verdict, parts["limit"].verdict} - {"agrees", "rounded"}

    @given(st.integers(10**7, 10**13), st.integers(1, 64))
    def test_any_memory_agrees(self, memory, processes):
        found, parts = anatomy(script_of(memory, processes), pending("4709"))
        assert found.call is not None
        assert parts["limit"].verdict in ("agrees", "rounded"), parts["limit"]
        assert not any("script" in note for note in parts["memory"].notes), parts["memory"]

    @pytest.mark.parametrize("limit", ["0", "0GB", "0.0"])
    def test_script_without_a_limit(self, limit):
        _, parts = anatomy(NOW.replace("3.73GiB", limit), pending("4709"))
        assert (parts["limit"].verdict, parts["limit"].notes) == (
            "differs",
            ("the script sets no limit instead of 3.75 GiB",),
        )

    def test_automatic_limit_is_unknown(self):
        _, parts = anatomy(NOW.replace("3.73GiB", "auto"), pending("4709"))
        assert parts["limit"].verdict == "unknown"

    def test_hand_written_script_with_srun(self):
        workers = [worker(f"w{n}", nthreads=3, memory_limit_bytes=2 * GIB) for n in range(4)]
        tasks = [task([one], step_id="0", task_id=n) for n, one in enumerate(workers)]
        granted = Allocated(cpus=12, memory_bytes=12 * GIB, gpus=0)
        _, parts = anatomy(BY_HAND, job("4709", tasks, allocated=granted, time_limit_seconds=86400))
        assert {name: part.script for name, part in parts.items()} == {
            "cores": "--ntasks=4 × -c3",
            "tasks": "--ntasks=4",
            "memory": "--mem-per-cpu=1G",
            "walltime": "--time=1-0",
            "processes": "4 tasks × 1 by default",
            "threads": "--nthreads 3",
            "limit": "--memory-limit 2GiB",
        }
        assert parts["tasks"].running == "4 tasks with workers"
        assert verdicts(parts) == AGREES | {"memory": "differs", "limit": "differs"}
        assert parts["memory"].notes == ("the workers' limits leave 4 GiB unused",)
        assert parts["limit"].notes == ("the script limits each worker to 2 GiB, not 3 GiB",)

    def test_tasks_without_srun_start_nothing(self):
        _, parts = anatomy(BY_HAND.replace("srun ", ""), pending("4709"))
        assert parts["tasks"].notes == ("the script requests 4 tasks but starts workers in 1",)

    def test_task_without_workers_differs(self):
        tasks = [task([worker()], step_id="0", task_id=0), *(task([], step_id="0", task_id=n) for n in (1, 2, 3))]
        _, parts = anatomy(BY_HAND, job("4709", tasks))
        assert parts["tasks"].notes == ("workers have started in 1 of 4 tasks",)
        assert parts["processes"].notes == ("1 of 4 workers present",)

    def test_started_tasks_override_the_script(self):
        """``sbatch -n 2`` goes before ``#SBATCH --ntasks=4``."""
        tasks = [task([worker(f"w{n}")], step_id="0", task_id=n) for n in range(2)]
        _, parts = anatomy(BY_HAND, job("4709", tasks))
        assert parts["processes"].script == "2 tasks × 1 by default"
        assert parts["processes"].notes == ()

    def test_script_without_dask(self):
        found, parts = anatomy("#!/bin/sh\n#SBATCH -c 2\nsleep 60\n", job("4709", evidence=()))
        assert found.starts_workers is False
        assert parts["cores"].notes == ("SLURM allocated 12 CPUs, not 2",)
        assert {parts[name].verdict for name in ("processes", "threads", "limit", "tasks", "memory")} == {"unknown"}

    def test_options_of_sbatch_are_unknown(self):
        found, parts = anatomy("#!/bin/sh\ndask worker tcp://h:1 --nthreads 12\n", running(1, nthreads=12, limit=None))
        assert verdicts(parts) == {
            "cores": "agrees",  # threads and allocated CPUs
            "tasks": "agrees",
            "memory": "unknown",
            "walltime": "unknown",
            "processes": "agrees",
            "threads": "agrees",
            "limit": "unknown",
        }
        assert (parts["cores"].asked, parts["cores"].script) == (None, None)
        assert found.call == "SLURMCluster(processes=1)"

    def test_unknown_job(self):
        found, parts = anatomy(None, job("4709", evidence=()), cluster=NO_CLUSTER)
        assert (found.call, found.is_implied) == (None, True)
        assert set(verdicts(parts).values()) == {"unknown"}


class TestDifferences:
    def test_workers_differ_from_the_script(self):
        there = [
            worker("a", nthreads=3, memory_limit_bytes=int(3.73 * GIB)),
            worker("b", nthreads=2, memory_limit_bytes=2 * GIB),
        ]
        _, parts = anatomy(NOW, replace(running(), tasks=(task(there),)), owner())
        assert parts["threads"].notes == ("1 of 2 workers has 2 threads, not 3 threads",)
        assert parts["threads"].running == "2 to 3"
        assert parts["limit"].notes[-1] == "1 of 2 workers has 2 GiB, not 3.73 GiB"
        assert parts["processes"].notes == ("2 of 4 workers present",)
        assert parts["cores"].verdict == "agrees", "a missing worker is reported once"

    def test_memory_that_is_set_twice(self):
        """For example by ``job_extra_directives`` of dask-jobqueue."""
        script = NOW.replace("#SBATCH --mem=15G", "#SBATCH --mem=15G\n#SBATCH --mem=20G")
        granted = Allocated(cpus=12, memory_bytes=20 * GIB, gpus=0)
        _, parts = anatomy(script, pending("4709", allocated=granted), owner())
        assert parts["memory"].verdict == "differs"
        assert parts["memory"].notes == (
            "the script requests 20 GiB, not 16 GB: it sets the memory 2 times, and the last one counts",
        )

    def test_too_many_threads(self):
        _, parts = anatomy(NOW, running(nthreads=4), owner())
        assert parts["cores"].notes == ("4 more threads than CPUs",)

    def test_whole_cores_are_a_rounding(self):
        script = NOW.replace("--cpus-per-task=12", "--cpus-per-task=11")
        _, parts = anatomy(script, pending("4709", allocated=Allocated(cpus=12, memory_bytes=None, gpus=0)))
        assert (parts["cores"].verdict, parts["cores"].notes) == (
            "rounded",
            ("SLURM allocated whole cores: 12 CPUs for 11",),
        )

    @pytest.mark.parametrize(
        ("asked", "granted", "verdict"), [("00:00:10", 60, "rounded"), ("30", 1800, "agrees"), ("30", 3600, "differs")]
    )
    def test_walltime(self, asked, granted, verdict):
        _, parts = anatomy(NOW.replace("00:30:00", asked), pending("4709", time_limit_seconds=granted))
        assert parts["walltime"].verdict == verdict


class TestRequest:
    @pytest.mark.parametrize(
        ("directive", "cpus", "memory"),
        [
            ("-n 4", 4, None),
            ("-n4 -c 2", 8, None),
            ("-N 2 --ntasks-per-node=3 --cpus-per-task 2", 12, None),
            ("-c $N", None, None),
            ("--mem=4000", None, 4000 << 20),
            ("--mem=4g", None, 4 << 30),
            ("--mem=4GB", None, 4 << 30),
            ("-N 2 --mem=4G", None, 8 << 30),
            ("-N 1-2 --mem=4G", None, None),
            ("--mem=0", None, None),
            ("--mem-per-cpu=1G -n 3", 3, 3 << 30),
            ("--mem-per-cpu=1G", None, None),
            ("--mem=1G --mem=2G", None, 2 << 30),
            ("--comment='x' -c 2 # -c 3", 2, None),
        ],
    )
    def test_directives(self, directive, cpus, memory):
        request = parse_request(f"#!/bin/sh\n#SBATCH {directive}\ndask worker h:1\n#SBATCH -c 99 --mem=99G\n")
        assert (request.cpus.value if request.cpus else None) == cpus
        assert (request.memory.value if request.memory else None) == memory

    def test_several_commands(self):
        request = parse_request("dask worker h:1 --nthreads 2 &\ndask worker h:1 --nthreads 3 --memory-limit 1GB &\n")
        assert request.processes is not None
        assert request.processes.value == 2
        assert request.nthreads is not None
        assert (request.nthreads.words, request.nthreads.value) == ("--nthreads 2, --nthreads 3", None)
        assert request.memory_limit is not None
        assert request.memory_limit.value is None, "one of the two has another limit, which is unknown"

    @pytest.mark.parametrize(
        "text", ["auto", "0", "0.5", "$MEM", "", "4XB", "1e9", "-1GB", "9" * 400 + "GB", "0." + "1" * 400 + "GB"]
    )
    def test_limits_without_a_value(self, text):
        assert read_memory_limit(Option(text, text)).value is None

    @given(
        st.integers(1, 10**15), st.sampled_from(["{}", "{}B", "{}kB", "{} MB", "{}GB", "{}GiB", "{}MiB", "{}G", "{}Gi"])
    )
    def test_limits_are_read_as_by_dask(self, amount, form):
        text = form.format(amount)
        assert read_memory_limit(Option(text, text)).value == parse_bytes(text)

    @given(st.floats(1e6, 1e15), st.integers(1, 64))
    def test_scripts_of_dask_jobqueue_never_differ(self, memory, processes):
        memory_bytes = int(memory)
        _, parts = anatomy(script_of(memory_bytes, processes), pending("4709"), owner(None, memory_bytes, processes))
        assert parts["limit"].verdict in ("agrees", "rounded"), parts["limit"]
        assert not any("script" in note for note in parts["memory"].notes), parts["memory"]


@given(
    st.text() | st.lists(st.sampled_from(["#SBATCH ", "-n ", "4", "\n", "--mem=", "dask worker", " --nthreads ", "×"]))
)
def test_no_script_makes_it_raise(text):
    script = text if isinstance(text, str) else "".join(text)
    anatomy(script, running(), owner())
    anatomy(script, pending("4709"))


def test_legend_explains_every_mark():
    text = "#!/bin/sh\n#SBATCH -c 2 --mem=1G\ndask worker h:1 --nthreads 2 --memory-limit auto\n"
    found, _ = anatomy(text, pending("4709"))
    assert {part.verdict for part in found.parts} >= {"unknown", "differs", "agrees"}
    lines = ["".join(piece.text for piece in line) for line in anatomy_lines(found, "", 120, glyphs(unicode=True))]
    marks = {part.name: line[0] for part in found.parts for line in lines if line[2:].startswith(part.name + " ")}
    assert len(marks) == len(found.parts)
    legend = lines[-1]
    assert all(f"{mark} " in legend for mark in marks.values()), marks
