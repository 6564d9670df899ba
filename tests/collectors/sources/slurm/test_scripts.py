"""Schedulers and workers in batch scripts: dask-jobqueue's of today and of 2021, and hand-written ones."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasktop.collectors.model.readings import JobScript, QueuedJob
from dasktop.collectors.sources.slurm.script_output import JobDetails, batch_script, parse_job_details
from dasktop.collectors.sources.slurm.script_workers import JobEnvironment
from dasktop.collectors.sources.slurm.scripts import MAX_FOUND, job_environment, needs_job_details, parse_script

FIXTURES = Path(__file__).parents[3] / "fixtures" / "slurm"

OF_2021 = """#!/usr/bin/env bash

#SBATCH -J dask-worker
#SBATCH -n 1
#SBATCH --cpus-per-task=12
#SBATCH --mem=15G
#SBATCH -t 01:00:00

python -m distributed.cli.dask_worker tcp://10.1.2.3:41525 --nthreads 3 --nprocs 4 --name SLURMCluster-1 --nanny
"""


def parsed(text: str, facts: JobEnvironment | None = None) -> JobScript:
    script = parse_script("7", text, facts)
    assert script is not None
    return script


def test_script_of_dask_jobqueue():
    assert parsed((FIXTURES / "dask_jobqueue_0.9.sh").read_text()) == JobScript(
        job_id="7",
        scheduler_addresses=("tcp://127.0.0.1:33093",),
        worker_names=("dummy-name",),
        workers_expected=4,
        starts_workers=True,
    )


def test_script_of_dask_jobqueue_of_2021():
    assert parsed(OF_2021) == JobScript(
        job_id="7",
        scheduler_addresses=("tcp://10.1.2.3:41525",),
        worker_names=("SLURMCluster-1",),
        workers_expected=4,
        starts_workers=True,
    )


@pytest.mark.parametrize(
    "command",
    [
        "dask worker @",
        "dask-worker @",
        "/opt/bin/dask-worker @",
        "python -m dask worker @",
        "python3 -u -m distributed.cli.dask_worker @",
        "exec dask worker @",
        "dask spawn @",
        "dask spec @",
        "bash -c 'dask worker @'",
        'bash -c "exec dask worker @"',
        "sleep 1; dask worker @",
        "cd /x && dask worker @ || exit 1",
        "conda run -n env dask worker @",
        "conda run --no-capture-output -p /env dask worker @",
        "mamba run -n env dask worker @",
        "micromamba run -n env dask worker @",
        "uv run --with dask dask worker @",
        "poetry run dask worker @",
        "apptainer exec --nv -B /a:/b image.sif dask worker @",
        "srun -n 1 --cpu-bind=none -c 2 apptainer exec image.sif python -m dask worker @",
        "env A=b dask worker @",
        "nohup dask worker @ > log 2>&1 &",
        "timeout -k 5 1h dask worker @",
        "time dask worker @",
        "command dask worker @",
        "taskset -c 0-3 dask worker @",
        "numactl -N 0 dask worker @",
        "python $(which dask-worker) @",
        "python /opt/bin/dask-worker @",
        "start() { dask worker @; }\nstart",
        "if [ -f x ]; then dask worker @ --nthreads 2; else dask worker @; fi",
        "bash <<'EOF'\necho hello\nEOF\ndask worker @",
        "trap 'echo dask worker' EXIT\ndask worker @",
        "dask worker @; exit 0\ndask worker @",
        'set -euo pipefail\nsource ~/.bashrc\nmodule load x && eval "$(conda shell.bash hook)"\ndask worker @',
        "dask worker \\\n    @",
        "dask worker @ # the worker",
        "singularity exec image.sif dask worker @",
    ],
)
def test_worker_is_found_behind_launchers(command):
    assert parsed(command.replace("@", "tcp://h:8786") + "\n") == JobScript(
        job_id="7", scheduler_addresses=("tcp://h:8786",), workers_expected=1, starts_workers=True
    )


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("dask worker @ --nworkers 4", 4),
        ("dask worker @ --nworkers=4", 4),
        ("dask worker @ --nprocs 3", 3),
        ("dask worker @ --nworkers auto", None),
        ("dask worker @ --nworkers $N", None),
        ("dask worker @ --nworkers -1", None),
        ("srun -n 4 dask worker @", 4),
        ("srun -n4 dask worker @", 4),
        ("srun --ntasks=4 dask worker @ --nworkers 2", 8),
        ("srun --ntasks 4 nice -n 10 dask worker @", 4),
        ("nice -n 10 srun -n 4 dask worker @", 4),
        ("srun -n $SLURM_NTASKS dask worker @", None),
        ("srun dask worker @", None),
        # sbatch's command line overrides #SBATCH, so only SLURM knows the number of tasks.
        ("#SBATCH -n 6\nsrun dask worker @", None),
        ("#SBATCH --ntasks=6\nsrun dask worker @ --nworkers 2", None),
        ("#SBATCH -n 6\nsrun -n 2 dask worker @", 2),
        ("#SBATCH -n 6\ndask worker @", 1),
        ("#SBATCH -N 2\nsrun dask worker @", None),
        ("dask cuda worker @", None),
        ("dask-cuda-worker @", None),
        ("python -m dask_cuda.cli.dask_cuda_worker @", None),
        ("if command -v nvidia-smi; then dask cuda worker @; else dask worker @; fi", None),
        ("if [ -f x ]; then dask worker @; fi", None),
        ("if [ -f x ]; then dask worker @; else dask worker @ --nworkers 2; fi", None),
        ("if [ -f x ]; then dask worker @ --nworkers 2; elif [ -f y ]; then dask worker @ --nprocs 2; fi", None),
        ("case $X in a) dask worker @;; *) dask worker @;; esac", 1),
        ("case $X in a) dask worker @;; b) dask worker @;; esac", None),
        ("test -f x && dask worker @", None),
        ("test -f x && dask worker @ || exit 1", None),
        ("test -f x || dask worker @", None),
        ("srun -n 3 bash -c 'if [ $SLURM_PROCID = 0 ]; then dask scheduler; else dask worker @; fi'", None),
        ("srun -n 3 bash -c 'dask worker @ --nworkers 2'", 6),
        ("srun -n 3 -N 2 dask worker @", 3),
        ("srun -N 2 dask worker @", None),
        ("srun --ntasks-per-node=2 dask worker @", None),
        ("while true; do dask worker @; done", None),
        ("until dask worker @; do sleep 1; done", None),
        ("pdsh -w n[1-3] dask worker @", None),
        ("pdsh -w n[1-3] 'dask worker @'", None),
        ("ssh n1 dask worker @", None),
        ("./launch.sh dask worker @", None),
        ("parallel -j 4 dask worker @ --name {} ::: a b c d", None),
        ("dask worker @ $OPTIONS", None),
        ("dask worker @ $OPTIONS --nworkers 2", 2),
        ("OPTIONS='--nworkers 3 --nthreads 2'\ndask worker @ $OPTIONS", 3),
        ("OPTIONS=(--nworkers 3 --nthreads 2)\ndask worker @ ${OPTIONS[*]}", 3),
        ("N=4; dask worker @ --nworkers $N", 4),
        ("N=4; if [ -f x ]; then N=8; fi; dask worker @ --nworkers $N", None),
        ("N=4; (N=8); dask worker @ --nworkers $N", 4),
        ("N=4; echo x | read N; dask worker @ --nworkers $N", 4),
        ("start() { dask worker @ --nworkers $1; }\nstart 2 &\nstart 3 &\nwait", 5),
        ("start() { dask worker @; }\ndask worker @", 1),
        ("cat > w.sh <<EOF\ndask worker @\nEOF\ndask worker @", 1),
        ("mkdir -p /scratch/$USER/dask-worker; ps aux | grep dask-worker; squeue -n dask-worker\ndask worker @", 1),
        ("[[ $A =~ ^(a|b)$ && -n $B ]] && echo yes\n(( x > 1 )) && exit 1\ndask worker @", 1),
        ("mkdir first 2>/dev/null && { python -c 'import a'; exit 1; }\ndask worker @", 1),
        ("cd /x && exec dask worker @\ndask worker @", 1),
        ("mpirun -np 4 dask worker @", None),
        ("dask worker @ &\ndask worker @ --nworkers 2 &\nwait", 3),
        ("dask worker @ & dask worker @ & wait", 2),
        ("dask worker @ --nworkers $N &\ndask worker @", None),
        ("for i in 1 2 3; do\n  dask worker @ &\ndone\nwait", None),
        ("for i in 1 2 3; do dask worker @ & done", None),
        ("for i in 1 2 3; do echo $i; done\ndask worker @", 1),
    ],
)
def test_number_of_workers(command, expected):
    assert parsed(command.replace("@", "tcp://h:8786")).workers_expected == expected


@pytest.mark.parametrize(
    "address",
    [
        "tcp://10.1.2.3:41525",
        "tls://node-1.cluster:8786",
        "tcp://[::1]:1234",
        "tcp://[fe80::1%eth0]:1234",
        "ucx://10.0.0.1:13337",
        "ws://h:1",
        "wss://h:1",
        "inproc://192.168.1.7/123/1",
    ],
)
@pytest.mark.parametrize(
    "form", ["dask worker {}", 'dask-worker "{}"', "export DASK_SCHEDULER_ADDRESS='{}'\nsrun -n 1 dask worker"]
)
def test_scheduler_addresses_are_found(address, form):
    assert parsed(form.format(address)).scheduler_addresses == (address,)


@pytest.mark.parametrize("form", ["export DASK_SCHEDULER_ADDRESS='{}'\npython a.py", "python -m dask_a {}"])
def test_address_of_a_client_is_kept_apart(form):
    script = parsed(form.format("tcp://h:1"))
    assert (script.scheduler_addresses, script.other_addresses, script.starts_workers) == ((), ("tcp://h:1",), False)


def test_address_of_worker_is_not_the_schedulers():
    script = parsed(
        "dask worker tcp://h:8786 --contact-address tcp://me:1 --listen-address=tcp://0.0.0.0:2 --nanny-port 9"
    )
    assert script.scheduler_addresses == ("tcp://h:8786",)


@pytest.mark.parametrize("form", ["--scheduler-file {}", "--scheduler-file={}", "--scheduler-file '{}'"])
def test_scheduler_files_are_found(form):
    assert parsed(f"dask worker {form.format('/scratch/my-scheduler.json')}").scheduler_files == (
        "/scratch/my-scheduler.json",
    )


FACTS = JobEnvironment(
    variables={
        "HOME": "/home/ada",
        "USER": "ada",
        "SLURM_JOB_ID": "42",
        "SLURM_ARRAY_JOB_ID": "40",
        "SLURM_ARRAY_TASK_ID": "2",
        "SLURM_SUBMIT_DIR": "/work/ada",
        "SLURM_JOB_NAME": "train",
    },
    folder="/work/ada",
    tasks=2,
)
JOBQUEUE_TLS = """#!/usr/bin/env bash

