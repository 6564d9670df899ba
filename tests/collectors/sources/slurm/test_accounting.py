"""Parsing sacct and ``scontrol show job``: how jobs ended. The fixtures are from a real SLURM."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasktop.collectors.analysis.job_record import explain
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.readings import EndedJob, QueuedJob
from dasktop.collectors.sources.slurm import accounting

FIXTURES = Path(__file__).parents[3] / "fixtures" / "slurm"
SEPARATOR = "\x1f0badcafe\x1f"
MIB = 1 << 20
# JobIDRaw, JobID, User, Account, Partition, QOS, State, ExitCode, Submit, Start, End, Timelimit, …
ROW = ["7", "7", "ada", "lab", "debug", "normal", "FAILED", "3:0", "100", "200", "300", "01:00:00"]
ROW += ["4", "2", "1200M", "cpu=4,mem=1200M,node=2", "", "n[1-2]", "01:40.250", "job"]


def printed(name: str) -> str:
    return (FIXTURES / name).read_bytes().decode("utf-8", errors="replace")


def row(**changes) -> str:
    """Return a row of sacct's output, with some columns changed by number (``c6="FAILED"``)."""
    values = [changes.get(f"c{column}", value) for column, value in enumerate(ROW)]
    return SEPARATOR.join(values) + "\n"


def only(text: str) -> EndedJob:
    (ended,) = accounting.parse_accounting(text, SEPARATOR)
    return ended


@pytest.fixture(scope="module")
def ended_jobs():
    return {ended.job.job_id: ended for ended in accounting.parse_accounting(printed("sacct.txt"), SEPARATOR)}


@pytest.mark.parametrize(
    ("job_id", "state", "explanation"),
    [
        ("72", "COMPLETED", "completed"),
        ("79", "CANCELLED", "cancelled by user 0 before it started"),
        ("85", "FAILED", "failed with exit code 3"),
        ("86", "FAILED", "killed by signal 11 (SIGSEGV)"),
        ("88", "OUT_OF_MEMORY", "killed: ran out of memory: one SLURM task used 395 MiB of 100 MiB"),
        ("89", "OUT_OF_MEMORY", "killed: ran out of memory: one SLURM task used 398 MiB of 100 MiB"),
        ("90", "TIMEOUT", "killed: reached its time limit of 1 min"),
        ("91", "CANCELLED", "cancelled by user 0"),
        ("92", "FAILED", "failed with exit code 127"),
        ("93", "FAILED", "failed with exit code 9; a step was killed by signal 9 (SIGKILL)"),
        ("94", "FAILED", "killed by signal 9 (SIGKILL)"),
    ],
)
def test_explanations_of_real_jobs(ended_jobs, job_id, state, explanation):
    fate = explain(ended_jobs[job_id])
    assert (fate.state, fate.explanation) == (state, explanation)


def test_all_fields_of_a_failed_job(ended_jobs):
    ended = ended_jobs["89"]
    then = datetime(2026, 11, 22, 21, 45, 52, tzinfo=UTC)
    assert ended.job == QueuedJob(
        job_id="89",
        name="oomb",
        user="root",
        account="lab",
        partition="debug",
        qos="normal",
        state="FAILED",
        nodes=("n2",),
        submitted_at=then,
        started_at=then,
        time_limit_seconds=3600,
        cpus=1,
        memory_bytes=100 * MIB,
        gpus=0,
    )
    assert (ended.exit_code, ended.signal, ended.step_signals) == (None, 9, (9,))
    assert ended.max_rss_bytes == 407072 << 10
    assert ended.ended_at == datetime(2026, 11, 22, 21, 45, 54, tzinfo=UTC)


def test_job_that_never_ran_has_no_exit_code(ended_jobs):
    """SLURM prints ``0:0``."""
    cancelled = ended_jobs["79"]
    assert (cancelled.exit_code, cancelled.signal, cancelled.job.started_at, cancelled.job.nodes) == (
        None,
        None,
        None,
        (),
    )
    assert cancelled.job.memory_bytes == 64000 * MIB
    assert cancelled.cancelled_by_uid == 0


def test_cancelled_pending_job_has_no_start_time():
    """22.05 prints the time of cancellation as start time, for some seconds or permanently."""
    ended = only(row(c6="CANCELLED by 1001", c7="0:0", c9="300", c17="None assigned"))
    assert (ended.job.started_at, ended.exit_code) == (None, None)
    text = "JobId=7 JobName=x UserId=a(1) JobState=CANCELLED ExitCode=0:0 StartTime=300 EndTime=300 NodeList=(null)"
    shown = accounting.parse_show_job(text, "7")
    assert shown is not None
    assert (shown.job.started_at, shown.exit_code) == (None, None)


def test_array_and_heterogeneous_job_ids_are_parsed(ended_jobs):
    assert [
        (ended_jobs[job_id].job.array_job_id, ended_jobs[job_id].job.array_task_id) for job_id in ("71", "83", "98")
    ] == [
        ("71", "5"),
        ("71", "0"),
        ("98", "2-5%2"),
    ]
    assert [ended_jobs[job_id].job.het_job_id for job_id in ("75", "76", "77")] == ["75", "75", None]


def test_jobs_that_have_not_ended_are_returned(ended_jobs):
    assert ended_jobs["101"].job.state == "RUNNING"
    assert not read_state(ended_jobs["98"].job.state).has_ended
    assert ended_jobs["101"].ended_at is None


