"""What batch scripts say of dask: dask-jobqueue's of today and of 2021, and what people write by hand."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasktop.collectors.readings import JobScript
from dasktop.collectors.slurm.scripts import MAX_FOUND, in_folder, names_files_by_folder, parse_script

FIXTURES = Path(__file__).parent / "fixtures" / "slurm"

OF_2021 = """#!/usr/bin/env bash

#SBATCH -J dask-worker
#SBATCH -n 1
#SBATCH --cpus-per-task=12
#SBATCH --mem=15G
#SBATCH -t 01:00:00

python -m distributed.cli.dask_worker tcp://10.1.2.3:41525 --nthreads 3 --nprocs 4 --name SLURMCluster-1 --nanny
"""


def said(text: str) -> JobScript:
    script = parse_script("7", text)
    assert script is not None
    return script


def test_dask_jobqueue():
    assert said((FIXTURES / "dask_jobqueue_0.9.sh").read_text()) == JobScript(
        job_id="7", scheduler_addresses=("tcp://127.0.0.1:33093",), worker_names=("dummy-name",), workers_expected=4
    )


def test_dask_jobqueue_of_2021():
    assert said(OF_2021) == JobScript(
        job_id="7", scheduler_addresses=("tcp://10.1.2.3:41525",), worker_names=("SLURMCluster-1",), workers_expected=4
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
        "dask cuda worker @",
        "dask-cuda-worker @",
        "dask spawn @",
        "dask spec @",
        "bash -c 'dask worker @'",
        'bash -c "exec dask worker @"',
        "sleep 1; dask worker @",
        "test -f x && dask worker @ || exit 1",
        "dask worker \\\n    @",
        "dask worker @ # the worker",
        "singularity exec image.sif dask worker @",
    ],
)
def test_one_worker_however_it_is_started(command):
    assert said(command.replace("@", "tcp://h:8786") + "\n") == JobScript(
        job_id="7", scheduler_addresses=("tcp://h:8786",), workers_expected=1
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
        ("#SBATCH -n 6\nsrun dask worker @", 6),
        ("#SBATCH --ntasks=6\nsrun dask worker @ --nworkers 2", 12),
        ("#SBATCH -n 6\nsrun -n 2 dask worker @", 2),
        ("#SBATCH -n 6\ndask worker @", 1),
        ("#SBATCH -N 2\nsrun dask worker @", None),
        ("mpirun -np 4 dask worker @", None),
        ("dask worker @ &\ndask worker @ --nworkers 2 &\nwait", 3),
        ("dask worker @ & dask worker @ & wait", 2),
        ("dask worker @ --nworkers $N &\ndask worker @", None),
        ("for i in 1 2 3; do\n  dask worker @ &\ndone\nwait", None),
        ("for i in 1 2 3; do dask worker @ & done", None),
        ("for i in 1 2 3; do echo $i; done\ndask worker @", 1),
    ],
)
def test_how_many_workers(command, expected):
    assert said(command.replace("@", "tcp://h:8786")).workers_expected == expected


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
@pytest.mark.parametrize("form", ["dask worker {}", 'dask-worker "{}"', "export DASK_SCHEDULER_ADDRESS='{}'"])
def test_addresses(address, form):
    assert said(form.format(address)).scheduler_addresses == (address,)


def test_a_workers_own_address_is_not_its_schedulers():
    script = said(
        "dask worker tcp://h:8786 --contact-address tcp://me:1 --listen-address=tcp://0.0.0.0:2 --nanny-port 9"
    )
    assert script.scheduler_addresses == ("tcp://h:8786",)


@pytest.mark.parametrize("form", ["--scheduler-file {}", "--scheduler-file={}", "--scheduler-file '{}'"])
def test_scheduler_files(form):
    assert said(f"dask worker {form.format('/scratch/my-scheduler.json')}").scheduler_files == (
        "/scratch/my-scheduler.json",
    )


def test_a_scheduler_file_is_in_the_folder_that_the_job_works_in():
    script = said("dask worker --scheduler-file ./runs/s.json\ndask worker --scheduler-file /scratch/t.json")
    assert names_files_by_folder(script)
    assert in_folder(script, "/home/u/a").scheduler_files == ("/home/u/a/runs/s.json", "/scratch/t.json")
    assert in_folder(script, None).scheduler_files == ("/scratch/t.json",)
    assert not names_files_by_folder(said("dask worker --scheduler-file /scratch/t.json"))


@pytest.mark.parametrize("way", ["cd /scratch", "cd /scratch && ls", "(pushd sub; ls)"])
def test_which_scheduler_file_is_meant_is_not_known_where_the_script_goes_elsewhere(way):
    script = said(f"{way}\ndask worker --scheduler-file s.json --name w\ndask worker --scheduler-file /scratch/t.json")
    assert script.scheduler_files == ("/scratch/t.json",)


def test_scheduler_and_workers_in_one_job():
    script = said(
        "dask scheduler --scheduler-file s.json &\nsrun -n 3 dask worker --scheduler-file s.json --name w --nworkers 2"
    )
    assert script == JobScript(job_id="7", scheduler_files=("s.json",), worker_names=("w",), workers_expected=6)


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
    ],
)
def test_scripts_that_say_nothing_of_dask(text):
    assert parse_script("7", text) is None


def test_a_port_that_is_none():
    assert said("dask worker tcp://h:99999999999 tcp://h:12").scheduler_addresses == ("tcp://h:12",)


def test_texts_are_cleaned_and_bounded():
    assert said("dask worker --name 'a\x1bb\x07'").worker_names == ("a b",)
    many = "\n".join(f"dask worker tcp://h:{port} --name w{port}" for port in range(1000, 2000))
    script = said(many)
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
def test_no_text_makes_it_raise(pieces):
    parse_script("7", "dask " + "".join(pieces))
