"""The SLURM collector with fake SLURM programs: its readings, and its errors."""

import asyncio
import getpass
import time

import pytest
from msgspec.structs import replace

from dasktop.collectors.analysis.job_record import explain
from dasktop.collectors.model.errors import SourceError, SourceOffError
from dasktop.collectors.sources.slurm.collector import SlurmCollector
from tests.support.fake_programs import CAT
from tests.support.fake_slurm import MIB, FakeSlurm
from tests.support.waiting import until


@pytest.fixture
def slurm(tmp_path):
    return FakeSlurm(tmp_path)


def collector(slurm, user="ada", **options) -> SlurmCollector:
    return SlurmCollector(user, environment=slurm.environment, **{"interval_seconds": 60.0} | options)


def a_minute_ago() -> int:
    return int(time.time()) - 60


def states(collector) -> dict[str, str]:
    return {log.name: log.source().state for log in collector.sources}


async def test_job_from_pending_to_ended(slurm):
    slurm_collector = collector(slurm)
    assert slurm_collector.reading.jobs == ()
    slurm.queue({"7": "PENDING"})
    (waiting,) = (await slurm_collector.read_queue()).jobs
    assert (waiting.job_id, waiting.state, waiting.memory_bytes) == ("7", "PENDING", 1200 * MIB)
    (script,) = await slurm_collector.read_scripts()
    assert (script.job_id, script.scheduler_addresses, script.workers_expected) == ("7", ("tcp://h:8786",), 4)

    slurm.queue({"7": "RUNNING", "8": "RUNNING"})
    await slurm_collector.read_queue()
    reading = await slurm_collector.read_details({"7"})
    assert [(step.job_id, step.step_id, step.pids) for step in reading.steps] == [("7", "batch", (42, 43))]
    assert [script.job_id for script in reading.scripts] == ["7", "8"]
    assert reading.ended == ()

    slurm.queue({})
    slurm.accounting({"7": "FAILED", "8": "FAILED"})
    await slurm_collector.read_queue()
    reading = await slurm_collector.read_details({"7"})
    (ended,) = reading.ended
    assert (ended.job.job_id, ended.job.name, ended.max_rss_bytes) == ("7", "dask-worker", 9 * MIB)
    assert explain(ended).explanation == "failed with exit code 3"
    assert reading.jobs == reading.steps == ()
    assert [script.job_id for script in reading.scripts] == ["7"]
    assert slurm_collector.reading == reading
    assert set(states(slurm_collector).values()) == {"ok"}


async def test_reset_keeps_queue_and_forgets_outcomes_and_steps(slurm):
    slurm.queue({"7": "RUNNING", "8": "RUNNING"})
    slurm_collector = collector(slurm)
    await slurm_collector.read_queue()
    await slurm_collector.read_details({"7", "8"})
    slurm.queue({"7": "RUNNING"})
    slurm.accounting({"8": "FAILED"})
    await slurm_collector.read_queue()
    before = await slurm_collector.read_details({"7", "8"})
    assert (len(before.ended), len(before.steps)) == (1, 1)
    slurm_collector.reset_cluster()
    after = slurm_collector.reading
    assert (after.jobs, after.scripts) == (before.jobs, before.scripts[:1])
    assert (after.ended, after.requeued, after.steps) == ((), (), ())
    again = (await slurm_collector.read_details({"7"})).steps
    assert [replace(step, read_at=None) for step in again] == [replace(step, read_at=None) for step in before.steps]


async def test_squeue_is_limited_to_the_user(slurm):
    await collector(slurm, user="-o x; id").read_queue()
    await collector(slurm, user=None).read_queue()
    first, second = slurm.calls("squeue")
    assert first.startswith("-u -o x; id -o ")
    assert second.startswith(f"-u {getpass.getuser()} -o ")


async def test_order_of_the_sources(slurm):
    names = [log.name for log in collector(slurm).sources]
    assert names == ["slurm.queue", "slurm.accounting", "slurm.steps", "slurm.scripts"]


