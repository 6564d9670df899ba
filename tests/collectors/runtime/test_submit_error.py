"""How often sbatch is run for jobs that the cluster object could not submit."""

from msgspec.structs import replace

from dasktop.collectors.model.options import Options
from dasktop.collectors.runtime.poller import Poller
from dasktop.collectors.runtime.submit_error import MOST_SCRIPTS_TRIED
from tests.support.fake_slurm import FakeSlurm
from tests.support.readings import dask


async def test_few_scripts_are_tried_once_each(tmp_path):
    programs = FakeSlurm(tmp_path)
    programs.prints("sbatch", complaint="sbatch: error: Invalid partition\n", status=1)
    poller = Poller(Options(user="ada"), programs.environment)
    for number in range(3 * MOST_SCRIPTS_TRIED):
        poller._dask_reading = replace(dask(job_ids={}), refused_script=f"#!/bin/sh\n#SBATCH -J {number // 2}\n")
        await poller.poll_slurm_details()
    assert len(programs.calls("sbatch")) == MOST_SCRIPTS_TRIED
