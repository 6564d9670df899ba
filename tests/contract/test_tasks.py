"""Batch scripts and srun steps: their environment, their processes, and the output of sstat and scontrol."""

import re

import pytest

from dasktop.collectors.model.readings import step_name
from tests.slurm.commands import SlurmCommands
from tests.support.slurm_output import SEPARATOR, kilobytes, printed, queue, until

COMPARED = {
    "ENVIRONMENT",
    "SLURMD_NODENAME",
    "SLURM_ARRAY_JOB_ID",
    "SLURM_ARRAY_TASK_COUNT",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_ARRAY_TASK_MAX",
    "SLURM_ARRAY_TASK_MIN",
    "SLURM_CPUS_ON_NODE",
    "SLURM_CPUS_PER_TASK",
    "SLURM_GTIDS",
    "SLURM_JOBID",
    "SLURM_JOB_ACCOUNT",
    "SLURM_JOB_CPUS_PER_NODE",
    "SLURM_JOB_ID",
    "SLURM_JOB_NAME",
    "SLURM_JOB_NODELIST",
    "SLURM_JOB_NUM_NODES",
    "SLURM_JOB_PARTITION",
    "SLURM_JOB_QOS",
    "SLURM_LOCALID",
    "SLURM_MEM_PER_CPU",
    "SLURM_MEM_PER_NODE",
    "SLURM_NNODES",
    "SLURM_NODEID",
    "SLURM_NTASKS",
    "SLURM_PROCID",
    "SLURM_STEP_ID",
    "SLURM_STEP_NODELIST",
    "SLURM_STEP_NUM_NODES",
    "SLURM_STEP_NUM_TASKS",
    "SLURM_STEP_TASKS_PER_NODE",
    "SLURM_SUBMIT_DIR",
    "SLURM_TASKS_PER_NODE",
}


