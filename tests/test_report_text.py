"""A report as text: what a scientist reads in a terminal of 80 columns, whatever names are in it."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from dasktop.collectors.model import Allocated
from dasktop.collectors.waste import Report, Tally
from dasktop.tui.report.text import WIDTH, plain_report
from dasktop.tui.terminal.text_width import width
from tests.snapshots import GIB
from tests.waste_story import Life, look, watch

HOUR = 3600.0


@pytest.fixture(autouse=True)
def _utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def report_of(*lives: Life, until: float = HOUR, every: float = 10.0, begin: float = 0.0) -> Report:
    taken = Tally(every)
    for shown in watch(lives, until, every, begin):
        taken.add(shown)
    return taken.report()


def busy_day() -> Report:
    return report_of(
        Life("4709", submitted=-1200, started=0, first_worker=360, busy=lambda seconds: float(seconds < 1800)),
        Life("4710", started=600, ended=1800, state="OUT_OF_MEMORY", max_rss_bytes=17 * GIB),
        Life("4711", started=None),
        begin=300,
    )


def test_a_whole_report():
    assert (
        plain_report(busy_day())
        == """\
tcp://10.1.2.3:41525 · SLURMCluster
2025-11-22 12:05 to 13:00 UTC (55 min), 331 snapshots
3 jobs, up to 2 at once, 1 ended badly, 1 not started

                  core-hours                      GiB-hours
granted                 16.0                           21.3
  used                   8.3   52% ██████▎              5.9   28% ███▍
  idle                   6.5   40% ████▉               13.8   65% ███████▊
  no worker yet          0.2    1% ▏                    0.2    1% ▏
  not observed           1.0    6% ▊                    1.3    6% ▊

In 38% of the core-hours, no task ran.

A job waited 30 min in the queue, on average.

JOB          STATE                RAN CPUS  CORE-H  USED  IDLE EMPTY UNSEEN  MEM
4709         RUNNING          1:00:00   12    12.0   38%   52%    2%     8%  30%
4710         OUT_OF_MEMORY    0:20:00   12    4.00   95%    5%    0%     0% 106%
4711         PENDING                –   12    0.00     –     –     –      –    –

of the core-hours, EMPTY: without workers, UNSEEN: not observed; MEM: the most
memory in use, of what was granted

! 4710: out_of_memory

What would fit better
  memory="31GB" instead of 17.2GB
      1 of 2 jobs ran out of memory; one SLURM task held 18 GB
      1.5 times what it was, or more by what was seen"""
    )


def test_nothing_is_wider_than_80_cells():
    for report in (busy_day(), many(), one_look()):
        for unicode in (True, False):
            assert max(map(width, plain_report(report, unicode=unicode).split("\n"))) <= WIDTH


def test_where_only_ascii_may_be_printed():
    assert plain_report(busy_day(), unicode=False).isascii()


def many() -> Report:
    small = [Life(str(5000 + number), ended=3000.0, first_worker=60.0 * number) for number in range(30)]
    large = [Life(str(6000 + number), cpus=24, busy=lambda seconds: 0.1) for number in range(3)]
    return report_of(*small, *large, every=60.0)


def test_of_many_jobs_those_that_are_alike_are_one_line():
    lines = plain_report(many()).split("\n")
    [kind] = [line for line in lines if line.startswith("30 jobs")]
    assert kind.split()[:5] == ["30", "jobs", "16", "GiB", "each"]
    listed = [line.split()[0] for line in lines if line.strip().startswith(("50", "60"))]
    assert listed == ["5029", "5028", "5027", "5026", "5025", "6000", "6001", "6002"], "the most wasteful first"
    assert "  and 25 jobs with less waste" in lines


def one_look() -> Report:
    shown = look([Life(), Life("2", started=None)], HOUR)
    told, other = shown.jobs
    sampled = replace(told.tasks[0], cpu_seconds=21_600, max_rss_bytes=3 * GIB)
    taken = Tally()
    taken.add(replace(shown, jobs=(replace(told, tasks=(sampled,)), other)))
    return taken.report()


def test_one_look():
    text = plain_report(one_look())
    assert "one look, 2025-11-22 13:00 UTC" in text
    assert "This is one look" in text
    [job] = [line for line in text.split("\n") if line.startswith("4709")]
    assert job.split() == ["4709", "RUNNING", "1:00:00", "12", "12.0", "50%", "–", "–", "50%", "30%"]
    [idle] = [line for line in text.split("\n") if line.startswith("  idle")]
    assert idle.split() == ["idle", *["–"] * 4], "nobody has seen any"


def test_a_short_look_at_jobs_that_have_run_for_long():
    text = plain_report(
        report_of(Life(cpu_seconds_by_slurm=400, ended=2200, busy=lambda _: 0.0), begin=2160, until=2210)
    )
    [job] = [line for line in text.split("\n") if line.startswith("4709")]
    assert job.split() == ["4709", "CANCELLED", "0:36:40", "12", "7.33", "2%", "2%", "0%", "97%", "30%"]


def test_unknown_is_a_dash():
    nothing = {"state": None, "started_at": None, "allocated": Allocated(cpus=None, memory_bytes=None, gpus=None)}
    text = plain_report(report_of(Life(values=nothing)))
    [job] = [line for line in text.split("\n") if line.startswith("4709")]
    assert job.split() == ["4709", *["–"] * 9]
    assert "What was granted is without 1 job of which SLURM tells too little." in text


def test_nothing_at_all():
    taken = Tally()
    taken.add(look([], 0.0))
    text = plain_report(taken.report())
    assert "0 jobs" in text
    assert "granted" in text


@settings(max_examples=50)
@given(st.text(), st.text(), st.sampled_from(["RUNNING", "PENDING", None]) | st.text())
def test_any_name_keeps_its_place(name, explanation, state):
    report = busy_day_once()
    jobs = tuple(
        replace(job, job_id=name, name=name, explanation=explanation, state=state, ended_badly=True)
        for job in report.jobs
    )
    for line in plain_report(replace(report, jobs=jobs)).split("\n"):
        assert width(line) <= WIDTH
        assert "\x1b" not in line


_ONCE: list[Report] = []


def busy_day_once() -> Report:
    if not _ONCE:
        _ONCE.append(busy_day())
    return _ONCE[0]
