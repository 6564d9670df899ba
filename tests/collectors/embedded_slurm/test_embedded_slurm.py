"""Options and limits of the embedded SLURM, and its isolation. Tests in `contract/` compare it with a real one."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from dasktop.collectors.embedded_slurm import EmbeddedSlurm, EmbeddedSlurmError, Partition
from tests.contract.embedded import EmbeddedCommands
from tests.support.slurm_output import accounts, printed, queue, until


@pytest.fixture(scope="module")
def shared() -> Iterator[EmbeddedCommands]:
    with EmbeddedCommands(nodes=2, cpus_per_node=4, memory_per_node_mb=8000, gpus_per_node=2) as slurm:
        yield slurm


@pytest.fixture
def slurm(shared: EmbeddedCommands) -> Iterator[EmbeddedCommands]:
    yield shared
    shared.cancel_all()


def test_nodes_and_partitions_as_configured() -> None:
    partitions = (Partition("long"), Partition("quick", default_minutes=5, max_minutes=10))
    with EmbeddedCommands(nodes=3, cpus_per_node=2, memory_per_node_mb=4096, partitions=partitions) as slurm:
        output = slurm.run("sinfo", "-h", "-o", "%P %l %D %c %m %N")
        assert output.splitlines() == ["long* infinite 3 2 4096 n[1-3]", "quick 10:00 3 2 4096 n[1-3]"]
        limits = [slurm.submit("sleep 60"), slurm.submit("sleep 60", "-p", "quick")]
        rows = queue(slurm, "AlL", "-j", ",".join(limits))
        assert [(row["A"], row["l"]) for row in rows] == [(limits[0], "UNLIMITED"), (limits[1], "5:00")]


def test_sacct_fails_without_accounting() -> None:
    with EmbeddedCommands(accounting=False) as slurm:
        done = slurm.attempt("sacct", "-n", "-j", "1")
        assert (done.returncode, done.stdout, done.stderr) == (1, "", "Slurm accounting storage is disabled\n")
        job_id = slurm.submit("exit 4")
        slurm.wait_for(job_id, "FAILED")
        assert "ExitCode=4:0" in slurm.run("scontrol", "show", "job", job_id)


def test_accounting_keeps_jobs_that_left_the_queue() -> None:
    with EmbeddedCommands(min_job_age_seconds=0.5) as slurm:
        job_id = slurm.submit("exit 3")
        gone = until(lambda: slurm.attempt("scontrol", "show", "job", job_id), lambda done: done.returncode == 1)
        assert gone.stderr == "slurm_load_jobs error: Invalid job id specified\n"
        assert slurm.attempt("squeue", "-h", "-t", "all", "-j", job_id).returncode == 1
        assert accounts(slurm, "State", job_id)[job_id] == {"State": "FAILED"}


def test_two_clusters_are_independent(slurm: EmbeddedCommands) -> None:
    job_id = slurm.submit("sleep 60")
    slurm.wait_for(job_id, "RUNNING")
    with EmbeddedCommands(cluster="other") as other:
        theirs = other.submit("sleep 60")
        other.wait_for(theirs, "RUNNING")
        other.run("scancel", "--me")
        other.wait_for(theirs, "CANCELLED")
    assert slurm.states(job_id) == {"RUNNING"}


def test_descendants_count_against_memory_limit(slurm: EmbeddedCommands) -> None:
    hog = f"{sys.executable} -c 'import time; x = bytearray(60_000_000); time.sleep(60)' &"
    job_id = slurm.submit(f"{hog}\n{hog}\n{hog}\nwait", "--mem=150M")
    slurm.wait_for(job_id, "OUT_OF_MEMORY")
    assert "oom_kill event" in slurm.output(job_id)


def test_processes_left_by_a_script_are_killed(slurm: EmbeddedCommands) -> None:
    # Its own session, no environment, and soon no parent: only an earlier scan shows its job.
    escape = "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)"
    seen = "sstat -n -P -a -j $SLURM_JOB_ID --format=Pids | grep -qw $escaped"
    script = (
        f"env -i setsid {sys.executable} -c '{escape}' &\nescaped=$!\nsleep 600 & echo $!\n"
        f"until grep -qx $escaped slurm-$SLURM_JOB_ID.out && {seen}; do sleep 0.1; done"
    )
    job_id = slurm.submit(script)
    slurm.wait_for(job_id, "COMPLETED")
    pids = [int(word) for word in slurm.output(job_id).split()]
    assert len(pids) == 2
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_other_processes_are_not_killed(slurm: EmbeddedCommands) -> None:
    """A program that uses the commands has SLURM's variables, but belongs to no job."""
    job_id = slurm.submit("sleep 60")
    environment = slurm.environment | {"SLURM_JOB_ID": job_id, "SLURM_PROCID": "0"}
    with subprocess.Popen(["sleep", "60"], env=environment) as stranger:
        try:
            slurm.run("scancel", job_id)
            slurm.wait_for(job_id, "CANCELLED")
            assert stranger.poll() is None
        finally:
            stranger.kill()


