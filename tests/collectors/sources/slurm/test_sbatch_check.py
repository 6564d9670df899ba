"""Why sbatch rejects a script, without a submission."""

import os
from pathlib import Path

import pytest

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.sources.slurm.commands import Commands, command_environment
from dasktop.collectors.sources.slurm.sbatch_check import sbatch_error
from tests.slurm.commands import SlurmCommands
from tests.support.fake_programs import FakePrograms

SCRIPT = "#!/bin/sh\n#SBATCH -J {name}\n#SBATCH -t 1\ndask worker tcp://h:1\n"
ERROR = "sbatch: error: Invalid directive found in batch script: words"


@pytest.fixture
def programs(tmp_path: Path) -> FakePrograms:
    return FakePrograms(tmp_path)


def commands(programs: FakePrograms) -> Commands:
    return Commands(programs.environment, 5.0)


async def test_reason_of_a_rejection_is_returned(programs: FakePrograms) -> None:
    programs.prints("sbatch", "Welcome", f"Welcome to the cluster\n{ERROR}\n", status=255)
    assert await sbatch_error(commands(programs), SCRIPT.format(name="two words")) == ERROR
    (call,) = programs.calls("sbatch")
    assert call.startswith("--test-only ")


async def test_accepted_script_has_no_error(programs: FakePrograms) -> None:
    programs.prints("sbatch", "", "sbatch: Job 5 to start at 2025-11-22T12:00:00 using 1 processors on nodes n1\n")
    assert await sbatch_error(commands(programs), SCRIPT) is None


async def test_missing_sbatch_is_an_error(programs: FakePrograms) -> None:
    with pytest.raises(SourceError, match="sbatch is not on PATH"):
        await sbatch_error(commands(programs), SCRIPT)


async def test_real_sbatch_answers_alike(real_slurm: SlurmCommands) -> None:
    real = Commands(command_environment(os.environ), 20.0)
    assert await sbatch_error(real, SCRIPT.format(name="two words")) == ERROR
    assert await sbatch_error(real, SCRIPT.format(name="word")) is None
    assert real_slurm.queued() == []
