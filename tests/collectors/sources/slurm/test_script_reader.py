"""Reading each job's script once, with little load on slurmctld."""

import asyncio
import threading

import pytest
from msgspec.structs import replace

from dasktop.collectors.sources.slurm import scripts
from dasktop.collectors.sources.slurm.script_reader import AT_ONCE, SCRIPTS_PER_POLL, TRIES, ScriptReader
from dasktop.collectors.sources.slurm.scripts import parse_script
from dasktop.collectors.system.backoff import LONGEST_PAUSE_SECONDS, Backoff
from tests.support.fake_commands import INTERVAL, Clock, Commands, complains, job, log

WORKER = "dask worker tcp://h:8786 --name w\n"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def new_reader(clock, answer=lambda *_: WORKER):
    commands = Commands(answer)
    source = log()
    return ScriptReader(commands, source, Backoff(INTERVAL, clock=clock)), commands, source


def ids(asked):
    return [command[3] for command in asked]


async def test_script_is_read_once_per_job(clock):
    reader, commands, source = new_reader(clock)
    jobs = [job(7), job(8, "PENDING")]
    for _ in range(3):
        await reader.read(jobs)
    assert sorted(ids(commands.calls)) == ["7", "8"]
    assert [(script.job_id, script.worker_names) for script in reader.known(jobs)] == [("7", ("w",)), ("8", ("w",))]
    assert source.source().state == "ok"


async def test_banner_is_not_part_of_the_script(clock):
    banner = "It's down on Monday\ndask worker tcp://a:1\n"
    reader, _, _ = new_reader(clock, lambda *_: f"{banner}#!/bin/sh\n{WORKER}")
    await reader.read([job(7)])
    assert [script.scheduler_addresses for script in reader.known([job(7)])] == [("tcp://h:8786",)]


async def test_job_name_is_from_the_queue(clock):
    reader, _, _ = new_reader(clock)
    await reader.read([job(7)])
    for name in ("train", "sweep", None):
        assert [script.job_name for script in reader.known([replace(job(7), name=name)])] == [name]


async def test_script_is_read_once_per_array(clock):
    reader, commands, _ = new_reader(clock)
    jobs = [job(7, "PENDING", array_job_id="7"), *(job(number, array_job_id="7") for number in range(10, 30))]
    await reader.read(jobs)
    assert ids(commands.calls) == ["7"]
    assert len(reader.known(jobs)) == 21


async def test_only_leaders_script_of_heterogeneous_job_is_read(clock):
    reader, commands, _ = new_reader(clock)
    await reader.read([job(7, het_job_id="7"), job(8, het_job_id="7")])
    assert ids(commands.calls) == ["7"]


async def test_reads_are_bounded_and_ordered_by_likelihood(clock):
    reader, commands, _ = new_reader(clock)
    jobs = [job(number, name="dask-worker" if number == 3 else "other") for number in range(100)]
    await reader.read(jobs, first={"5"})
    asked = ids(commands.new())
    assert len(asked) == SCRIPTS_PER_POLL
    assert asked[:4] == ["5", "3", "99", "98"]
    assert commands.most_at_once == AT_ONCE
    await reader.read(jobs)
    assert ids(commands.new())[0] == "85"


BY_FOLDER = "dask worker --scheduler-file s.json --name w\n"


async def test_scheduler_file_is_relative_to_working_directory(clock):
    def answer(_, verb, *rest):
        name = "JobId=7 JobName=a\n   WorkDir=/evil"  # a job name with a newline
        return f"{name}\n   WorkDir=/home/u/{rest[-1]}\n" if verb == "show" else BY_FOLDER

    reader, commands, _ = new_reader(clock, answer)
    jobs = [job(7), job(8)]
    for _ in range(2):
        await reader.read(jobs)
    assert [script.scheduler_files for script in reader.known(jobs)] == [
        ("/home/u/7/s.json",),
        ("/home/u/8/s.json",),
    ]
    assert len(commands.calls) == 4