def test_job_names_may_contain_anything(ended_jobs):
    assert ended_jobs["72"].job.name == "nasty1? [31mred |x"  # as slurmdbd stores it
    assert ended_jobs["73"].job.name == "new"
    assert ended_jobs["73"].max_rss_bytes == 4886528  # from the row after the rest of its name


def test_requested_memory_of_old_versions_is_parsed():
    """Up to 20.11 ``ReqMem`` is per node or per CPU; it is used if nothing was allocated."""
    assert only(row(c14="500Mn", c15="")).job.memory_bytes == 1000 * MIB
    assert only(row(c14="500Mc", c15="")).job.memory_bytes == 2000 * MIB
    assert only(row(c14="500M", c15="")).job.memory_bytes == 500 * MIB


def test_max_rss_is_the_largest_of_all_steps():
    steps = row(c0="7.batch", c16="5M") + row(c0="7.0", c16="9M", c7="0:15") + row(c0="7.extern", c7="0:9")
    ended = only(row() + steps)
    assert ended.max_rss_bytes == 9 * MIB
    assert ended.step_signals == (9, 15)
    assert (ended.exit_code, ended.signal) == (3, None)


@pytest.mark.parametrize(
    ("text", "seconds"), [("01:40.250", 100), ("1-00:00:01", 86401), ("00:00:00", None), ("", None)]
)
def test_cpu_time_is_unknown_if_not_gathered(text, seconds):
    ended = only(row(c18=text) + row(c0="7.batch"))
    assert (ended.cpu_seconds, explain(ended).cpu_seconds) == (seconds, seconds)


@pytest.mark.parametrize("text", ["", "\n", "rubbish\n", SEPARATOR, row(c0="x"), row(c0="7.0")])
def test_malformed_rows_are_skipped(text):
    assert accounting.parse_accounting(text, SEPARATOR) == ()


def test_row_with_placeholder_name_is_incomplete():
    assert accounting.is_incomplete(only(row(c19="allocation")))
    assert not accounting.is_incomplete(only(row()))


def test_scontrol_output_is_parsed():
    ended = accounting.parse_show_job(printed("scontrol_show_job.txt"), "112")
    assert ended is not None
    assert (ended.job.state, ended.exit_code, ended.signal) == ("FAILED", None, 9)
    assert (ended.job.user, ended.job.account, ended.job.partition, ended.job.qos) == ("root", "lab", "debug", "normal")
    assert (ended.job.nodes, ended.job.cpus, ended.job.memory_bytes) == (("n2",), 1, 200 * MIB)
    assert ended.job.time_limit_seconds == 5400
    assert ended.ended_at == datetime(2026, 11, 22, 22, 3, 30, tzinfo=UTC)
    assert explain(ended).explanation == "killed by signal 9 (SIGKILL)"


def test_job_name_cannot_imitate_a_field():
    text = printed("scontrol_show_job_array.txt")
    for job_id, task in (("111", "1"), ("113", "0")):
        ended = accounting.parse_show_job(text, job_id)
        assert ended is not None
        assert (ended.job.state, ended.exit_code) == ("FAILED", 3)
        assert (ended.job.array_job_id, ended.job.array_task_id) == ("111", task)


def test_other_jobs_in_the_output_are_ignored():
    assert accounting.parse_show_job(printed("scontrol_show_job.txt"), "11") is None
    assert accounting.parse_show_job("", "112") is None


def test_queue_supplies_fields_that_accounting_lacks():
    seen = QueuedJob(job_id="7", name="jöb", qos="fast", nodes=("n9",), reason="Priority", cpus=8, state="RUNNING")
    ended = only(row(c5="", c17="None assigned", c19="j?b"))
    job = accounting.completed_from_queue(ended, seen).job
    assert (job.name, job.qos, job.nodes) == ("jöb", "fast", ("n9",))
    assert (job.state, job.cpus, job.reason) == ("FAILED", 4, None)
    assert accounting.completed_from_queue(ended, None) == ended


PIECES = st.lists(st.text() | st.sampled_from([SEPARATOR, "\n", "7", row(), "JobId=7 ", " UserId=", " JobState="]))


@given(pieces=PIECES)
def test_parsers_accept_any_text(pieces):
    text = "".join(pieces)
    for ended in accounting.parse_accounting(text, SEPARATOR):
        msgspec.json.encode(ended)
    accounting.parse_show_job(text, "7")
    accounting.parse_show_job(f"JobId=7 {text}", "7")


def test_last_or_last_ended_run_is_returned():
    """As 22.05 prints with ``-D`` for a job whose node was set down: it is pending again, under the same id."""
    first = row(c6="NODE_FAIL", c10="200")
    last_step = row(c0="7.batch", c6="CANCELLED", c10="200", c16="9M")
    now = row(c6="PENDING", c9="Unknown", c10="Unknown", c17="None assigned")
    assert only(first + last_step + now).job.state == "PENDING"
    (run,) = accounting.parse_accounting(first + last_step + now, SEPARATOR, only_ended=True)
    assert (run.job.state, run.max_rss_bytes) == ("NODE_FAIL", 9 * MIB)
    assert accounting.parse_accounting(now, SEPARATOR, only_ended=True) == ()
