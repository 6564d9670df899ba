"""Parsing squeue: arrays, heterogeneous jobs, hostile names, malformed lines. The fixtures are from a real squeue."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.sources.slurm import queue
from dasktop.collectors.sources.slurm.values import Resources

FIXTURES = Path(__file__).parents[3] / "fixtures" / "slurm"
MARK = "\x1e0badcafe"
MIB = 1 << 20

VALUES = {
    "job_id": "7",
    "shown_id": "7",
    "array_job_id": "7",
    "array_task_id": "N/A",
    "state": "RUNNING",
    "cpus": "4",
    "node_count": "2",
    "memory": "300M",
    "gres": "N/A",
    "time_limit": "1:00:00",
    "submitted": "1795384966",
    "start": "1795384966",
    "end": "1795388566",
    "nodes": "n[1-2]",
    "user": "ada",
    "account": "lab",
    "partition": "debug",
    "qos": "normal",
    "reason": "None",
    "name": "job",
}


def printed(name: str) -> str:
    return (FIXTURES / name).read_bytes().decode("utf-8", errors="replace")


def entry(**changes) -> str:
    return MARK + "\x1f".join((VALUES | changes).values()) + MARK + "\n"


def job(**changes):
    return queue.parse_queue(entry(**changes), MARK).jobs[0]


@pytest.fixture(scope="module")
def jobs():
    found = queue.parse_queue(printed("squeue.txt"), MARK, queue.parse_resources(printed("squeue_resources.txt")))
    assert found.not_parsed == 0
    return {job.job_id: job for job in found.jobs}


def test_every_job_is_found(jobs):
    assert sorted(jobs, key=int) == [str(job_id) for job_id in range(98, 111) if job_id != 108]


def test_fields_of_a_running_job(jobs):
    found = jobs["101"]
    assert (found.name, found.user, found.account, found.partition, found.qos) == (
        "multi",
        "root",
        "lab",
        "debug",
        "normal",
    )
    assert (found.state, found.reason, found.nodes, found.cpus) == ("RUNNING", None, ("n1", "n2"), 4)
    assert found.started_at == datetime(2026, 11, 22, 22, 2, 46, tzinfo=UTC)
    assert found.submitted_at == found.started_at
    assert found.ends_at == datetime(2026, 11, 23, 22, 2, 46, tzinfo=UTC)
    assert (found.time_limit_seconds, found.expected_start_at) == (86400, None)
    assert (found.array_job_id, found.array_task_id, found.het_job_id) == (None, None, None)


def test_required_nodes_and_features_are_parsed():
    asked = job(job_id="7\x1dn[1-2]\x1da100&rome")
    assert (asked.job_id, asked.required_nodes, asked.required_features) == ("7", ("n1", "n2"), "a100&rome")
    anything = job(job_id="7\x1d\x1d(null)")
    assert (anything.required_nodes, anything.required_features) == ((), None)
    assert (asked.excluded_nodes, asked.is_exclusive, asked.priority) == (None, None, None)
    untold = job()
    assert (untold.required_nodes, untold.required_features) == (None, None)


def test_what_a_pending_job_insists_on_is_parsed():
    demands = ("", "(null)", "n[3-4]", "matlab:2", "afterok:5(unfulfilled)", "NO", "course", "4", "4294901731", "n7")
    asked = job(job_id="\x1d".join(("7", *demands)), state="PENDING", gres="gres:gpu:a100:2")
    assert (asked.job_id, asked.required_nodes, asked.excluded_nodes) == ("7", (), ("n3", "n4"))
    assert (asked.licenses, asked.dependency, asked.reservation) == ("matlab:2", "afterok:5(unfulfilled)", "course")
    assert (asked.is_exclusive, asked.cpus_per_node, asked.node_count) == (True, 4, 2)
    assert (asked.priority, asked.planned_nodes, asked.gres) == (4294901731, ("n7",), "gres:gpu:a100:2")


def test_a_job_that_insists_on_nothing():
    demands = ("", "(null)", "", "(null)", "(null)", "OK", "(null)", "1", "17", "(null)")
    asked = job(job_id="\x1d".join(("7", *demands)))
    assert (asked.excluded_nodes, asked.licenses, asked.dependency, asked.gres) == ((), None, None, None)
    assert (asked.is_exclusive, asked.reservation, asked.priority, asked.planned_nodes) == (False, None, None, ())


def test_memory_per_cpu_needs_trackable_resources(jobs):
    """squeue prints 300M, which is per CPU, but does not show that."""
    assert jobs["101"].memory_bytes == 1200 * MIB
    from_letters = {job.job_id: job for job in queue.parse_queue(printed("squeue.txt"), MARK).jobs}
    assert from_letters["101"].memory_bytes == 600 * MIB
    assert from_letters["104"].memory_bytes == jobs["104"].memory_bytes == 2048 * MIB


def test_array_ids_are_parsed(jobs):
    assert (jobs["98"].array_job_id, jobs["98"].array_task_id, jobs["98"].state) == ("98", "2-5%2", "PENDING")
    assert (jobs["109"].array_job_id, jobs["109"].array_task_id, jobs["109"].state) == ("98", "0", "RUNNING")


def test_heterogeneous_job_ids_are_parsed(jobs):
    assert [jobs[job_id].het_job_id for job_id in ("102", "103")] == ["102", "102"]
    assert [jobs[job_id].memory_bytes for job_id in ("102", "103")] == [1024 * MIB, 1000 * MIB]


def test_pending_job_has_no_start_or_end(jobs):
    held = jobs["105"]
    assert (held.state, held.reason, held.nodes) == ("PENDING", "JobHeldUser", ())
    assert (held.started_at, held.ends_at, held.expected_start_at) == (None, None, None)
    assert held.memory_bytes == 1000 * MIB


def test_job_names_may_contain_anything(jobs):
    assert jobs["99"].name == "nasty1\ufffd [31mred |x"
    assert jobs["100"].name == "new line pipe|"


def test_expected_start_of_a_pending_job():
    waiting = job(state="PENDING", start="1795470276", end="1795473876", nodes="")
    assert waiting.expected_start_at == datetime(2026, 11, 23, 21, 44, 36, tzinfo=UTC)
    assert (waiting.started_at, waiting.ends_at) == (None, None)


def test_job_without_time_limit_has_no_end():
    endless = job(time_limit="UNLIMITED", end="1826920966")
    assert (endless.ends_at, endless.time_limit_seconds) == (None, None)


@pytest.mark.parametrize("reason", ["QOSMaxJobsPerUserLimit", "Nodes required for job are DOWN, DRAINED or reserved"])
def test_reasons_may_be_free_text(reason):
    assert job(reason=reason).reason == reason


def test_unknown_state_is_kept():
    assert job(state="SOMETHING_NEW").state == "SOMETHING_NEW"


def test_missing_values_are_unknown():
    untold = job(account="(null)", qos="", memory="0", gres="N/A", start="N/A", name="")
    assert (untold.account, untold.qos, untold.memory_bytes, untold.gpus, untold.started_at, untold.name) == (None,) * 6


def test_gpus_are_summed_over_all_nodes():
    assert job(gres="gres:gpu:a100:2").gpus == 4
    granted = {"7": Resources(cpus=4, memory_bytes=5, gpus=3)}
    assert queue.parse_queue(entry(gres="gpu:2"), MARK, granted).jobs[0].gpus == 3


@pytest.mark.parametrize("name", ["a\x1fb", "\x1f" * 30, "x\ny", "\x1e1234", "CLUSTER: x", "%A", ""])
def test_names_do_not_affect_other_fields_or_jobs(name):
    found = queue.parse_queue(entry(name=name) + entry(job_id="8"), MARK)
    assert [job.job_id for job in found.jobs] == ["7", "8"]
    assert found.not_parsed == 0
    assert found.jobs[1].name == "job"


def test_separator_in_reason_affects_only_the_name():
    assert job(reason="a\x1fb").name == "b job"
    assert job(reason="a\x1fb").state == "RUNNING"


def test_jobs_of_several_clusters_are_parsed():
    assert len(queue.parse_queue(f"CLUSTER: a\n{entry()}\nCLUSTER: b\n{entry(job_id='8')}", MARK).jobs) == 2


def test_empty_queue_has_no_jobs():
    assert queue.parse_queue("", MARK).jobs == ()
    assert queue.parse_queue("\n", MARK).jobs == ()


@pytest.mark.parametrize("strange", [MARK + "7\x1f8" + MARK + "\n", entry(job_id="../etc")])
def test_unparsable_entries_are_counted(strange):
    found = queue.parse_queue(entry() + strange, MARK)
    assert [job.job_id for job in found.jobs] == ["7"]
    assert found.not_parsed == 1


HEADER = MARK + "\x1f".join(["JOBID", "JOBID", "ARRAY_JOB_ID", *VALUES][: len(VALUES)]) + MARK + "\n"
BANNER = "*****\nWelcome to Big Iron. 7 jobs were lost last night.\n*****\n"


@pytest.mark.parametrize("text", [HEADER, BANNER + HEADER, HEADER + BANNER, "CLUSTER: a\n" + HEADER])
def test_empty_queue_after_a_banner_is_empty(text):
    assert queue.parse_queue(text, MARK) == queue.Queue(jobs=())


def test_banner_around_jobs_is_skipped():
    found = queue.parse_queue(BANNER + HEADER + entry() + BANNER + entry(job_id="8") + BANNER, MARK)
    assert [job.job_id for job in found.jobs] == ["7", "8"]
    assert found.not_parsed == 0


def test_output_without_delimiters_is_an_error():
    with pytest.raises(SourceError, match="does not understand"):
        queue.parse_queue("JOBID PARTITION NAME\n7 debug job\n", MARK)


def test_output_without_any_valid_job_is_an_error():
    with pytest.raises(SourceError, match=r"^dasktop does not understand the output of squeue: '<html> oops \[0m'$"):
        queue.parse_queue("<html>\n\x1boops\x1b[0m", MARK)


def test_truncated_resources_are_parsed_up_to_the_cut():
    tres = "cpu=4,mem=2G," + ",".join(f"license/l{number}=1" for number in range(99)) + ",gres/gpu=2"
    line = f"{'7':<30}{tres[:400]}\n"
    assert queue.parse_resources(line)["7"] == Resources(cpus=4, memory_bytes=2048 * MIB, gpus=0)
    assert queue.parse_resources(f"{'7':<30}{'cpu=4,mem=2'.rjust(400)}")["7"].memory_bytes is None


@pytest.mark.parametrize("text", ["", "squeue: error: Invalid job format specification: tres-alloc", "7", "x" * 500])
def test_malformed_resources_are_skipped(text):
    assert queue.parse_resources(text) == {}


PIECES = st.lists(st.text() | st.sampled_from([MARK, "\x1f", "\n", "7", "N/A", entry(), "CLUSTER: x\n"])).map("".join)


@given(text=PIECES)
def test_any_text_parses_or_raises_source_error(text):
    queue.parse_resources(text)
    try:
        found = queue.parse_queue(text, MARK)
    except SourceError:
        return
    assert all(job.job_id.isdecimal() for job in found.jobs)


def test_requeued_job_has_an_expected_start():
    found = job(state="REQUEUED", start="1795385966")
    assert (found.state, found.started_at, found.ends_at) == ("REQUEUED", None, None)
    assert found.expected_start_at == datetime(2026, 11, 22, 22, 19, 26, tzinfo=UTC)


@pytest.mark.parametrize("state", ["SIGNALING", "RUNNING+SIGNALING", "RESIZING"])
def test_running_job_with_a_flag_keeps_its_start(state):
    found = job(state=state)
    assert (found.state, found.expected_start_at) == (state, None)
    assert found.started_at == datetime(2026, 11, 22, 22, 2, 46, tzinfo=UTC)
