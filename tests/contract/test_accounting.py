"""sacct: the fields that our collectors read of running and ended jobs."""

import getpass
import re
import sys
from pathlib import Path

from tests.contract.embedded import EmbeddedCommands
from tests.slurm.commands import SlurmCommands
from tests.support.slurm_output import Row, accounts, kilobytes, printed, queue, until

HOW = "State,ExitCode"


def ended(slurm: SlurmCommands, job_id: str, state: str, fields: str = HOW, timeout: float = 60) -> dict[str, Row]:
    """Return the rows of a job and its steps, once accounting has all of them in their final state."""
    slurm.wait_for(job_id, state, timeout=timeout)
    slurm.wait_for_accounting(job_id, state)
    until(lambda: {row["State"] for row in accounts(slurm, HOW, job_id).values()}, lambda seen: "RUNNING" not in seen)
    return accounts(slurm, fields, job_id)


def test_fields_of_completed_job_and_steps(slurm: SlurmCommands) -> None:
    job_id = slurm.submit("srun -J inner true", "-J", "a|b", "-N", "2", "-n", "4", "--mem=1G", "-t", "3")
    fields = "JobIDRaw,JobName,User,Account,Partition,State,ExitCode,DerivedExitCode,NNodes,NTasks,AllocCPUS,ReqMem"
    rows = ended(slurm, job_id, "COMPLETED", f"{fields},NodeList,Timelimit")
    common = {"Account": "lab", "State": "COMPLETED", "ExitCode": "0:0"}
    assert rows == {
        job_id: common
        | {
            "JobIDRaw": job_id,
            "JobName": "a|b",
            "User": getpass.getuser(),
            "Partition": "debug",
            "DerivedExitCode": "0:0",
            "NNodes": "2",
            "NTasks": "",
            "AllocCPUS": "4",
            "ReqMem": "2G",
            "NodeList": "n[1-2]",
            "Timelimit": "00:03:00",
        },
        f"{job_id}.batch": common
        | {
            "JobIDRaw": f"{job_id}.batch",
            "JobName": "batch",
            "User": "",
            "Partition": "",
            "DerivedExitCode": "",
            "NNodes": "1",
            "NTasks": "1",
            "AllocCPUS": "3",
            "ReqMem": "",
            "NodeList": "n1",
            "Timelimit": "",
        },
        f"{job_id}.0": common
        | {
            "JobIDRaw": f"{job_id}.0",
            "JobName": "inner",
            "User": "",
            "Partition": "",
            "DerivedExitCode": "",
            "NNodes": "2",
            "NTasks": "4",
            "AllocCPUS": "4",
            "ReqMem": "",
            "NodeList": "n[1-2]",
            "Timelimit": "",
        },
    }


BURN = """
import os, sys, time
held = bytearray(60_000_000)
while time.process_time() < 1.1:
    pass
while not os.path.exists(sys.argv[1]):
    time.sleep(0.1)
"""


def test_times_cpu_and_memory_are_recorded(slurm: SlurmCommands, tmp_path: Path) -> None:
    sampled = tmp_path / "sampled"
    job_id = slurm.submit(f"exec {sys.executable} -c '{BURN}' {sampled}", "--mem=500M")
    # Accounting has no memory for a step that ended before SLURM sampled it.
    step = ("sstat", "-n", "-P", "-a", "-j", f"{job_id}.batch", "--format=MaxRSS")
    until(lambda: slurm.attempt(*step).stdout.strip(), lambda size: size and kilobytes(size) > 60_000)
    sampled.touch()
    rows = ended(slurm, job_id, "COMPLETED", "Submit,Start,End,Elapsed,MaxRSS,TotalCPU")
    job, batch = rows[job_id], rows[f"{job_id}.batch"]
    assert job["Submit"] <= job["Start"] < job["End"]  # it computes for more than a second
    assert re.fullmatch(r"00:00:\d\d", job["Elapsed"])
    assert job["MaxRSS"] == ""
    assert 60_000 < kilobytes(batch["MaxRSS"]) < 500_000
    for row in (job, batch):
        minutes, seconds = row["TotalCPU"].split(":")
        assert minutes == "00"
        assert 1 <= float(seconds) < 8