async def test_source_is_off_without_slurm(slurm):
    (slurm.folder / "squeue").unlink()
    slurm_collector = collector(slurm, recently_ended_seconds=900.0)
    with pytest.raises(SourceOffError, match=r"^squeue is not on PATH$"):
        await slurm_collector.read_queue()
    assert states(slurm_collector)["slurm.queue"] == "off"
    assert (await slurm_collector.read_details(set())).jobs == ()
    assert slurm.calls("sacct") == []
    assert (await slurm_collector.read_details({"7"})).jobs == ()
    assert await slurm_collector.read_scripts() == ()


async def test_previous_jobs_stay_after_squeue_fails(slurm):
    slurm.queue({"7": "RUNNING"})
    slurm_collector = collector(slurm)
    before = await slurm_collector.read_queue()
    slurm.prints("squeue", complaint="slurm_load_jobs error: Unable to contact slurm controller\n", status=1)
    with pytest.raises(SourceError, match=r"^slurm_load_jobs error: Unable to contact slurm controller$"):
        await slurm_collector.read_queue()
    assert states(slurm_collector)["slurm.queue"] == "stale"
    assert slurm_collector.reading == before
    assert slurm_collector.reading.taken_at == before.taken_at


@pytest.mark.parametrize("rubbish", ["<html>not found</html>\n", "7 job RUNNING\n"])
async def test_unparsable_output_of_squeue_is_an_error(slurm, rubbish):
    slurm.prints("squeue", rubbish)
    with pytest.raises(SourceError, match=r"^dasktop does not understand the output of squeue: '"):
        await collector(slurm).read_queue()


async def test_detail_sources_fail_independently_without_raising(slurm):
    slurm.queue({"7": "RUNNING"})
    slurm.prints("sacct", complaint="Slurm accounting storage is disabled\n", status=1)
    slurm.prints("sstat", complaint="sstat: error: oops\n", status=1)
    slurm_collector = collector(slurm)
    await slurm_collector.read_queue()
    reading = await slurm_collector.read_details({"7", "6"})
    assert [script.job_id for script in reading.scripts] == ["7"]
    assert states(slurm_collector) == {
        "slurm.queue": "ok",
        "slurm.accounting": "off",
        "slurm.steps": "error",
        "slurm.scripts": "ok",
    }
    assert slurm_collector.sources[2].error == "sstat: error: oops"


async def test_only_numeric_ids_are_passed_to_commands(slurm):
    slurm_collector = collector(slurm)
    await slurm_collector.read_queue()
    await slurm_collector.read_details({"7", "--help", "8; id", "9_1", "", "\x1b", "٧"})
    (asked,) = slurm.calls("sacct")
    assert " -j 7 --format" in asked
    assert not slurm.calls("sstat")


async def test_only_jobs_of_the_cluster_are_queried(slurm):
    slurm.queue({"7": "RUNNING", "8": "RUNNING", "9": "PENDING"})
    slurm_collector = collector(slurm)
    await slurm_collector.read_queue()
    await slurm_collector.read_details({"7", "9"})
    (asked,) = slurm.calls("sstat")
    assert " -j 7 --format" in asked


async def test_last_run_is_read_after_requeue_before_assignment(slurm):
    slurm_collector = collector(slurm)
    for state, ours in (("RUNNING", set()), ("PENDING", {"7"}), ("PENDING", {"7"})):
        slurm.queue({"7": state, "8": "PENDING"})
        await slurm_collector.read_queue()
        await slurm_collector.read_details(ours | {"8"})
    last_runs = [call for call in slurm.calls("sacct") if call.endswith(" -D")]
    assert last_runs
    assert all(" -j 7 --format" in call for call in last_runs)


