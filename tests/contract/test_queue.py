"""squeue: the fields that our collectors read of pending and running jobs."""

import getpass
import re
from datetime import datetime, timedelta

import pytest

from tests.slurm.commands import SlurmCommands
from tests.support.slurm_output import SEPARATOR, queue, until

LETTERS = "AiFKjuaPqTrCDmbl"


def test_fields_of_running_job(slurm: SlurmCommands) -> None:
    job_id = slurm.submit("sleep 60", "-J", 'a "name" 50%', "-c", "3", "-t", "0:90", "--mem=1500M", "-A", "lab")
    slurm.wait_for(job_id, "RUNNING")
    (row,) = queue(slurm, LETTERS)
    assert row == {
        "A": job_id,
        "i": job_id,
        "F": job_id,
        "K": "N/A",
        "j": 'a "name" 50%',
        "u": getpass.getuser(),
        "a": "lab",
        "P": "debug",
        "q": "normal",
        "T": "RUNNING",
        "r": "None",
        "C": "3",
        "D": "1",
        "m": "1500M",
        "b": "N/A",
        "l": "2:00",
    }
    (place,) = queue(slurm, "NZMR")
    assert place["N"] == place["R"] == "n1"
    assert place["Z"] == str(slurm.work)
    assert re.fullmatch(r"0:\d\d", place["M"])


def test_times_as_epoch_seconds_and_local(slurm: SlurmCommands) -> None:
    job_id = slurm.submit("sleep 60", "-t", "10")
    slurm.wait_for(job_id, "RUNNING")
    output = slurm.run("env", "SLURM_TIME_FORMAT=%s", "squeue", "-h", "-j", job_id, "-o", "%V %S %e %L")
    submitted, started, ends, _ = output.split()
    assert int(submitted) <= int(started) < int(ends)
    local = slurm.run("squeue", "-h", "-j", job_id, "-o", "%V|%S|%e").strip().split("|")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", moment) for moment in local)


def test_units_of_memory_and_resources(slurm: SlurmCommands) -> None:
    wide = slurm.submit("sleep 60", "-N", "2", "-n", "4", "-c", "2", "--mem=4G")
    whole = slurm.submit("sleep 60", "--mem=64000")
    usual = slurm.submit("sleep 60", "-n", "3")
    for job_id in (wide, whole, usual):
        slurm.wait_for(job_id, "RUNNING")
    rows = {row["A"]: (row["C"], row["D"], row["m"]) for row in queue(slurm, "ACDm")}
    assert rows == {wide: ("8", "2", "4G"), whole: ("1", "1", "62.50G"), usual: ("3", "1", "1000M")}
    granted = slurm.run("squeue", "-h", "-j", f"{wide},{whole}", "-O", "JobID:30,tres-alloc:200").splitlines()
    assert {line[:30].strip(): line[30:].strip() for line in granted} == {
        wide: "cpu=8,mem=8G,node=2,billing=8",
        whole: "cpu=1,mem=62.50G,node=1,billing=1",
    }
    assert all(len(line) == 230 for line in granted)