def test_running_job_has_no_end(slurm: SlurmCommands) -> None:
    job_id = slurm.submit("sleep 60")
    slurm.wait_for(job_id, "RUNNING")
    # A job that just started may be missing for some seconds.
    slurm.wait_for_accounting(job_id, "RUNNING")
    rows = until(lambda: accounts(slurm, "State,End,NodeList,MaxRSS", job_id), lambda rows: len(rows) == 2)
    assert rows == {
        job_id: {"State": "RUNNING", "End": "Unknown", "NodeList": "n1", "MaxRSS": ""},
        f"{job_id}.batch": {"State": "RUNNING", "End": "Unknown", "NodeList": "n1", "MaxRSS": ""},
    }


def test_exit_code_of_failed_job(slurm: SlurmCommands) -> None:
    job_id = slurm.submit("exit 3")
    row = {"State": "FAILED", "ExitCode": "3:0"}
    assert ended(slurm, job_id, "FAILED") == {job_id: row, f"{job_id}.batch": row}


def test_failed_step_sets_derived_exit_code(slurm: SlurmCommands) -> None:
    job_id = slurm.submit("srun sh -c 'exit 5'\nsleep 1")
    rows = ended(slurm, job_id, "COMPLETED", "State,ExitCode,DerivedExitCode")
    assert rows[job_id] == {"State": "COMPLETED", "ExitCode": "0:0", "DerivedExitCode": "5:0"}
    assert rows[f"{job_id}.0"] == {"State": "FAILED", "ExitCode": "5:0", "DerivedExitCode": ""}


def test_signal_of_killed_script(slurm: SlurmCommands) -> None:
    job_id = slurm.submit("kill -9 $$")
    rows = ended(slurm, job_id, "FAILED")
    assert rows[job_id] == {"State": "FAILED", "ExitCode": "0:9"}
    assert rows[f"{job_id}.batch"]["ExitCode"] == "0:9"


def test_missing_output_folder(slurm: SlurmCommands) -> None:
    job_id = slurm.submit("true", "--output=/no/such/folder/out")
    rows = until(
        lambda: accounts(slurm, HOW, job_id),
        lambda rows: rows.get(job_id, {}).get("State") not in (None, "PENDING", "RUNNING"),
    )
    # 22.05 does not start it; newer versions run it without its output (seen with 24.11 and 26.05).
    assert (rows[job_id]["State"], rows[job_id]["ExitCode"]) in (("FAILED", "0:53"), ("COMPLETED", "0:0"))


def test_cancelled_job_names_the_user(slurm: SlurmCommands) -> None:
    job_id = slurm.submit("echo ready\nsleep 60")
    until(lambda: printed(slurm, job_id), lambda text: "ready" in text)  # it is RUNNING before it has a batch step
    slurm.run("scancel", job_id)
    rows = ended(slurm, job_id, "CANCELLED")
    uid = slurm.run("id", "-u").strip()
    assert rows[job_id] == {"State": f"CANCELLED by {uid}", "ExitCode": "0:0"}
    # Sometimes SLURM reports the signal number as the exit status of the step (seen with 22.05).
    rare = {"State": "FAILED", "ExitCode": "15:0"}
    batch = rows[f"{job_id}.batch"]
    assert batch == {"State": "CANCELLED", "ExitCode": "0:15"} or (
        not isinstance(slurm, EmbeddedCommands) and batch == rare
    )
    until(lambda: printed(slurm, job_id), lambda text: f"*** JOB {job_id} ON n1 CANCELLED AT" in text)


def test_job_cancelled_before_start_has_no_nodes(slurm: SlurmCommands) -> None:
    job_id = slurm.submit("sleep 60", "--hold")
    slurm.run("scancel", job_id)
    rows = ended(slurm, job_id, "CANCELLED", "State,NodeList,ExitCode")
    uid = slurm.run("id", "-u").strip()
    assert rows == {job_id: {"State": f"CANCELLED by {uid}", "NodeList": "None assigned", "ExitCode": "0:0"}}


