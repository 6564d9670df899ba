"""Test with ``sbatch --test-only`` whether sbatch accepts a script. Submits nothing."""

import os
import tempfile
from pathlib import Path

from dasktop.collectors.sources.slurm.commands import Commands


async def sbatch_error(commands: Commands, script: str) -> str | None:
    """Return sbatch's error message if it would reject a script; ``None`` if it would accept it.

    Raises
    ------
    SourceError
        sbatch cannot be run here, or does not answer.
    """
    with tempfile.TemporaryDirectory(prefix="dasktop-") as folder:
        file = Path(folder) / "job.sh"
        file.touch(mode=0o600)
        file.write_text(script, encoding="utf-8", errors="replace")
        output = await commands.run("sbatch", "--test-only", os.fspath(file))
    if output.status == 0:
        return None
    return " ".join(output.errors) or output.error_message
