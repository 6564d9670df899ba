"""A job script to be submitted once more: its workers named anew, and what sbatch is told and answers. Pure."""

import re
from collections.abc import Callable

from dasktop.collectors.model.snapshot import Job
from dasktop.collectors.sources.slurm.scripts import parse_script

# What we added last time, so that names don't grow.
_OURS = re.compile(r"-x[0-9a-f]{6}$")
_SUBMITTED = re.compile(r"Submitted batch job ([1-9][0-9]{0,18})(?: on cluster \S+)?", re.ASCII)
_PARSABLE = re.compile(r"([1-9][0-9]{0,18})(?:;\S+)?", re.ASCII)
_PATTERNS = {
    "--nodes": r"^\s+NumNodes=([0-9-]+)\s",
    "--ntasks": r"^\s+NumNodes=.*\sNumTasks=([0-9]+)\s",
    "--cpus-per-task": r"^\s+NumNodes=.*\sCPUs/Task=([0-9]+)\b",
    "--mem": r"^\s+MinCPUsNode=.*\sMinMemoryNode=([1-9][0-9.]*[KMGT]?)\b",
    "--mem-per-cpu": r"^\s+MinCPUsNode=.*\sMinMemoryCPU=([1-9][0-9.]*[KMGT]?)\b",
    "--constraint": r"^\s+Features=(?!\(null\))(\S+)",
    "--gres": r"^\s+TresPerNode=gres[:/](\S+)",
    "--chdir": r"^\s+WorkDir=(.+)$",
}


def renamed(script: str, suffix: Callable[[], str]) -> str | None:
    """Return the script with a fresh name for each worker that it names; ``None`` if that can't be done surely.

    The scheduler refuses a name that is taken. A name that the shell fills in (``--name w-$SLURM_JOB_ID``) is fresh by
    itself; so is that of a worker without ``--name``, which is its address.

    Parameters
    ----------
    script
        As it was submitted.
    suffix
        Makes six hexadecimal digits, others at each call.
    """
    said = parse_script("0", script)
    if said is None or "\ufffd" in script:  # not UTF-8: it could not be submitted as it was
        return None
    old_names = [name for name in said.worker_names if not re.search(r"[$`]", name)]
    for name in old_names:
        fresh = f"{_OURS.sub('', name)}-x{suffix()}"
        before, behind = r"(--name(?:\s+|=)[\"']?)", r"(?=[\"']?(?:[\s;&|)]|$))"
        script = re.sub(before + re.escape(name) + behind, rf"\g<1>{fresh}", script, flags=re.MULTILINE)
    now = parse_script("0", script)
    return None if now is None or not set(old_names).isdisjoint(now.worker_names) else script


def submitted_id(told: str) -> str | None:
    """Return the id of the job that sbatch has submitted; ``None`` if what it printed doesn't tell for certain.

    With ``--parsable`` that is ``4711`` or ``4711;cluster`` on a line of its own. Sites' wrappers print more before and
    behind it, and some drop the option.
    """
    lines = [line.strip() for line in told.splitlines()]
    found = {match[1] for line in lines if (match := _SUBMITTED.fullmatch(line))}
    if not found:
        found = {match[1] for line in lines if (match := _PARSABLE.fullmatch(line))}
    return found.pop() if len(found) == 1 else None


def sbatch_options(job: Job, shown: str) -> tuple[str, ...]:
    """Return what to tell sbatch so that it asks for the same again, whether the script says so or sbatch was told.

    Parameters
    ----------
    job
        As squeue shows it.
    shown
        As ``scontrol show job`` shows it. What isn't found there is left to the script.
    """
    options = {
        "--job-name": job.name,
        "--partition": job.partition,
        "--account": job.account,
        "--qos": job.qos,
        # In minutes, which is what SLURM rounds to.
        "--time": str(-(-job.time_limit_seconds // 60)) if job.time_limit_seconds else None,
    }
    for option, pattern in _PATTERNS.items():
        if found := re.search(pattern, shown, re.MULTILINE):
            options[option] = found[1]
    return tuple(f"{option}={value}" for option, value in options.items() if value)