async def test_forgotten_job_has_no_scheduler_file(clock):
    gone = complains("scontrol", "slurm_load_jobs error: Invalid job id specified")
    reader, _, source = new_reader(clock, lambda _, verb, *__: gone if verb == "show" else BY_FOLDER)
    await reader.read([job(7)])
    (script,) = reader.known([job(7)])
    assert (script.worker_names, script.scheduler_files, script.has_unknown_scheduler) == (("w",), (), True)
    assert source.source().state == "ok"


async def test_working_directory_is_queried_again_after_failure(clock):
    silent = complains("scontrol", "Unable to contact slurm controller")
    answers = {"show": silent, "write": BY_FOLDER}
    reader, _, source = new_reader(clock, lambda _, verb, *__: answers[verb])
    await reader.read([job(7)])
    assert reader.known([job(7)]) == ()
    assert source.source().error == "Unable to contact slurm controller"
    answers["show"] = "JobId=7 JobName=w\n   WorkDir=/home/u\n"
    clock.now += 10 * INTERVAL
    await reader.read([job(7)])
    assert [script.scheduler_files for script in reader.known([job(7)])] == [("/home/u/s.json",)]


async def test_number_of_tasks_is_from_slurm(clock):
    """``sbatch -n 2`` overrides ``#SBATCH -n 4``."""
    shown = "JobId=7 JobName=a\n   NumNodes=1 NumCPUs=2 NumTasks=2 CPUs/Task=1\n   WorkDir=/home/u\n"
    script = "#!/bin/sh\n#SBATCH -n 4\nsrun dask worker tcp://h:8786\n"
    reader, commands, _ = new_reader(clock, lambda _, verb, *__: shown if verb == "show" else script)
    await reader.read([job(7)])
    assert [script.workers_expected for script in reader.known([job(7)])] == [2]
    assert len(commands.calls) == 2


async def test_array_tasks_may_have_different_schedulers(clock):
    script = "dask worker --scheduler-file /a/s-$SLURM_ARRAY_TASK_ID.json --name w$SLURM_JOB_ID\n"
    reader, commands, _ = new_reader(clock, lambda *_: script)
    waiting = job(7, "PENDING", array_job_id="7", array_task_id="3-9")
    jobs = [job(8, array_job_id="7", array_task_id="1"), job(9, array_job_id="7", array_task_id="2"), waiting]
    await reader.read(jobs)
    assert [(found.job_id, found.scheduler_files, found.has_unknown_scheduler) for found in reader.known(jobs)] == [
        ("8", ("/a/s-1.json",), False),
        ("9", ("/a/s-2.json",), False),
        ("7", (), True),
    ]
    await reader.read([*jobs, job(10, array_job_id="7", array_task_id="3")])
    assert ids(commands.calls) == ["7"]
    reader.forget_all_but([jobs[0]])
    assert [found.job_id for found in reader.known(jobs)] == ["8"]


async def test_scripts_are_parsed_in_a_thread(clock, monkeypatch):
    threads = []

    def note(*arguments):
        threads.append(threading.get_ident())
        return parse_script(*arguments)

    monkeypatch.setattr(scripts, "parse_script", note)
    reader, _, _ = new_reader(clock)
    await reader.read([job(7)])
    assert threads
    assert threading.get_ident() not in threads


async def test_script_without_dask_is_read_once(clock):
    reader, commands, _ = new_reader(clock, lambda *_: "#!/bin/sh\nsleep 1\n")
    for _ in range(2):
        await reader.read([job(7)])
    assert len(commands.calls) == 1
    assert reader.known([job(7)]) == ()