def test_reasons_of_pending_jobs(slurm: SlurmCommands) -> None:
    # A minute of the embedded SLURM has six seconds: enough time to submit all of them.
    filler = slurm.submit("sleep 600", "-N", "4", "-n", "4", "-c", "15", "-t", "10")
    slurm.wait_for(filler, "RUNNING")
    capped = slurm.submit("sleep 600", "--qos=capped", "-t", "10")
    slurm.wait_for(capped, "RUNNING")
    waiting = {
        slurm.submit("true", "-N", "4", "-n", "4", "-c", "16", "-t", "10"): "Resources",
        slurm.submit("true", "-N", "4", "-n", "4", "-c", "16", "-t", "10"): "Priority",
        slurm.submit("true", "--hold"): "JobHeldUser",
        slurm.submit("true", "--partition=short", "-t", "5"): "PartitionTimeLimit",
        slurm.submit("true", "--qos=capped"): "QOSMaxJobsPerUserLimit",
    }
    too_large = slurm.attempt("sbatch", "--parsable", "-N", "9", input="#!/bin/sh\ntrue\n")
    if too_large.returncode == 0:
        waiting[too_large.stdout.strip()] = "PartitionNodeLimit"
    else:  # 24.11 rejects a job that can never start; 22.05 accepts it
        assert "Requested node configuration is not available" in too_large.stderr
    for job_id, reason in waiting.items():
        slurm.wait_for_reason(job_id, reason)
    rows = {row["A"]: row for row in queue(slurm, "ATrRNC", "-t", "PD")}
    assert {job_id: row["r"] for job_id, row in rows.items()} == waiting
    assert all(row["T"] == "PENDING" and row["N"] == "" and row["R"] == f"({row['r']})" for row in rows.values())


def test_expected_start_is_end_of_other_job(slurm: SlurmCommands) -> None:
    filler = slurm.submit("sleep 60", "-N", "4", "-n", "4", "-c", "16", "-t", "10")
    slurm.wait_for(filler, "RUNNING")
    waiting = slurm.submit("true", "-N", "4", "-n", "4", "-c", "16", "-t", "10")
    slurm.wait_for_reason(waiting, "Resources")
    (filler_row,) = queue(slurm, "eS", "-j", filler)
    # The backfill of a real SLURM runs every few seconds.
    (row,) = until(lambda: queue(slurm, "SeLl", "-j", waiting), lambda rows: rows[0]["S"] != "N/A")
    # It rounds to minutes.
    starts, must_end = (datetime.fromisoformat(text) for text in (row["S"], filler_row["e"]))
    assert abs(starts - must_end) <= timedelta(minutes=1)
    assert row["L"] == row["l"] == "10:00"


def test_array_ids_of_running_and_pending_tasks(slurm: SlurmCommands) -> None:
    array = slurm.submit("sleep 60", "-a", "0-8:2%2", "-J", "many")
    read = until(
        lambda: queue(slurm, "iAFKTjr"),
        lambda rows: (
            sorted((row["T"], row["r"]) for row in rows)
            == [("PENDING", "JobArrayTaskLimit"), ("RUNNING", "None"), ("RUNNING", "None")]
        ),
    )
    rows = {row["i"]: row for row in read}
    assert set(rows) == {f"{array}_[4,6,8%2]", f"{array}_0", f"{array}_2"} or set(rows) == {
        f"{array}_[4-8:2%2]",
        f"{array}_0",
        f"{array}_2",
    }
    assert all(row["F"] == array and row["j"] == "many" for row in rows.values())
    first, second = rows[f"{array}_0"], rows[f"{array}_2"]
    assert (first["K"], first["T"], second["K"], second["T"]) == ("0", "RUNNING", "2", "RUNNING")
    (rest,) = (row for row in rows.values() if row["T"] == "PENDING")
    assert rest["A"] == array
    assert sorted([first["A"], second["A"]], key=int) == [str(int(array) + 1), str(int(array) + 2)]
    each = slurm.run("squeue", "-h", "-r", "-j", array, "-o", "%i").split()
    assert sorted(each) == [f"{array}_{task}" for task in (0, 2, 4, 6, 8)]


def test_last_array_task_gets_the_array_id(slurm: SlurmCommands) -> None:
    array = slurm.submit("sleep 60", "-a", "1-2")
    slurm.wait_for(array, "RUNNING")
    rows = {row["i"]: row["A"] for row in queue(slurm, "iA")}
    assert rows == {f"{array}_1": str(int(array) + 1), f"{array}_2": array}


