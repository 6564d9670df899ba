"""``dasktop report`` as users run it: on recordings good and bad, and on a scheduler."""

import gzip
import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

import jsonschema
import pytest
from click.testing import CliRunner

from dasktop.collectors.analysis.usage import UsageAccumulator, report_json, report_schema
from dasktop.collectors.model.snapshot import to_json
from dasktop.collectors.recording.recorder import write_all
from dasktop.tui.cli.main import command
from tests.support.dask_processes import Scheduler, Workers
from tests.support.dasktop_program import dasktop, dasktop_program, one_line
from tests.support.snapshots import GIB
from tests.support.terminal import Terminal
from tests.support.usage_timeline import FakeJob, snapshots_of

PROGRAM = [sys.executable, "-m", "dasktop.tui"]
JOBS = [
    FakeJob(ended=900.0, first_worker=60.0),
    FakeJob("4710", started=120.0),
    FakeJob("4711", started=None),
]
SNAPSHOTS = list(snapshots_of(JOBS, 1800, every=10.0))
GRANTED = 12 * (900 + 1680) / 3600


class Ended(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def report(*arguments: str) -> Ended:
    """Run the command in this process, which is faster."""
    result = CliRunner().invoke(command, ["report", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)


@pytest.fixture(params=["run", "run.gz"])
def recorded(request, tmp_path) -> Path:
    path = tmp_path / request.param
    write_all(str(path), SNAPSHOTS, redact=False)
    return path


@pytest.fixture
def plain(tmp_path) -> Path:
    path = tmp_path / "plain.ndjson"
    write_all(str(path), SNAPSHOTS, redact=False)
    return path


def granted(printed: str) -> float:
    document = json.loads(printed)
    jsonschema.validate(document, report_schema())
    hours: float = document["totals"]["core_hours"]["granted"]
    return hours


def test_report_of_a_recording_is_text(recorded):
    result = dasktop("report", str(recorded))
    assert (result.returncode, result.stderr) == (0, "")
    assert "3 jobs, up to 2 at once, 1 not started" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_report_of_a_recording_can_be_json(recorded):
    result = report(str(recorded), "--json")
    assert (result.returncode, result.stderr) == (0, "")
    assert granted(result.stdout) == pytest.approx(GRANTED)


def test_a_page_is_written_beside_the_text(recorded, tmp_path):
    page = tmp_path / "page.html"
    result = report(str(recorded), "--html", str(page))
    assert (result.returncode, result.stderr) == (0, "")
    assert "3 jobs" in result.stdout
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_output_of_snapshot_watch_is_a_recording(tmp_path):
    path = tmp_path / "printed"
    path.write_bytes(b"".join(to_json(shown) + b"\n" for shown in SNAPSHOTS))
    assert granted(report(str(path), "--json").stdout) == pytest.approx(GRANTED)


def test_a_long_recording_is_sampled(plain, monkeypatch):
    monkeypatch.setattr("dasktop.tui.cli.report.MAX_SNAPSHOTS", 61)
    whole, some = (
        json.loads(dasktop("report", str(plain), "--json").stdout),
        json.loads(report(str(plain), "--json").stdout),
    )
    assert (some["snapshots"], some["snapshots_skipped"]) == (61, 120)
    hours, of_all = some["totals"]["core_hours"], whole["totals"]["core_hours"]
    assert hours["granted"] == of_all["granted"]
    assert hours["used"] == pytest.approx(of_all["used"], rel=0.02)
    assert "61 of 181 snapshots" in report(str(plain)).stdout


def test_memory_peaks_in_skipped_snapshots_count(tmp_path, monkeypatch):
    monkeypatch.setattr("dasktop.tui.cli.report.MAX_SNAPSHOTS", 61)
    short = FakeJob(memory_share=lambda seconds: 0.9 if 990 <= seconds < 1000 else 0.2)
    path = tmp_path / "run"
    write_all(str(path), snapshots_of([short], 1800, every=10.0), redact=False)
    document = json.loads(report(str(path), "--json").stdout)
    assert document["snapshots_skipped"] == 120
    for peaks in (document["jobs"][0]["peaks"], document["totals"]["peaks"]):
        assert peaks["worker_memory_bytes"] == int(0.9 * 4 * GIB)
        assert peaks["worker_memory_limit_bytes"] == 4 * GIB
        assert peaks["memory_bytes"] == 4 * int(0.9 * 4 * GIB)


def test_a_report_reads_all_fields_that_it_uses(tmp_path):
    """For speed, it reads only some of the fields."""
    fake_jobs = [
        FakeJob(ended=900.0, first_worker=60.0, state="OUT_OF_MEMORY", cpu_seconds_by_slurm=40_000, max_rss_bytes=GIB),
        FakeJob("2", suspended=(300, 600), busy=lambda seconds: seconds / 1800),
        FakeJob("3", submitted=100, started=300, ended=1000, state="TIMEOUT", limit_seconds=700),
        FakeJob("4", submitted=200, started=None, ended=1200),
        FakeJob("5", started=400, values={"evidence": ()}),
    ]
    snapshots = [*snapshots_of(fake_jobs, 1800, every=10.0)]
    path = tmp_path / "run"
    write_all(str(path), snapshots, redact=False)
    tally = UsageAccumulator(10.0)
    for shown in snapshots:
        tally.add(shown)
    assert report(str(path), "--json").stdout == report_json(tally.report()).decode() + "\n"


def test_an_existing_page_is_not_overwritten(plain, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("precious")
    result = report(str(plain), "--html", str(page))
    assert (result.returncode, result.stdout) == (2, "")
    assert f"--html: {page} already exists" in one_line(result.stderr)
    assert page.read_text() == "precious"


def test_an_unwritable_page_is_reported(plain, tmp_path):
    result = report(str(plain), "--html", str(tmp_path / "none" / "page.html"))
    assert result.returncode == 2
    assert "no such directory" in one_line(result.stderr)


@pytest.mark.parametrize("content", ["", "hello\n", "{}\n", "\x00\x01\n", None], ids=repr)
def test_a_foreign_file_is_reported_in_one_line(content, tmp_path):
    path = tmp_path / "foreign.ndjson"
    if content is not None:
        path.write_text(content)
    result = report(str(path))
    assert (result.returncode, result.stdout) == (2, "")
    assert str(path) in one_line(result.stderr)


def test_a_folder_is_reported_in_one_line(tmp_path):
    result = report(str(tmp_path))
    assert result.returncode == 2
    assert ": Is a directory" in one_line(result.stderr)


def test_good_lines_of_a_truncated_file_count(plain):
    plain.write_bytes(plain.read_bytes()[:-10])
    result = report(str(plain), "--json")
    assert result.returncode == 0
    assert f"{plain}: truncated in its last line" in one_line(result.stderr)
    assert granted(result.stdout) == pytest.approx(GRANTED - 12 * 10 / 3600), "the running job has one snapshot fewer"


def test_good_lines_of_a_truncated_gzip_count(tmp_path):
    path = tmp_path / "run.gz"
    write_all(str(path), SNAPSHOTS, redact=False)
    path.write_bytes(path.read_bytes()[:-200])
    result = report(str(path), "--json")
    assert result.returncode == 0
    assert granted(result.stdout) == pytest.approx(GRANTED, rel=0.2)


@pytest.mark.parametrize(
    "edited",
    ["rubbish", '{"taken_at": 5}', '{"taken_at": "2025-11-22T12:05:00Z", "since": "2025-11-22T12:00:00Z", "jobs": 7}'],
)
def test_good_lines_of_an_edited_file_count(edited, plain):
    lines = plain.read_text().split("\n")
    lines[31] = edited
    plain.write_text("\n".join(lines))
    result = report(str(plain), "--json")
    assert result.returncode == 0
    assert "1 line skipped" in one_line(result.stderr)
    assert granted(result.stdout) == pytest.approx(GRANTED)
    assert json.loads(result.stdout)["snapshots"] == len(SNAPSHOTS) - 1


def test_absurd_numbers_do_not_crash(tmp_path):
    document = json.loads(to_json(SNAPSHOTS[50]))
    job = document["jobs"][0]
    job["allocated"] = {"cpus": 10**400, "memory_bytes": -1, "gpus": 0}
    job["time_limit_seconds"] = 10**30
    job["submitted_at"] = "0001-01-01T00:00:00Z"
    job["tasks"][0] |= {"max_rss_bytes": 10**100, "cpu_seconds": 10**100}
    job["tasks"][0]["workers"][0] |= {"memory_limit_bytes": 10**300, "nthreads": 10**400, "executing": 10**400}
    document["cluster"]["owner"]["memory_per_job_bytes"] = 10**400
    document["taken_at"] = "9999-12-31T23:59:59Z"
    path, page = tmp_path / "wild", tmp_path / "page.html"
    path.write_text(json.dumps(document) + "\n")
    for zone in ("UTC", "Pacific/Auckland", "America/Los_Angeles"):
        result = dasktop_program("report", str(path), "--html", str(page), TZ=zone)
        assert (result.returncode, result.stderr) == (0, "")
        page.unlink()


def test_a_recording_by_a_newer_version_is_read(plain):
    lines = plain.read_text().split("\n")
    lines[0] = '{"recording": 7, "program": "dasktop 9.0"}'
    plain.write_text("\n".join(lines))
    result = report(str(plain), "--json")
    assert result.returncode == 0
    assert "written by a newer dasktop" in one_line(result.stderr)
    assert granted(result.stdout) == pytest.approx(GRANTED)


def test_unreadable_newer_snapshots_are_refused(tmp_path):
    path = tmp_path / "newer.ndjson"
    path.write_text('{"schema_version": 2, "taken_at": "2031-01-01T00:00:00Z", "clusters": []}\n')
    result = report(str(path))
    assert (result.returncode, result.stdout) == (2, "")
    assert "written by a newer dasktop" in one_line(result.stderr)


def test_a_foreign_gzip_is_refused(tmp_path):
    path = tmp_path / "foreign.gz"
    path.write_bytes(gzip.compress(b"hello\n" * 1000))
    result = report(str(path))
    assert (result.returncode, result.stdout) == (2, "")
    assert str(path) in one_line(result.stderr)


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["runn"], 2, "there is no file runn, and runn is not a scheduler's address"),
        (["./runn"], 2, "cannot read ./runn: No such file or directory"),
        (["run.ndjson"], 2, "cannot read run.ndjson: No such file or directory"),
        (["http://host:8787"], 2, "is a web address"),
        (["tcp://127.0.0.1:1", "--no-slurm"], 3, "no scheduler at tcp://127.0.0.1:1"),
        (["tcp://127.0.0.1:1", "--scheduler-file", "f"], 2, "--scheduler-file"),
        (["x" * 300], 2, "is not a scheduler's address"),
    ],
)
def test_neither_recording_nor_address_is_reported(arguments, status, words, tmp_path):
    result = report(*arguments)
    assert (result.returncode, result.stdout) == (status, "")
    assert words in one_line(result.stderr)