@pytest.mark.parametrize(
    "complaint", ["Invalid job id specified", "Job script not specified", "Access/permission denied"]
)
async def test_unreadable_script_is_not_read_again(clock, complaint):
    refused = complains("scontrol", f"job script retrieval failed: {complaint}", status=0)
    reader, commands, source = new_reader(clock, lambda *command: refused if command[3] == "7" else WORKER)
    await reader.read([job(8)])
    for _ in range(3):
        await reader.read([job(7), job(8)])
    assert sorted(ids(commands.calls)) == ["7", "8"]
    assert source.source().state == "ok"


async def test_scripts_of_another_user_are_off(clock):
    refused = complains("scontrol", "job script retrieval failed: Invalid user id", status=0)
    reader, commands, source = new_reader(clock, lambda *_: refused)
    for _ in range(3):
        await reader.read([job(number) for number in range(50)])
    assert source.source().state == "off"
    assert source.error == "job script retrieval failed: Invalid user id"
    assert len(commands.calls) <= AT_ONCE


async def test_error_of_slurmctld_stops_reading_and_pauses(clock):
    failed = complains("scontrol", "job script retrieval failed: Unable to contact slurm controller", status=0)
    answers = {"now": failed}
    reader, commands, source = new_reader(clock, lambda *_: answers["now"])
    jobs = [job(number) for number in range(50)]
    await reader.read(jobs)
    assert len(commands.new()) <= AT_ONCE
    assert source.source().state == "error"
    await reader.read(jobs)
    assert commands.new() == []
    clock.now += INTERVAL
    answers["now"] = WORKER
    await reader.read(jobs)
    assert len(commands.new()) == SCRIPTS_PER_POLL
    assert source.source().state == "ok"


async def test_failing_job_does_not_block_others(clock):
    odd = complains("scontrol", "scontrol: error: something odd")
    reader, commands, _ = new_reader(clock, lambda *command: odd if command[3] == "99" else WORKER)
    jobs = [job(number) for number in range(90, 100)]
    for _ in range(20):
        await reader.read(jobs)
        clock.now += LONGEST_PAUSE_SECONDS
    assert ids(commands.calls).count("99") == TRIES
    assert len(reader.known(jobs)) == 9


async def test_concurrent_reads_do_not_repeat_queries(clock):
    reader, commands, _ = new_reader(clock)
    await asyncio.gather(reader.read([job(7), job(8)]), reader.read([job(7), job(8)]))
    assert sorted(ids(commands.calls)) == ["7", "8"]


async def test_scripts_of_gone_jobs_are_forgotten(clock):
    reader, _, _ = new_reader(clock)
    await reader.read([job(7), job(8)])
    reader.forget_all_but([job(8)])
    assert [script.job_id for script in reader.known([job(7), job(8)])] == ["8"]


async def test_one_script_is_read_for_jobs_of_a_cluster_object(clock):
    reader, commands, _ = new_reader(clock)
    jobs = [job(number) for number in range(1, 40)]
    alike = {str(number) for number in range(3, 40)}
    for _ in range(3):
        await reader.read(jobs, alike=alike)
    assert sorted(ids(commands.calls), key=int) == ["1", "2", "39"]


async def test_script_of_another_alike_job_is_read_if_there_is_none(clock):
    def answer(*command):
        return complains("scontrol", "Invalid job id specified") if command[3] == "9" else WORKER

    reader, commands, _ = new_reader(clock, answer)
    jobs = [job(7), job(8), job(9)]
    for _ in range(3):
        await reader.read(jobs, alike={"7", "8", "9"})
    assert ids(commands.calls) == ["9", "8"]


async def test_scripts_stay_covered_when_another_scheduler_is_watched(clock):
    reader, commands, _ = new_reader(clock)
    jobs = [job(7), job(8)]
    for alike in ({"7", "8"}, {"7", "8"}, set()):
        await reader.read(jobs, alike=alike)
    assert ids(commands.calls) == ["8"]
    reader.forget_all_but([job(8)])
    await reader.read(jobs)
    assert ids(commands.calls) == ["8", "7"]