async def test_recently_ended_jobs_are_queried_once_per_cluster(slurm):
    slurm.queue({"6": "RUNNING"})
    slurm.accounting({"5": "FAILED", "6": "RUNNING"}, ended_at=a_minute_ago())
    slurm_collector = collector(slurm, recently_ended_seconds=900.0)
    await slurm_collector.read_queue()
    for clusters in (1, 2):
        await slurm_collector.read_details({"6"})
        reading = await slurm_collector.read_details({"6"})
        (found,) = reading.recently_ended
        assert (found.end.job.job_id, found.end.job.state, found.script.job_id) == ("5", "FAILED", "5")
        assert found.script.scheduler_addresses == ("tcp://h:8786",)
        assert (reading.ended, [script.job_id for script in reading.scripts]) == ((), ["6"]), "not known to be ours"
        asked = [call for call in slurm.calls("sacct") if " -u ada -S now-900seconds -E now -s " in call]
        assert len(asked) == clusters
        slurm_collector.reset_cluster()
    assert sum(" batch_script 5 " in f"{call} " for call in slurm.calls("scontrol")) == 2


async def test_recently_ended_job_of_the_cluster_is_ended(slurm):
    slurm.accounting({"5": "FAILED"}, ended_at=a_minute_ago())
    slurm_collector = collector(slurm, recently_ended_seconds=900.0)
    await slurm_collector.read_queue()
    await slurm_collector.read_details(set())
    reading = await slurm_collector.read_details({"5"})
    assert [end.job.job_id for end in reading.ended] == ["5"]
    assert [script.job_id for script in reading.scripts] == ["5"]


async def test_recently_ended_job_without_script_is_omitted(slurm):
    slurm.accounting({"5": "FAILED"}, ended_at=a_minute_ago())
    slurm.prints("scontrol", complaint="scontrol: error: Invalid job id specified\n", status=1)
    slurm_collector = collector(slurm, recently_ended_seconds=900.0)
    await slurm_collector.read_queue()
    for _ in range(2):
        assert (await slurm_collector.read_details(set())).recently_ended == ()
    assert len([call for call in slurm.calls("scontrol") if call.startswith("write batch_script 5")]) == 1
    assert states(slurm_collector)["slurm.scripts"] == "ok"


async def test_recently_ended_jobs_need_accounting(slurm):
    slurm.prints("sacct", complaint="Slurm accounting storage is disabled\n", status=1)
    slurm_collector = collector(slurm, recently_ended_seconds=900.0)
    await slurm_collector.read_queue()
    for _ in range(3):
        assert (await slurm_collector.read_details({"7"})).recently_ended == ()
        slurm_collector.reset_cluster()
    assert len(slurm.calls("sacct")) == 1
    assert slurm_collector.sources[1].source().state == "off"
    assert slurm_collector.sources[1].error == "Slurm accounting storage is disabled"


SCRIPT = "Batch Script for 5\n" + "-" * 80 + "\n#!/bin/sh\ndask worker tcp://h:8786\n\n"


async def test_job_that_ended_hours_ago_has_its_script_from_accounting(slurm):
    slurm.accounting({"5": "FAILED", "4": "FAILED"})
    slurm.archived(SCRIPT)
    slurm_collector = collector(slurm, recently_ended_seconds=43200.0)
    await slurm_collector.read_queue()
    for _ in range(2):
        (found,) = (await slurm_collector.read_details(set())).recently_ended
        assert (found.end.job.job_id, found.script.scheduler_addresses) == ("5", ("tcp://h:8786",))
    assert [call for call in slurm.calls("sacct") if call.startswith("-B")] == ["-B -j 5,4"]
    assert slurm.calls("scontrol") == [], "slurmctld has forgotten them"
    await slurm_collector.read_details({"5"})
    assert [end.job.job_id for end in slurm_collector.reading.ended] == ["5"]
    assert slurm.calls("scontrol") == [], "nor does it know their logs"
    slurm_collector.forget_ended({"5"})
    assert (slurm_collector.reading.ended, slurm_collector.reading.recently_ended) == ((), ())


async def test_close_kills_running_commands(slurm):
    pipe = slurm.folder / "started"
    slurm.program("squeue", f": > '{pipe}'; exec {CAT} /dev/zero")
    slurm_collector = collector(slurm)
    reading = asyncio.create_task(slurm_collector.read_queue())
    await until(pipe.exists)
    slurm_collector.close()
    with pytest.raises(SourceError):
        await reading
    with pytest.raises(SourceError, match="dasktop is closing"):
        await slurm_collector.read_queue()