@pytest.mark.parametrize("option", [["--scheduler-file", "f"], ["--record", "f"]], ids=lambda option: option[0])
def test_cluster_options_are_refused_with_a_recording(option, plain):
    result = report(str(plain), *option)
    assert result.returncode == 2
    assert f"{option[0]} requires a cluster, but {plain} is a recording" in one_line(result.stderr)


def test_file_named_like_an_address_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_all("localhost:8786", SNAPSHOTS[:10], redact=False)
    assert report("localhost:8786").returncode == 0


def test_a_running_scheduler_gives_a_report(tmp_path):
    with Scheduler() as scheduler, Workers(scheduler.address, "--no-nanny"):
        result = report(scheduler.address, "--no-slurm", "--record", str(tmp_path / "look"), "--json")
        again = report(str(tmp_path / "look"), "--json")
    assert (result.returncode, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    jsonschema.validate(document, report_schema())
    assert (document["scheduler_address"], document["snapshots"], document["jobs"]) == (scheduler.address, 1, [])
    assert again.stdout == result.stdout


def test_schema_of_reports_is_printed():
    result = CliRunner().invoke(command, ["schema", "--report"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == report_schema()


def test_progress_is_cleared_on_a_terminal(plain, tmp_path):
    with Terminal([*PROGRAM, "report", str(plain)], tmp_path, os.environ) as terminal:
        terminal.wait_for("Recommendations")
        assert terminal.wait_for_end() == 0
        terminal.wait_for(lambda screen: "Recommendations" in screen and "reading" not in screen)