def test_job_that_ignores_sigterm_is_killed(slurm: SlurmCommands) -> None:
    job_id = slurm.submit("trap '' TERM\necho ready\nwhile true; do sleep 1; done")
    slurm.wait_for(job_id, "RUNNING")
    until(lambda: printed(slurm, job_id), lambda text: "ready" in text)
    slurm.run("scancel", job_id)
    until(lambda: queue(slurm, "T", "-j", job_id), lambda rows: rows == [{"T": "COMPLETING"}])
    rows = ended(slurm, job_id, "CANCELLED")
    assert rows[f"{job_id}.batch"]["ExitCode"] == "0:9"


def test_array_tasks_have_rows_and_states(slurm: SlurmCommands) -> None:
    array = slurm.submit("exit $SLURM_ARRAY_TASK_ID", "-a", "0-2%1")
    until(lambda: accounts(slurm, HOW, array), lambda rows: len(rows) == 6 and "FAILED" in rows[f"{array}_2"]["State"])
    rows = accounts(slurm, "JobIDRaw,State,ExitCode", array)
    assert {name: (row["State"], row["ExitCode"]) for name, row in rows.items() if "." not in name} == {
        f"{array}_0": ("COMPLETED", "0:0"),
        f"{array}_1": ("FAILED", "1:0"),
        f"{array}_2": ("FAILED", "2:0"),
    }
    assert rows[f"{array}_2"]["JobIDRaw"] == array
    assert rows[f"{array}_2.batch"]["JobIDRaw"] == f"{array}.batch"
    assert accounts(slurm, HOW, f"{array}_1").keys() == {f"{array}_1", f"{array}_1.batch"}


def test_pending_rest_of_array_is_one_row(slurm: SlurmCommands) -> None:
    array = slurm.submit("sleep 60", "-a", "1-5%1")
    rest = {"JobIDRaw": array, "State": "PENDING"}
    # The rest gets its id at once or, seen with 26.05, a moment after the first task.
    until(lambda: accounts(slurm, "JobIDRaw,State", array), lambda rows: rows.get(f"{array}_[2-5%1]") == rest)


def test_job_above_its_memory_is_killed(slurm: SlurmCommands) -> None:
    greedy = f"exec {sys.executable} -c 'import time; x = bytearray(400_000_000); time.sleep(60)'"
    job_id = slurm.submit(greedy, "--mem=100M")
    if isinstance(slurm, EmbeddedCommands):
        rows = ended(slurm, job_id, "OUT_OF_MEMORY")
        killed = {"State": "OUT_OF_MEMORY", "ExitCode": "0:125"}
        assert rows == {job_id: killed, f"{job_id}.batch": killed}
    else:
        # Without cgroups SLURM has no state for it: only its memory shows it.
        rows = ended(slurm, job_id, "FAILED")
        assert rows[job_id] == {"State": "FAILED", "ExitCode": "0:9"}
    (peak,) = (row["MaxRSS"] for name, row in accounts(slurm, "MaxRSS", job_id).items() if name.endswith(".batch"))
    assert kilobytes(peak) > 100 * 1024


def test_job_at_its_time_limit(slurm: SlurmCommands) -> None:
    job_id = slurm.submit("sleep 600", "-t", "0:10")
    rows = ended(slurm, job_id, "TIMEOUT", timeout=150)
    assert rows[job_id] == {"State": "TIMEOUT", "ExitCode": "0:0"}
    # It is a race in slurmstepd whether the end of the script or the time limit is reported first.
    # 26.05 sometimes reports the status of the shell: 128 + SIGTERM.
    cancelled = {"State": "CANCELLED", "ExitCode": "0:15"}
    failed = ({"State": "FAILED", "ExitCode": "15:0"}, {"State": "FAILED", "ExitCode": "143:0"})
    assert rows[f"{job_id}.batch"] in (cancelled, *failed)
    until(lambda: printed(slurm, job_id), lambda text: "DUE TO TIME LIMIT ***" in text)
    assert accounts(slurm, "Timelimit", job_id)[job_id] == {"Timelimit": "00:01:00"}
