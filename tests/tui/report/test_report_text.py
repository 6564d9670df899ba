"""The text report: its layout in 80 columns, with any names in it."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dasktop.collectors.analysis.usage import UsageAccumulator
from dasktop.collectors.model.report import LostWork, Report, TaskTime
from dasktop.collectors.model.snapshot import Allocated
from dasktop.tui.draw.text_width import width
from dasktop.tui.report.text import MAX_TASK_NAMES, WIDTH, plain_report
from tests.support.reports import busy_day, busy_day_once, many, report_of, single_snapshot_report
from tests.support.usage_timeline import FakeJob, snapshot_at


@pytest.fixture(autouse=True)
def _utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_report_has_all_parts():
    assert (
        plain_report(busy_day())
        == """\
tcp://10.1.2.3:41525 · SLURMCluster
2025-11-22 12:05 to 13:00 UTC (55 min), 331 snapshots
3 jobs, up to 2 at once, 1 ended badly, 1 not started

                  core-hours                      GiB-hours
granted                 16.0                           21.3
  used                   8.3   52% ━━━━━━╾─────         5.9   28% ━━━╾────────
  idle                   6.5   40% ━━━━━───────        13.8   65% ━━━━━━━━────
  no worker yet          0.2    1% ╾───────────         0.2    1% ╾───────────
  not observed           1.0    6% ━───────────         1.3    6% ╾───────────

No task ran in 38% of the core-hours.

Jobs were pending for 30 min on average.

JOB          STATE                RAN CPUS  CORE-H  USED  IDLE EMPTY UNSEEN  MEM
4709         RUNNING          1:00:00   12    12.0   38%   52%    2%     8%  30%
4710         OUT_OF_MEMORY    0:20:00   12    4.00   95%    5%    0%     0% 106%
4711         PENDING                –   12    0.00     –     –     –      –    –

EMPTY: core-hours without workers; UNSEEN: core-hours not observed; MEM: peak
memory, in % of the allocation

! 4710: out_of_memory

Recommendations
  memory="31GB" instead of 16GiB
      1 of 2 jobs ran out of memory; one SLURM task used 18 GB
      1.5 times the old request, or more if more was used"""
    )


def test_no_line_exceeds_80_columns():
    for report in (busy_day(), many(), single_snapshot_report()):
        for unicode in (True, False):
            assert max(map(width, plain_report(report, unicode=unicode).split("\n"))) <= WIDTH


def test_ascii_output_has_only_ascii():
    assert plain_report(busy_day(), unicode=False).isascii()


def test_many_similar_jobs_are_grouped():
    lines = plain_report(many()).split("\n")
    [kind] = [line for line in lines if line.startswith("30 jobs")]
    assert kind.split()[:5] == ["30", "jobs", "16", "GiB", "each"]
    listed = [line.split()[0] for line in lines if line.strip().startswith(("50", "60"))]
    assert listed == ["5029", "5028", "5027", "5026", "5025", "6000", "6001", "6002"], "most wasteful first"
    assert "  and 25 jobs with less waste" in lines


def test_one_snapshot_has_slurms_figures_only():
    text = plain_report(single_snapshot_report())
    assert "one snapshot, 2025-11-22 13:00 UTC" in text
    assert "based on one snapshot" in text
    [job] = [line for line in text.split("\n") if line.startswith("4709")]
    assert job.split() == ["4709", "RUNNING", "1:00:00", "12", "12.0", "50%", "–", "–", "50%", "30%"]
    [idle] = [line for line in text.split("\n") if line.startswith("  idle")]
    assert idle.split() == ["idle", *["–"] * 4], "none was observed"


def test_short_recording_reports_unobserved_time():
    text = plain_report(
        report_of(FakeJob(cpu_seconds_by_slurm=400, ended=2200, busy=lambda _: 0.0), begin=2160, until=2210)
    )
    [job] = [line for line in text.split("\n") if line.startswith("4709")]
    assert job.split() == ["4709", "CANCELLED", "0:36:40", "12", "7.33", "2%", "2%", "0%", "97%", "30%"]


def test_unknown_is_a_dash():
    nothing = {"state": None, "started_at": None, "allocated": Allocated(cpus=None, memory_bytes=None, gpus=None)}
    text = plain_report(report_of(FakeJob(values=nothing)))
    [job] = [line for line in text.split("\n") if line.startswith("4709")]
    assert job.split() == ["4709", *["–"] * 9]
    assert "The granted hours do not include 1 job whose allocation is unknown." in text


def test_report_without_jobs_is_short():
    taken = UsageAccumulator()
    taken.add(snapshot_at([], 0.0))
    text = plain_report(taken.report())
    assert "0 jobs" in text
    assert "granted" in text


@settings(max_examples=50)
@given(st.text(), st.text(), st.sampled_from(["RUNNING", "PENDING", None]) | st.text())
def test_any_name_keeps_the_layout(name, explanation, state):
    report = busy_day_once()
    jobs = tuple(
        replace(job, job_id=name, name=name, explanation=explanation, state=state, ended_badly=True)
        for job in report.jobs
    )
    for line in plain_report(replace(report, jobs=jobs)).split("\n"):
        assert width(line) <= WIDTH
        assert "\x1b" not in line


def with_task_times() -> Report:
    time = TaskTime(
        task_name="regrid",
        total_hours=12.5,
        compute_hours=10.0,
        waiting_hours=1.25,
        spill_hours=0.0,
        deserialize_hours=0.0,
        failed_hours=0.0,
        other_hours=1.25,
        transfer_hours=None,
    )
    times = tuple(replace(time, task_name=f"name-{number}" * number) for number in range(30))
    lost = LostWork(results=8, tasks_interrupted=1, hours_estimate=1.5)
    return replace(busy_day_once(), task_times=(time, *times), lost=lost)


def test_times_of_tasks_are_a_line_per_task_name():
    lines = plain_report(with_task_times()).splitlines()
    assert max(map(len, lines)) <= 80
    at = lines.index("Tasks: hours of one thread, and where they went")
    assert " ".join(lines[at + 1].split()) == "TASK NAME HOURS COMPUTE WAITING SPILL DESER. FAILED OTHER TRANSFER"
    assert lines[at + 2].split() == ["regrid", "12.5", "80%", "10%", "0%", "0%", "0%", "10%", "–"]
    assert lines[at + 2 + MAX_TASK_NAMES] == "and 11 more task names with 137.5 hours"
    assert "8 results with them and interrupted 1 task; what was still needed was" in " ".join(lines)