def test_squeue_lists_steps(slurm: SlurmCommands) -> None:
    job_id = slurm.submit("srun -J inner sleep 60", "-n", "2")
    slurm.wait_for(job_id, "RUNNING")
    form = SEPARATOR.join(("%i", "%j", "%N", "%A"))
    listed = until(lambda: slurm.run("squeue", "-h", "-s", "-j", job_id, "-o", form), lambda text: ".0" in text)
    assert sorted(line.split(SEPARATOR) for line in listed.splitlines()) == [
        [f"{job_id}.0", "inner", "n1", "2"],
        [f"{job_id}.batch", "batch", "n1", "1"],
    ]


def test_filters_and_states_of_squeue(slurm: SlurmCommands) -> None:
    ended = slurm.submit("true", "-J", "ended")
    runs = slurm.submit("sleep 60", "-J", "runs")
    slurm.wait_for(ended, "COMPLETED")
    slurm.wait_for(runs, "RUNNING")
    ids = f"{ended},{runs}"

    def listed(*arguments: str) -> str:
        return slurm.run("squeue", "-h", "-o", "%A", "-j", ids, *arguments).strip()

    assert listed() == listed("-n", "runs") == listed("--me") == listed("-t", "R") == listed("-p", "debug") == runs
    assert listed("-t", "CD,PD") == listed("-t", "all", "-n", "ended") == ended
    assert listed("-n", "neither") == listed("-p", "short") == listed("-t", "OUT_OF_MEMORY") == ""
    assert slurm.run("squeue", "-h", "-j", f"{ended},99999999", "-t", "all", "-o", "%A").strip() == ended


def test_field_widths_of_squeue(slurm: SlurmCommands) -> None:
    job_id = slurm.submit("sleep 60", "-J", "abcdef")
    slurm.wait_for(job_id, "RUNNING")
    assert slurm.run("squeue", "-h", "-o", "%.8j|%8j|%3j|%.3j|x%jy") == "  abcdef|abcdef  |abc|abc|xabcdefy\n"
    assert slurm.run("squeue", "-o", "%j %T %5D") == "NAME STATE NODES\nabcdef RUNNING 1    \n"
    assert slurm.run("squeue", "-h", "-O", "Name:8,State:.9,NumCPUs:|,Account:3") == "abcdef    RUNNING1|lab\n"


@pytest.mark.parametrize(
    "command",
    [
        ("squeue", "--no-such-option"),
        ("squeue", "-j", "not-a-job"),
        ("squeue", "-h", "-j", "99999999"),
        ("squeue", "-t", "NOT_A_STATE"),
        ("sacct", "--format=JobID,NoSuchField"),
        ("sacct", "--no-such-option"),
        ("sacct", "-j", "not-a-job"),
        ("sstat", "-j", "1", "--format=NoSuchField"),
        ("sstat",),
        ("scancel",),
        ("scancel", "not-a-job"),
        ("scontrol", "no-such-word"),
        ("scontrol", "show", "job", "99999999"),
        ("sbatch", "no-such-file"),
        ("sbatch", "--wrap=true", "--partition=nowhere"),
        ("sbatch", "--wrap=true", "-c", "17"),
        ("sbatch", "--wrap=true", "--mem=64001"),
        ("sbatch", "--wrap=true", "-a", "5-1"),
        ("sbatch", "--wrap=true", "-n", "none"),
        ("sinfo", "--no-such-option"),
    ],
    ids=" ".join,
)
def test_invalid_arguments_are_errors(slurm: SlurmCommands, command: tuple[str, ...]) -> None:
    done = slurm.attempt(*command)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.strip()


def test_scancel_and_sacct_accept_unknown_jobs(slurm: SlurmCommands) -> None:
    assert slurm.attempt("scancel", "99999999").returncode == 0
    assert slurm.run("sacct", "-n", "-P", "-j", "99999999") == ""


def test_squeue_prints_a_version(slurm: SlurmCommands) -> None:
    assert re.match(r"slurm.* 2\d\.\d\d", slurm.run("squeue", "--version"))
