"""Asks sbatch what it says to a script, without submitting it. Remembers nothing."""

import os
import tempfile
from pathlib import Path

from dasktop.collectors.sources.slurm.commands import Commands


async def why_refused(commands: Commands, script: str) -> str | None:
    """Return sbatch's own words on why it doesn't take a script; ``None`` if it would take it.

    Raises
    ------
    SourceError
        sbatch can't be run here, or doesn't answer.
    """
    with tempfile.TemporaryDirectory(prefix="dasktop-") as folder:
        file = Path(folder) / "job.sh"
        file.touch(mode=0o600)
        file.write_text(script, encoding="utf-8", errors="replace")
        printed = await commands.run("sbatch", "--test-only", os.fspath(file))
    if printed.status == 0:
        return None
    return " ".join(printed.errors) or printed.complaint