def test_backfill_never_delays_an_earlier_job(slurm: EmbeddedCommands) -> None:
    runs = slurm.submit("sleep 60", "-n", "4", "-t", "10")
    slurm.wait_for(runs, "RUNNING")
    wide = slurm.submit("sleep 60", "-N", "2", "-n", "8", "-t", "10")
    slurm.wait_for_reason(wide, "Resources")
    short = slurm.submit("sleep 60", "-t", "5")
    long = slurm.submit("sleep 60", "-t", "20")
    slurm.wait_for(short, "RUNNING")
    slurm.wait_for_reason(long, "Priority")


def test_gpus_are_allocated(slurm: EmbeddedCommands) -> None:
    first = slurm.submit("sleep 60", "--gres=gpu:2")
    second = slurm.submit("sleep 60", "--gpus-per-node=1")
    third = slurm.submit("sleep 60", "--gres=gpu:2")
    for job_id in (first, second):
        slurm.wait_for(job_id, "RUNNING")
    slurm.wait_for_reason(third, "Resources")
    assert slurm.run("squeue", "-h", "-j", first, "-o", "%b").strip() == "gres:gpu:2"
    assert "gres/gpu=2" in slurm.run("squeue", "-h", "-j", first, "-O", "tres-alloc:200")
    assert slurm.attempt("sbatch", "--gres=gpu:3", "--wrap=true").returncode == 1


def test_names_may_contain_any_bytes(slurm: EmbeddedCommands) -> None:
    name = b"\x1b[31m\xff\xfe a|b\t\xc3\xa9".decode("utf-8", "surrogateescape")
    job_id = slurm.submit("sleep 60", "-J", name)
    assert slurm.run("squeue", "-h", "-j", job_id, "-o", "%j") == f"{name}\n"
    assert accounts(slurm, "JobName", job_id)[job_id] == {"JobName": name}


def test_times_use_the_callers_time_zone(slurm: EmbeddedCommands) -> None:
    job_id = slurm.submit("sleep 60")
    slurm.wait_for(job_id, "RUNNING")
    form = ("squeue", "-h", "-j", job_id, "-o", "%S")
    utc = slurm.run("env", "TZ=UTC", *form).strip()
    east = slurm.run("env", "TZ=UTC-9", *form).strip()
    assert utc != east
    assert utc[-5:] == east[-5:]
    assert slurm.run("env", "TZ=UTC", *form).strip() == utc


def test_export_selects_inherited_variables(slurm: EmbeddedCommands) -> None:
    submit = ("env", "SECRET=1", "KEPT=2", "sbatch", "--parsable", "--wrap=env")
    nothing = slurm.run(*submit, "--export=NONE").strip()
    some = slurm.run(*submit, "--export=KEPT,NEW=3").strip()
    for job_id in (nothing, some):
        slurm.wait_for(job_id, "COMPLETED")
    assert not {"SECRET=1", "KEPT=2"} & set(slurm.output(nothing).splitlines())
    assert {"KEPT=2", "NEW=3"} <= set(slurm.output(some).splitlines())
    assert "SECRET=1" not in slurm.output(some)


def test_jobs_can_run_slurm_commands(slurm: EmbeddedCommands) -> None:
    job_id = slurm.submit("sbatch --parsable --wrap 'exit 0' > inner.id; squeue -h -j $SLURM_JOB_ID -o %T")
    slurm.wait_for(job_id, "COMPLETED")
    assert slurm.output(job_id) == "RUNNING\n"
    slurm.wait_for((slurm.work / "inner.id").read_text().strip(), "COMPLETED")


