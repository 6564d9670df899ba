"""Any command line is either answered or refused by the commands of the embedded SLURM."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dasktop.collectors.embedded_slurm.commands.call import Call, Reply
from dasktop.collectors.embedded_slurm.commands.sbatch import reads_stdin, sbatch
from dasktop.collectors.embedded_slurm.options import Refused
from dasktop.collectors.embedded_slurm.session import COMMANDS
from dasktop.collectors.embedded_slurm.settings import Settings
from dasktop.collectors.embedded_slurm.units import UnreadableError
from dasktop.collectors.embedded_slurm.workload import Workload

NOW = 1_700_000_000.0
WORDS = """
-h -n -o -O -j -u -t -s -a -P -p -X -S -E -N -c -J -H -M -w -q -A -D -r -l -V -e -i --me --format --jobs= --version
--states=all --delimiter=, --starttime --wrap=true --array=1-5%2 --mem=1G --time=1-0 --nodes=2-3 --ntasks=4 --gres=gpu:1
--hold --export=A=1,B --parsable --qos=capped --partition=short --name --user --signal=TERM --state=PD --nodes
1 2 3 2_1 2_[1-2] 1.batch 1.0 all PD,R %i %.8j|%T %all % %! JobID:30,tres-alloc:5 JobID,State%5 n[1-2] n[ root now-1hour
show write hold release update listpids ping job node partition step config hostnames batch_script - JobId=1 TimeLimit=5
"""
ANY_WORD = st.text(st.characters(exclude_characters="\0"), max_size=6)
LINES = st.lists(st.sampled_from(WORDS.split()) | ANY_WORD, max_size=7)


def workload() -> Workload:
    """Return a workload with a held job, an array, and a job that ended before it started."""
    jobs = Workload(Settings("token"), Path("/nonexistent"))
    for line in (["--hold", "--wrap=true"], ["-a", "1-5%2", "--hold", "--wrap=true"], ["--wrap=true"]):
        sbatch(call(jobs, "sbatch", line))
    jobs.cancel(jobs.jobs[3], 0, NOW)
    return jobs


def call(jobs: Workload, command: str, arguments: list[str]) -> Call:
    return Call(command, tuple(arguments), {"PATH": "/bin"}, "/nonexistent", os.getuid(), NOW, jobs)


@pytest.mark.parametrize("command", sorted(COMMANDS))
@given(line=LINES)
def test_any_command_line_is_answered_or_refused(command: str, line: list[str]) -> None:
    try:
        reply = COMMANDS[command](call(workload(), command, line))
    except (Refused, UnreadableError):
        return
    assert isinstance(reply, Reply)


@given(LINES, st.text(max_size=60))
def test_any_script_is_submitted_or_refused(line: list[str], script: str) -> None:
    asked = call(workload(), "sbatch", line)
    try:
        sbatch(asked, f"#!/bin/sh\n#SBATCH {script}\n" if reads_stdin(asked) else None)
    except (Refused, UnreadableError):
        return
    assert "version" in asked.arguments or len(asked.workload.jobs) in {3, 4}


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_unknown_option_is_refused(command: str) -> None:
    with pytest.raises(Refused, match="unrecognized option '--no-such-option'"):
        COMMANDS[command](call(workload(), command, ["--no-such-option"]))