def variables(text: str) -> dict[str, str]:
    """Return the variables in the output of `env` that must be equal on both SLURMs, without SLURM_TASK_PID."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {name: value for name, _, value in pairs if name in COMPARED}


def finished(slurm: SlurmCommands, script: str, *arguments: str) -> tuple[str, str]:
    """Run a script to its end; return the job id and the output."""
    job_id = slurm.submit(script, *arguments)
    slurm.wait_for(job_id, "COMPLETED")
    return job_id, slurm.output(job_id)


def test_environment_of_a_batch_script(slurm: SlurmCommands) -> None:
    job_id, text = finished(slurm, "env; echo own $$ $SLURM_TASK_PID", "-J", "x y", "-n", "2", "-c", "3", "--mem=2G")
    found = variables(text)
    assert step_name(found.pop("SLURM_STEP_ID", "batch")) == "batch"  # unset in 22.05 and 24.11, -5 in 26.05
    assert found == {
        "ENVIRONMENT": "BATCH",
        "SLURMD_NODENAME": "n1",
        "SLURM_CPUS_ON_NODE": "6",
        "SLURM_CPUS_PER_TASK": "3",
        "SLURM_GTIDS": "0",
        "SLURM_JOBID": job_id,
        "SLURM_JOB_ACCOUNT": "lab",
        "SLURM_JOB_CPUS_PER_NODE": "6",
        "SLURM_JOB_ID": job_id,
        "SLURM_JOB_NAME": "x y",
        "SLURM_JOB_NODELIST": "n1",
        "SLURM_JOB_NUM_NODES": "1",
        "SLURM_JOB_PARTITION": "debug",
        "SLURM_JOB_QOS": "normal",
        "SLURM_LOCALID": "0",
        "SLURM_MEM_PER_NODE": "2048",
        "SLURM_NNODES": "1",
        "SLURM_NODEID": "0",
        "SLURM_NTASKS": "2",
        "SLURM_PROCID": "0",
        "SLURM_SUBMIT_DIR": str(slurm.work),
        "SLURM_TASKS_PER_NODE": "2",
    }
    (own,) = re.findall(r"own (\d+) (\d+)", text)
    assert own[0] == own[1]


def test_environment_of_job_without_options(slurm: SlurmCommands) -> None:
    _, text = finished(slurm, "env")
    found = variables(text)
    assert found["SLURM_MEM_PER_CPU"] == "1000"
    assert step_name(found.get("SLURM_STEP_ID", "batch")) == "batch"
    assert not {"SLURM_NTASKS", "SLURM_CPUS_PER_TASK", "SLURM_MEM_PER_NODE"} & found.keys()


def test_environment_of_a_step(slurm: SlurmCommands) -> None:
    script = "srun sh -c 'env > env.$SLURM_PROCID; test $$ = $SLURM_TASK_PID'"
    job_id, _ = finished(slurm, script, "-N", "2", "-n", "3")
    found = [variables((slurm.work / f"env.{rank}").read_text()) for rank in range(3)]
    assert [(task["SLURM_PROCID"], task["SLURM_LOCALID"], task["SLURM_NODEID"]) for task in found] == [
        ("0", "0", "0"),
        ("1", "1", "0"),
        ("2", "0", "1"),
    ]
    assert [task["SLURMD_NODENAME"] for task in found] == ["n1", "n1", "n2"]
    assert [task["SLURM_GTIDS"] for task in found] == ["0,1", "0,1", "2"]
    assert [task["SLURM_CPUS_ON_NODE"] for task in found] == ["2", "2", "1"]
    for task in found:
        assert {name: task[name] for name in task if "STEP" in name} == {
            "SLURM_STEP_ID": "0",
            "SLURM_STEP_NODELIST": "n[1-2]",
            "SLURM_STEP_NUM_NODES": "2",
            "SLURM_STEP_NUM_TASKS": "3",
            "SLURM_STEP_TASKS_PER_NODE": "2,1",
        }
        assert (task["SLURM_JOB_ID"], task["SLURM_NTASKS"], task["SLURM_NNODES"]) == (job_id, "3", "2")


def test_environment_of_an_array_task(slurm: SlurmCommands) -> None:
    array = slurm.submit("env", "-a", "3-9:3", "--output=array-%A-%a.txt")
    slurm.wait_for(array, "COMPLETED")
    found = variables((slurm.work / f"array-{array}-6.txt").read_text())
    assert {name: value for name, value in found.items() if "ARRAY" in name} == {
        "SLURM_ARRAY_JOB_ID": array,
        "SLURM_ARRAY_TASK_COUNT": "3",
        "SLURM_ARRAY_TASK_ID": "6",
        "SLURM_ARRAY_TASK_MAX": "9",
        "SLURM_ARRAY_TASK_MIN": "3",
    }


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        (("-N", "2", "-n", "4"), "3,1"),
        (("-N", "3", "-n", "8"), "6,1(x2)"),
        (("-n", "20"), "16,4"),
        (("-n", "4", "-c", "6"), "2(x2)"),
        (("-N", "2"), "1(x2)"),
        (("-n", "20", "--ntasks-per-node=5"), "5(x4)"),
        (("-N", "2", "-n", "8", "-c", "3"), "5,3"),
    ],
    ids=str,
)
def test_distribution_of_tasks_to_nodes(slurm: SlurmCommands, arguments: tuple[str, ...], shape: str) -> None:
    _, text = finished(slurm, "echo tasks $SLURM_TASKS_PER_NODE", *arguments)
    assert f"tasks {shape}\n" in text


def test_srun_returns_output_and_status(slurm: SlurmCommands) -> None:
    done = slurm.attempt("srun", "-n", "2", "sh", "-c", "echo $SLURM_PROCID; exit $((SLURM_PROCID + 6))")
    assert sorted(done.stdout.split()) == ["0", "1"]
    assert done.returncode == 7
    assert "task 1: Exited with exit code 7" in done.stderr
    assert slurm.attempt("srun", "sh", "-c", "kill -9 $$").returncode == 137
    missing = slurm.attempt("srun", "no-such-program")
    assert missing.returncode == 2
    assert "execve(): no-such-program: No such file or directory" in missing.stderr


def test_step_larger_than_its_job_fails(slurm: SlurmCommands) -> None:
    _, text = finished(slurm, "srun -n 2 true || echo status $?")
    assert "More processors requested than permitted" in text
    assert "status 1" in text


def test_step_waits_for_free_tasks(slurm: SlurmCommands) -> None:
    began, go_on = (f"until [ -e {file} ]; do sleep 0.1; done" for file in ("began", "go_on"))
    script = (
        f"rm -f began go_on\nsrun sh -c 'touch began; {go_on}' &\n{began}\nsrun echo second &\n"
        # A real srun reports its waiting only afterwards, so a test cannot see that it has started to wait.
        "sleep 5; touch go_on; wait"
    )
    _, text = finished(slurm, script, "-n", "2")
    # The message differs between versions.
    assert re.search(r"step creation temporarily disabled, retrying|Step created for StepId=", text)
    assert text.splitlines().count("second") == 2


def test_sstat_lists_steps_memory_and_pids(slurm: SlurmCommands) -> None:
    script = "srun sh -c 'echo pid.$$; sleep 60'"
    job_id = slurm.submit(script, "-N", "2", "-n", "3")
    slurm.wait_for(job_id, "RUNNING")
    until(lambda: printed(slurm, job_id), lambda text: text.count("pid.") == 3)
    # 22.05's sstat has no --delimiter.
    command = ("sstat", "-n", "-P", "-j", job_id)
    fields = "--format=JobID,NTasks,AveCPU,MaxRSS,AveRSS,Nodelist,Pids"
    shells = set(re.findall(r"pid\.(\d+)", slurm.output(job_id)))

    def read() -> dict[str, list[str]]:
        output = slurm.run(*command, "-a", fields)
        return {line.split("|")[0]: line.split("|")[1:] for line in output.splitlines()}

    rows = until(read, lambda rows: len(rows) == 2 and shells <= set(rows[f"{job_id}.0"][-1].split(",")))
    tasks, cpu, peak, mean, nodes, _ = rows[f"{job_id}.0"]
    assert (tasks, cpu, nodes) == ("3", "00:00:00", "n[1-2]")
    assert kilobytes(peak) >= kilobytes(mean) > 0
    assert rows[f"{job_id}.batch"][0] == "1"
    assert slurm.run(*command, "--format=JobID").split() == [f"{job_id}.0"]


def test_sstat_of_unknown_job_is_empty(slurm: SlurmCommands) -> None:
    done = slurm.attempt("sstat", "-n", "-P", "-a", "-j", "99999999", "--format=JobID")
    assert (done.returncode, done.stdout) == (0, "")
    assert re.search(r"couldn't get steps for (?:job |JobId=)99999999", done.stderr)


def test_scontrol_writes_the_batch_script(slurm: SlurmCommands) -> None:
    script = "#!/bin/bash\n#SBATCH -J hidden\necho 'tcp://127.0.0.1:8786' --name SLURMCluster-0 ü\nsleep 60\n"
    waiting = slurm.submit(script, "--hold")
    runs = slurm.submit(script)
    slurm.wait_for(runs, "RUNNING")
    assert slurm.run("scontrol", "write", "batch_script", waiting, "-") == script
    assert slurm.run("scontrol", "write", "batch_script", runs, "-") == script
    assert {row["j"] for row in queue(slurm, "j")} == {"hidden"}
    missing = slurm.attempt("scontrol", "write", "batch_script", "99999999", "-")
    assert missing.stdout == ""
    assert "Invalid job id specified" in missing.stderr


def test_command_line_overrides_options_of_script(slurm: SlurmCommands) -> None:
    options = "#SBATCH -J 'in script' -n 2\n#SBATCH --cpus-per-task=2 # so many"
    script = f"#!/bin/sh\n{options}\ntrue\n#SBATCH -t 7\nsleep 60\n"
    job_id = slurm.submit(script, "-J", "given", "-t", "5")
    slurm.wait_for(job_id, "RUNNING")
    assert queue(slurm, "jCl") == [{"j": "given", "C": "4", "l": "5:00"}]


def test_fields_of_scontrol_show_job(slurm: SlurmCommands) -> None:
    job_id = slurm.submit("sleep 60", "-n", "2", "--mem=1G", "-t", "5")
    slurm.wait_for(job_id, "RUNNING")
    line = slurm.run("scontrol", "show", "job", "-o", job_id)
    found = dict(part.split("=", 1) for part in line.split() if "=" in part)
    wanted = {
        "JobId": job_id,
        "JobState": "RUNNING",
        "Reason": "None",
        "ExitCode": "0:0",
        "TimeLimit": "00:05:00",
        "Partition": "debug",
        "NodeList": "n1",
        "NumNodes": "1",
        "NumCPUs": "2",
        "NumTasks": "2",
        "MinMemoryNode": "1G",
        "WorkDir": str(slurm.work),
        "StdOut": f"{slurm.work}/slurm-{job_id}.out",
    }
    assert {name: found.get(name) for name in wanted} == wanted
    assert found.get("AllocTRES", found.get("TRES")) == "cpu=2,mem=1G,node=1,billing=2"  # TRES up to 22.05


def test_scontrol_shows_job_that_just_ended(slurm: SlurmCommands) -> None:
    job_id = slurm.submit("exit 3")
    slurm.wait_for(job_id, "FAILED")
    line = slurm.run("scontrol", "show", "job", "-o", job_id)
    assert "JobState=FAILED Reason=NonZeroExitCode" in line
    assert "ExitCode=3:0" in line


def test_hold_release_and_longer_time_limit(slurm: SlurmCommands) -> None:
    job_id = slurm.submit("sleep 60", "--hold", "-t", "5")
    slurm.wait_for_reason(job_id, "JobHeldUser")
    slurm.run("scontrol", "update", f"JobId={job_id}", "TimeLimit=+7")
    slurm.run("scontrol", "release", job_id)
    slurm.wait_for(job_id, "RUNNING")
    assert queue(slurm, "l") == [{"l": "12:00"}]


def test_host_lists_expand_and_fold(slurm: SlurmCommands) -> None:
    names = slurm.run("scontrol", "show", "hostnames", "nid0[0099,0156-0158],cn[1,3-4],login")
    assert names.split() == ["nid00099", "nid00156", "nid00157", "nid00158", "cn1", "cn3", "cn4", "login"]
    assert slurm.run("scontrol", "show", "hostlist", "n1,n2,n4") == "n[1-2,4]\n"


def test_fields_of_sinfo(slurm: SlurmCommands) -> None:
    form = SEPARATOR.join(("%P", "%a", "%l", "%D", "%T", "%N", "%c", "%m", "%G"))

    def read() -> list[list[str]]:
        return [line.split(SEPARATOR) for line in slurm.run("sinfo", "-h", "-p", "debug", "-o", form).splitlines()]

    (idle,) = until(read, lambda rows: [row[4] for row in rows] == ["idle"])
    assert idle == ["debug*", "up", "1-00:00:00", "4", "idle", "n[1-4]", "16", "64000", "(null)"]


def test_scancel_signals_one_step(slurm: SlurmCommands) -> None:
    script = "srun sh -c 'trap \"echo caught; exit 0\" USR1; echo ready; while true; do sleep 0.1; done'"
    job_id = slurm.submit(script)
    slurm.wait_for(job_id, "RUNNING")
    until(lambda: printed(slurm, job_id), lambda text: "ready" in text)
    slurm.run("scancel", "-s", "USR1", f"{job_id}.0")
    slurm.wait_for(job_id, "COMPLETED")
    assert "caught" in slurm.output(job_id)


def test_scancel_cancels_some_array_tasks(slurm: SlurmCommands) -> None:
    array = slurm.submit("sleep 60", "-a", "1-4", "--hold")
    slurm.run("scancel", f"{array}_[2-3]")
    until(lambda: queue(slurm, "i", "-r"), lambda rows: [row["i"] for row in rows] == [f"{array}_1", f"{array}_4"])
