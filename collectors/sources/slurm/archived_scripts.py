"""The batch scripts of ended jobs, from accounting, at sites that store them (``AccountingStoreFlags=job_script``).

Pure. Since SLURM 21.08. slurmctld forgets a job's script minutes after its end (MinJobAge).
"""

import re
from collections.abc import Iterable

_HEAD = re.compile(r"^Batch Script for ([0-9]{1,12})\n-{20,}\n", re.MULTILINE | re.ASCII)


def archived_scripts_command(job_ids: Iterable[str]) -> tuple[str, ...]:
    """Return the command for the scripts of these jobs (raw ids)."""
    return ("sacct", "-B", "-j", ",".join(job_ids))


def parse_archived_scripts(text: str) -> dict[str, str]:
    """Return the scripts by job id. A job that seems to have several is left out: a script may imitate the heading."""
    found: dict[str, list[str]] = {}
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    for head, end in zip(heads, ends, strict=False):
        found.setdefault(head[1], []).append(text[head.end() : end])
    return {job_id: scripts[0] for job_id, scripts in found.items() if len(scripts) == 1 and "#!" in scripts[0]}