def test_killing_srun_ends_its_step(slurm: EmbeddedCommands) -> None:
    arguments = ["srun", "sh", "-c", "echo $$; exec sleep 600"]
    with subprocess.Popen(arguments, env=slurm.environment, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        pid = int(client.stdout.readline())
        client.kill()
    until(lambda: psutil.pid_exists(pid), lambda there: not there)
    until(slurm.queued, lambda queued: not queued)


def test_tasks_read_stdin_of_srun(slurm: EmbeddedCommands) -> None:
    assert slurm.run("srun", "sed", "s/a/b/", input="aha\n") == "bha\n"


def test_commands_work_without_standard_streams(slurm: EmbeddedCommands) -> None:
    assert slurm.run("sh", "-c", "exec squeue -h <&-") == ""
    assert slurm.run("sh", "-c", "srun echo hi <&- 2>&-") == "hi\n"


@pytest.mark.parametrize(
    "command",
    ["squeue -i 5", "squeue --json", "sacct --json", "sbatch --wrap=true --dependency=afterok:1", "srun --pty sh"],
)
def test_unknown_options_are_refused_in_one_line(slurm: EmbeddedCommands, command: str) -> None:
    done = slurm.attempt(*command.split())
    name = command.split()[0]
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{name}: error: ")
    assert done.stderr.count("\n") == 1


def test_folder_with_long_name_and_spaces(tmp_path: Path) -> None:
    parent = tmp_path / ("a long name, with 'quotes' and spaces " * 4)
    parent.mkdir()
    with EmbeddedCommands(folder=parent) as slurm:
        assert slurm.slurm.folder.parent == parent.resolve()
        job_id = slurm.submit("echo $SLURMD_NODENAME")
        slurm.wait_for(job_id, "COMPLETED")
        assert slurm.output(job_id) == "n1\n"
    assert list(parent.iterdir()) == []


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        EmbeddedSlurm(folder=tmp_path / "missing").start()


def test_failed_start_reports_the_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(EmbeddedSlurmError, match="did not start"):
        EmbeddedSlurm(folder=tmp_path).start()
    assert list(tmp_path.iterdir()) == []


def test_environment_hides_other_slurms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUEUE_FORMAT", "%i")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm/slurm.conf")
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with EmbeddedSlurm() as slurm:
        assert not {"SQUEUE_FORMAT", "SLURM_JOB_ID"} & slurm.environment.keys()
        assert slurm.environment["SLURM_CONF"] == os.devnull
        assert shutil.which("squeue", path=slurm.environment["PATH"]) == str(slurm.folder / "bin" / "squeue")
    with pytest.raises(EmbeddedSlurmError, match="not running"):
        _ = slurm.environment


def test_import_is_cheap() -> None:
    script = "import sys, dasktop.collectors.embedded_slurm; print(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout
    assert not {"distributed", "dask", "textual", "rich", "asyncio", "click"} & set(output.split())


def test_output_file_exists_once_shown(slurm: EmbeddedCommands) -> None:
    pattern = "%x-%j-%5j-%N-%u.txt"
    job_id = slurm.submit("echo out; echo err >&2", "-J", "named", "-o", pattern, "-e", "%j.err")
    slurm.wait_for(job_id, "COMPLETED")
    user = slurm.run("id", "-un").strip()
    assert (slurm.work / f"named-{job_id}-{int(job_id):05}-n1-{user}.txt").read_text() == "out\n"
    assert (slurm.work / f"{job_id}.err").read_text() == "err\n"
    assert printed(slurm, job_id) == ""


def test_internal_error_is_reported_and_ends_nothing(
    shared: EmbeddedCommands, caplog: pytest.LogCaptureFixture
) -> None:
    with EmbeddedCommands() as slurm:
        job_id = slurm.submit("sleep 60")
        # A command that does not exist; only the test can request it.
        client = shared.slurm.folder / "bin" / "squeue"
        words = client.read_text().replace(str(shared.slurm.folder), str(slurm.slurm.folder)).replace("squeue", "sdiag")
        done = subprocess.run(["sh", "-c", words], capture_output=True, check=False, text=True)
        assert (done.returncode, done.stderr) == (1, "sdiag: error: KeyError: 'sdiag'\n")
        slurm.wait_for(job_id, "RUNNING")
    assert "error in the embedded SLURM" in caplog.text
    assert "KeyError: 'sdiag'" in caplog.text


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("true\n", "This does not look like a batch script."),
        ("#!/bin/sh\n#SBATCH -o a\0b\n", "NULL character"),
        ("#!/bin/sh\r\ntrue\r\n", "DOS line breaks"),
        ("#!/bin/sh\n#SBATCH --no-such-option\n", "unrecognized option '--no-such-option'"),
        ("#!/bin/sh\n#SBATCH -J 'open\n", "No closing quotation"),
    ],
)
def test_invalid_scripts_are_refused(slurm: EmbeddedCommands, script: str, problem: str) -> None:
    path = slurm.work / "refused.sh"
    path.write_bytes(script.encode())
    for done in (slurm.attempt("sbatch", input=script), slurm.attempt("sbatch", str(path))):
        assert (done.returncode, done.stdout) == (1, "")
        assert problem in done.stderr


def test_pipe_is_not_a_script(slurm: EmbeddedCommands) -> None:
    os.mkfifo(slurm.work / "pipe")
    done = slurm.attempt("sbatch", "pipe")
    assert (done.returncode, done.stderr) == (1, "sbatch: error: Unable to open file pipe\n")
