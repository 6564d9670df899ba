"""The same parsers on the output of five versions of SLURM; see `tests/fixtures/slurm/README.md` for its origin."""

from pathlib import Path

import pytest

from dasktop.collectors.sources.slurm.accounting import parse_accounting, parse_show_job
from dasktop.collectors.sources.slurm.output_files import parse_output_files
from dasktop.collectors.sources.slurm.queue import parse_queue, parse_resources
from dasktop.collectors.sources.slurm.steps import parse_steps

FIXTURES = Path(__file__).parents[3] / "fixtures" / "slurm"
MARK, SEPARATOR = "\x1e0badcafe", "\x1f0badcafe\x1f"
GIB, MIB = 1 << 30, 1 << 20
FORMS, RECORDED = ("20.11", "23.02"), ("24.11", "26.05")


def printed(version: str, name: str) -> str:
    return (FIXTURES / version / name).read_text()


@pytest.mark.parametrize("version", FORMS)
class TestForms:
    """A job of the fictitious user ada in older versions."""

    def test_queue(self, version):
        found = parse_queue(printed(version, "squeue.txt"), MARK)
        running, waiting = found.jobs
        assert found.not_parsed == 0
        assert (running.cpus, running.memory_bytes, running.gpus, running.nodes) == (8, 16 * GIB, 2, ("cn1", "cn2"))
        assert (waiting.array_task_id, waiting.time_limit_seconds) == ("5-10%2", None)
        assert (waiting.started_at, waiting.expected_start_at) == (None, None)

    def test_scontrol_show_job(self, version):
        end = parse_show_job(printed(version, "scontrol_show_job.txt"), "4711")
        job = end.job
        assert (job.state, end.exit_code, end.signal) == ("FAILED", 3, None)
        assert (job.cpus, job.memory_bytes, job.gpus, job.nodes) == (8, 16 * GIB, 2, ("cn1", "cn2"))

    def test_pending_job_requests_the_same_resources(self, version):
        job = parse_show_job(printed(version, "scontrol_show_job_held.txt"), "4711").job
        assert (job.state, job.cpus, job.memory_bytes, job.gpus, job.nodes) == ("PENDING", 8, 16 * GIB, 2, ())

    def test_accounting(self, version):
        failed, never = parse_accounting(printed(version, "sacct.txt"), SEPARATOR)
        assert (failed.job.state, failed.exit_code, failed.max_rss_bytes) == ("FAILED", 3, 402256 << 10)
        assert (failed.job.memory_bytes, failed.job.gpus) == (16 * GIB, 2)
        assert (never.job.state, never.cancelled_by_uid, never.job.started_at) == ("CANCELLED", 1001, None)

    def test_steps(self, version):
        steps = parse_steps(printed(version, "sstat.txt"))
        assert [(step.step_id, step.ntasks) for step in steps] == [("extern", 2), ("batch", 1), ("0", 2)]


@pytest.mark.parametrize("version", RECORDED)
class TestRecorded:
    """Recorded from a real SLURM: jobs 1 (2 nodes, a step), 2 (array), 3 (held), 4 (het), 6 to 13 (ends)."""

    def test_queue(self, version):
        resources = parse_resources(printed(version, "squeue_resources.txt"))
        found = parse_queue(printed(version, "squeue.txt"), MARK, resources)
        jobs = {job.job_id: job for job in found.jobs}
        assert found.not_parsed == 0
        assert (jobs["1"].cpus, jobs["1"].memory_bytes, jobs["1"].gpus) == (4, 1200 * MIB, 0)
        assert (jobs["1"].nodes, jobs["1"].time_limit_seconds) == (("n1", "n2"), 3600)
        assert (jobs["2"].array_task_id, jobs["2"].reason) == ("2-5%2", "JobArrayTaskLimit")
        assert (jobs["3"].state, jobs["3"].reason, jobs["3"].memory_bytes) == ("PENDING", "JobHeldUser", 1000 * MIB)
        assert [jobs[job_id].het_job_id for job_id in ("4", "5")] == ["4", "4"]
        assert {job.array_task_id for job in found.jobs if job.array_job_id == "2"} == {"0", "1", "2-5%2"}

    def test_scontrol_show_job(self, version):
        end = parse_show_job(printed(version, "scontrol_show_job.txt"), "11")
        assert (end.job.state, end.exit_code, end.signal) == ("FAILED", None, 9)
        assert (end.job.cpus, end.job.memory_bytes, end.job.gpus) == (1, 1000 * MIB, 0)

    def test_pending_job_requests_the_same_resources(self, version):
        job = parse_show_job(printed(version, "scontrol_show_job_held.txt"), "3").job
        assert (job.state, job.cpus, job.memory_bytes, job.gpus) == ("PENDING", 1, 1000 * MIB, 0)

    def test_accounting(self, version):
        ended = {end.job.job_id: end for end in parse_accounting(printed(version, "sacct.txt"), SEPARATOR)}
        assert (ended["10"].job.state, ended["10"].exit_code) == ("FAILED", 3)
        assert (ended["11"].job.state, ended["11"].signal) == ("FAILED", 9)
        assert (ended["12"].job.state, ended["12"].job.time_limit_seconds) == ("TIMEOUT", 60)
        assert (ended["13"].job.state, ended["13"].cancelled_by_uid, ended["13"].job.started_at) == (
            "CANCELLED",
            0,
            None,
        )
        assert (ended["1"].job.cpus, ended["1"].job.memory_bytes) == (4, 1200 * MIB)

    def test_steps(self, version):
        steps = [step for step in parse_steps(printed(version, "sstat.txt")) if step.job_id == "1"]
        assert [(step.step_id, step.ntasks) for step in steps] == [("batch", 1), ("0", 2)]
        assert all(step.pids and step.max_rss_bytes for step in steps)

    def test_output_files(self, version):
        files = parse_output_files(printed(version, "scontrol_show_job_files.txt"), "1")
        # 26.05 leaves StdErr empty if both streams go to one file.
        assert files.stdout.endswith("/work/slurm-1.out")
        assert files.stderr in (files.stdout, None)
        assert files.work_dir.endswith("/work")


@pytest.mark.parametrize("version", [*FORMS, *RECORDED])
def test_banner_before_scontrol_output_is_skipped(version):
    text = printed(version, "scontrol_show_job.txt")
    job_id = text.partition(" ")[0].removeprefix("JobId=")
    assert parse_show_job(f"Welcome to Big Iron\n{text}", job_id) == parse_show_job(text, job_id)