#SBATCH -J dask-worker
#SBATCH -n 1
#SBATCH --cpus-per-task=1
#SBATCH --mem=954M
#SBATCH -t 00:30:00

/opt/env/bin/python -m distributed.cli.dask_worker tls://10.1.2.3:41525 --name SLURMCluster-0 --nthreads 1 \\
  --memory-limit 0.93GiB --nanny --death-timeout 60 --tls-ca-file /home/ada/tmpa.pem --tls-key /home/ada/tmpk.pem \\
  --tls-cert /home/ada/tmpc.pem
"""
JOBQUEUE_2019 = """#!/usr/bin/env bash
#SBATCH -J dask-worker
#SBATCH -n 1
JOB_ID=${SLURM_JOB_ID%;*}

/e/bin/python -m distributed.cli.dask_worker tcp://10.1.2.3:4 --nthreads 2 --memory-limit 4.00GB \
 --name dask-worker--${JOB_ID}-- --death-timeout 60
"""

# Hand-written job scripts, each with its scheduler and workers.
SHAPES = {
    "dask-jobqueue with TLS": (JOBQUEUE_TLS, "tls://10.1.2.3:41525", 1),
    "dask-jobqueue of 2019": (JOBQUEUE_2019, "tcp://10.1.2.3:4", 1),
    "address in a variable": ("ADDR=node01:8786\ndask worker $ADDR --nthreads 4", "tcp://node01:8786", 1),
    "address in braces and quotes": ('HOST=n1\nPORT=8786\ndask worker "tcp://${HOST}:${PORT}"', "tcp://n1:8786", 1),
    "exported": ("export SCHED=tcp://n1:8786\nsrun -n 4 dask worker ${SCHED}", "tcp://n1:8786", 4),
    "default of what is set to nothing": ("ADDR=\ndask worker ${ADDR:-tcp://n1:8786}", "tcp://n1:8786", 1),
    "default of what may be submitted": ("dask worker ${ADDR:-tcp://n1:8786}", None, None),
    "an argument of the script": ("dask worker $1", None, None),
    "address in a file": ("ADDR=$(cat sched.txt)\ndask worker $ADDR --nworkers 1", None, 1),
    "no scheme": ("dask-worker node01:8786 --nprocs 2", "tcp://node01:8786", 2),
    "file at home": ("dask worker --scheduler-file $HOME/.dask/s.json", "/home/ada/.dask/s.json", 1),
    "file at home by tilde": ("dask worker --scheduler-file ~/s.json", "/home/ada/s.json", 1),
    "file by user": ("dask worker --scheduler-file /scratch/$USER/s.json", "/scratch/ada/s.json", 1),
    "file on scratch": ("dask worker --scheduler-file $SCRATCH/s.json", None, 1),
    "file on scratch that the script sets": (
        "SCRATCH=/scratch/$(whoami)\ndask worker --scheduler-file $SCRATCH/s.json",
        "/scratch/ada/s.json",
        1,
    ),
    "file by job": (
        "dask scheduler --scheduler-file s-${SLURM_JOB_ID}.json &\nsleep 5\n"
        "srun dask worker --scheduler-file s-${SLURM_JOB_ID}.json &\nwait",
        "/work/ada/s-42.json",
        2,
    ),
    "file by array": (
        "FILE=s-${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID.json\ndask worker --scheduler-file=$FILE",
        "/work/ada/s-40_2.json",
        1,
    ),
    "file in the submit folder": (
        "cd $SLURM_SUBMIT_DIR/runs\ndask worker --scheduler-file s.json",
        "/work/ada/runs/s.json",
        1,
    ),
    "file in the working folder": ("dask worker --scheduler-file $PWD/s.json", "/work/ada/s.json", 1),
    "file where nobody knows": ("cd $TMPDIR || exit 1\ndask worker --scheduler-file s.json", None, 1),
    "back from elsewhere": ("(cd /tmp && ls)\ndask worker --scheduler-file s.json", "/work/ada/s.json", 1),
    "continued lines": ("dask worker \\\n  tcp://n1:8786 \\\n  --nworkers \\\n  4", "tcp://n1:8786", 4),
    "srun by the job's tasks": ("#SBATCH -n 4\nsrun dask worker tcp://n1:8786", "tcp://n1:8786", 2),
    "srun by a variable that nobody knows": ("srun -n $TASKS dask worker tcp://n1:8786", "tcp://n1:8786", None),
    "srun by a variable that the script sets": (
        "export SLURM_NTASKS=8\nsrun dask worker tcp://n1:8786",
        "tcp://n1:8786",
        None,
    ),
    "dask-mpi": ("mpirun -np 4 dask-mpi --scheduler-file s.json --no-nanny", "/work/ada/s.json", None),
    "container": (
        "IMAGE=dask.sif\nsrun -n 2 singularity exec --bind /x:/x $IMAGE dask worker tcp://n1:8786",
        "tcp://n1:8786",
        2,
    ),
    "function with arguments": (
        'start() { local n=$2; srun -n "$n" dask worker "$1"; }\nstart tcp://n1:8786 3',
        "tcp://n1:8786",
        3,
    ),
    "loop": ("for i in $(seq 4); do dask worker tcp://n1:8786 --name w$i & done; wait", "tcp://n1:8786", None),
    "here-document for srun": ("srun -n 2 bash <<'EOF'\ndask worker tcp://n1:8786\nEOF", "tcp://n1:8786", None),
    "dask's own variable": ("export DASK_SCHEDULER_ADDRESS=tcp://n1:1\ndask worker", "tcp://n1:1", 1),
    "dask's own variable for one command": ("DASK_SCHEDULER_ADDRESS=tcp://n1:1 dask worker", "tcp://n1:1", 1),
    "scheduler and workers by rank": (
        "srun -n 3 bash -c 'if [ $SLURM_PROCID = 0 ]; then dask scheduler --scheduler-file s.json; "
        "else dask worker --scheduler-file s.json; fi'",
        "/work/ada/s.json",
        None,
    ),
    "no shell script at all": ("#!/usr/bin/python\nprint((\ndask worker", None, None),
}


@pytest.mark.parametrize("name", SHAPES)
def test_schedulers_and_workers_of_handwritten_scripts(name):
    text, scheduler, workers = SHAPES[name]
    script = parsed(text, FACTS)
    named = script.scheduler_addresses + script.scheduler_files
    assert (named, script.workers_expected) == ((scheduler,) if scheduler else (), workers)
    assert script.has_unknown_scheduler == (scheduler is None)


@pytest.mark.parametrize(
    "banner", ["", "Welcome to Big Iron\n", 'It\'s down on Monday (see "news"\ndask worker tcp://a:1\n']
)
def test_script_begins_after_a_banner(banner):
    assert batch_script(f"{banner}#!/bin/sh\ndask worker tcp://h:1\n") == "#!/bin/sh\ndask worker tcp://h:1\n"
    assert batch_script("\n") is None


def test_certificates_are_found():
    script = parsed(JOBQUEUE_TLS)
    assert (script.tls_ca_file, script.tls_cert, script.tls_key) == (
        "/home/ada/tmpa.pem",
        "/home/ada/tmpc.pem",
        "/home/ada/tmpk.pem",
    )
    relative = "cd /a\ndask worker tls://h:1 --tls-ca-file ca.pem --tls-cert $C --tls-key ~/k.pem"
    assert parsed(relative, FACTS).tls_ca_file == "/a/ca.pem"
    assert (parsed(relative, FACTS).tls_cert, parsed(relative, FACTS).tls_key) == (None, "/home/ada/k.pem")


def test_job_environment_is_expanded():
    job = QueuedJob(job_id="42", user="ada", array_job_id="40", array_task_id="2", name="train")
    text = "#SBATCH -n 4\nsrun dask worker --scheduler-file $SLURM_SUBMIT_DIR/s.json"
    facts = job_environment(job, "/home/ada", text, JobDetails("/work/ada", 2))
    assert parsed(text, facts).scheduler_files == ("/work/ada/s.json",)
    assert parsed(text, facts).workers_expected == 2
    elsewhere = f"#SBATCH --chdir=/other\n{text}"
    assert parsed(
        elsewhere, job_environment(job, "/home/ada", elsewhere, JobDetails("/other", 2))
    ).has_unknown_scheduler


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("dask worker tcp://h:1", False),
        ("dask worker --scheduler-file /s.json", False),
        ("dask worker --scheduler-file s.json", True),
        ("cd /a; dask worker --scheduler-file s.json", False),
        ("srun dask worker tcp://h:1", True),
        ("srun -n 2 dask worker tcp://h:1", False),
    ],
)
def test_job_details_are_read_only_if_needed(text, needs):
    assert needs_job_details(text, JobEnvironment()) == needs


def test_job_details_are_parsed():
    name = "JobId=7 JobName=a\n   NumNodes=1 NumCPUs=9 NumTasks=9 CPUs/Task=1\n   WorkDir=/evil"
    shown = f"{name}\n   NumNodes=1 NumCPUs=2 NumTasks=2 CPUs/Task=1 ReqB:S:C:T=0:0:*:*\n   WorkDir=/home/ada\n"
    assert parse_job_details(shown) == JobDetails("/home/ada", 2)
    assert parse_job_details(shown.replace("NumNodes=1", "NumNodes=1-4")) == JobDetails("/home/ada", None)


@pytest.mark.parametrize(
    ("nodes", "shown", "on_each_node", "tasks"),
    [
        ("1-2", 2, "0", 2),  # -n2
        ("2-4", 4, "0", 4),  # -n4 -N2-4
        ("1-1", 1, "0", 1),  # -n1 -N1-2
        ("2-2", 4, "2", 4),  # -n4 --ntasks-per-node=2
        ("1-2", 1, "0", None),  # -N1-2: on both nodes, srun starts two
        ("1-2", 2, "2", None),  # -N1-2 --ntasks-per-node=2: on both nodes, srun starts four
        ("2", 2, "0", 2),
    ],
)
def test_tasks_of_a_pending_job(nodes: str, shown: int, on_each_node: str, tasks: int | None) -> None:
    """As SLURM 26.05 prints them; each was also run."""
    lines = (
        f"   NumNodes={nodes} NumCPUs={shown} NumTasks={shown} CPUs/Task=1 ReqB:S:C:T=0:0:*:*\n   AllocTRES=(null)\n"
        f"   Socks/Node=* NtasksPerN:B:S:C={on_each_node}:0:*:* CoreSpec=*\n"
    )
    assert parse_job_details(f"JobId=7 JobName=a\n{lines}").tasks == tasks


def test_scheduler_and_workers_in_one_script():
    script = parsed(
        "dask scheduler --scheduler-file s.json &\nsrun -n 3 dask worker --scheduler-file s.json --name w --nworkers 2",
        JobEnvironment(folder="/a"),
    )
    assert script == JobScript(
        job_id="7", scheduler_files=("/a/s.json",), worker_names=("w",), workers_expected=6, starts_workers=True
    )


@pytest.mark.parametrize(
    "text",
    [
        "dask worker tcp://h:1\n" + "(" * 60_000,
        "dask worker tcp://h:1\n" + "a|" * 30_000,
        "dask worker tcp://h:1\n" + "cat <<A " * 8_000,
        "dask worker tcp://h:1\n" + "if " * 20_000,
        "dask worker tcp://h:1\nf() { f; f; }\nf\n",
        "dask worker tcp://h:1 " + "x " * 30_000,
    ],
    ids=["parentheses", "pipes", "here-documents", "branches", "recursion", "words"],
)
def test_script_beyond_limits_is_uncertain(text):
    script = parsed(text)
    assert (script.scheduler_addresses, script.workers_expected, script.has_unknown_scheduler) == ((), None, True)


def test_growing_values_are_bounded():
    assert parsed("A=xx\n" + "A=$A$A\n" * 2_000 + "dask worker tcp://h:1 --name $A").worker_names == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "#!/bin/sh\nsleep 100\n",
        "echo tcp://h:8786\n",
        "#SBATCH -J dask-worker\nsleep 1\n",
        "# dask worker tcp://h:8786\n",
        "pip install dask\nexport X=1",
        "echo dask worker",
        "srun -J dask-worker python train.py",
        "dask scheduler --port 8786",
        "dask worker-like",
        "mkdir -p /scratch/$USER/dask-worker",
        "ps aux | grep dask-worker",
        "ps aux | grep 'dask worker'",
        "pkill -f 'dask worker'",
        "squeue -n dask-worker",
        "command -v dask-worker",
        "which dask && hash dask-worker",
        "echo 'dask worker tcp://h:8786' > run.sh",
        "cat > run.sh <<EOF\ndask worker tcp://h:8786\nEOF",
        "start() { dask worker tcp://h:8786; }",
        "true # dask worker tcp://h:8786",
        ": <<'COMMENT'\ndask worker tcp://h:8786\nCOMMENT",
        "exit 0\ndask worker tcp://h:8786",
        "sbatch --wrap 'dask worker tcp://h:8786'",
        "python train.py dask worker",
    ],
)
def test_scripts_without_dask_have_no_result(text):
    assert parse_script("7", text) is None


def test_invalid_port_is_not_an_address():
    assert parsed("dask worker tcp://h:99999999999 tcp://h:12").scheduler_addresses == ("tcp://h:12",)


def test_results_are_cleaned_and_bounded():
    assert parsed("dask worker --name 'a\x1bb\x07'").worker_names == ("a b",)
    many = "\n".join(f"dask worker tcp://h:{port} --name w{port}" for port in range(1000, 2000))
    script = parsed(many)
    assert len(script.scheduler_addresses) == len(script.worker_names) == MAX_FOUND


WORDS = [
    "dask worker ",
    "dask",
    "#SBATCH -n ",
    "srun ",
    "-n",
    " --name ",
    "=",
    "'",
    '"',
    "\\\n",
    "\n",
    "tcp://[::",
    "1 ",
]


@given(pieces=st.lists(st.text() | st.sampled_from(WORDS)))
def test_any_text_can_be_parsed(pieces):
    parse_script("7", "dask " + "".join(pieces))
