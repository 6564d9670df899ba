"""What scaling does with SLURM itself: looks, cancels, and submits a job's script again. Decides nothing.

Only jobs of this user are ever looked at, and only those whose ids are given are cancelled.
"""

import asyncio
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.readings import QueuedJob
from dasktop.collectors.model.snapshot import Job
from dasktop.collectors.scaling.lease import RefusedError
from dasktop.collectors.sources.health import SourceLog
from dasktop.collectors.sources.slurm import commands as slurm_environment
from dasktop.collectors.sources.slurm.commands import Commands
from dasktop.collectors.sources.slurm.queue import QueueReader, command_command, parse_commands
from dasktop.collectors.sources.slurm.scripts import parse_script, script_command
from dasktop.collectors.text.clean import clean

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


# squeue's manual asks not to run it in a loop; each time costs slurmctld a narrow look at one user's jobs.
_FIRST_LOOK_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 4.0


class SlurmActions:
    """Runs SLURM's commands for one user.

    Parameters
    ----------
    environment
        This process's own, as the user's shell made it.
    user
        Whose jobs.
    timeout_seconds
        For each command.
    """

    def __init__(self, environment: Mapping[str, str], user: str, timeout_seconds: float) -> None:
        self._commands = Commands(slurm_environment.for_commands(environment), timeout_seconds)
        # A job inherits what sbatch is started with; so no settings of ours, and nothing of a job that we may be in.
        own = {
            name: value
            for name, value in environment.items()
            if name in slurm_environment.KEPT or not name.startswith(("SLURM_", "SLURMD_"))
        }
        self._submission = Commands(own, timeout_seconds)
        self._clusters = [name.strip() for name in environment.get("SLURM_CLUSTERS", "").split(",") if name.strip()]
        self._user = user
        self._queue = QueueReader(self._commands, SourceLog("slurm.queue", float("inf")), user)

    async def queued(self) -> dict[str, QueuedJob]:
        """Return the user's jobs that have not ended, by id.

        Raises
        ------
        SourceError
            squeue failed.
        """
        return {job.job_id: job for job in await self._queue.read() if not read_state(job.state).has_ended}

    async def wait_until_gone(self, job_ids: Collection[str], seconds: float) -> tuple[str, ...]:
        """Wait until none of these jobs is in the queue; return those that still are after so long.

        A job that is completing counts as gone in the end: nothing brings it back.

        Raises
        ------
        SourceError
            squeue failed.
        """
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + seconds, _FIRST_LOOK_SECONDS
        while True:
            queued = await self.queued()
            left = [job_id for job_id in job_ids if job_id in queued]
            if not left or loop.time() >= deadline:
                return tuple(job_id for job_id in left if not read_state(queued[job_id].state).is_ending)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def check_one_cluster(self) -> None:
        """Refuse where a job's id alone doesn't tell which job is meant.

        With several clusters in SLURM_CLUSTERS, scancel ends the jobs of that id in each of them (22.05).

        Raises
        ------
        RefusedError
            The variable names several.
        """
        if len(self._clusters) > 1 or self._clusters == ["all"]:
            raise RefusedError(
                f"SLURM_CLUSTERS names several clusters ({clean(','.join(self._clusters))}), and scancel would end the "
                "jobs of that id in each: set it to the one that is meant; nothing was touched"
            )

    async def cancel(self, job_ids: Iterable[str]) -> None:
        """Cancel jobs, each named as scancel takes it (``54_1`` for a task of an array).

        Raises
        ------
        SourceError
            scancel refused, in its own words.
        """
        if names := tuple(job_ids):
            (await self._commands.run("scancel", *names)).checked()

    async def submit_again(self, job: Job) -> str:
        """Submit the script of this job once more, its workers named anew; return the new job's id.

        Raises
        ------
        RefusedError
            The script can't be had, can't be renamed surely, or sbatch refuses, in its own words.
        SourceError
            scontrol failed.
        """
        with tempfile.TemporaryDirectory(prefix="dasktop-") as folder:
            # Unlike a comment or a job's name, the name of the file is nobody's but ours.
            file = Path(folder) / f"dasktop-{secrets.token_hex(8)}.sh"
            file.touch(mode=0o600)
            script = renamed(await self._script_of(job, file), lambda: secrets.token_hex(3))
            if script is None:
                raise RefusedError(f"the script of job {job.job_id} names its workers in a way that can't be made anew")
            shown = (await self._commands.run("scontrol", "show", "job", job.job_id)).checked()
            file.write_text(script, encoding="utf-8")
            return await self._submit(file, sbatch_options(job, shown))

    async def _script_of(self, job: Job, file: Path) -> str:
        """Have a job's script written to this file, since around what is printed anything may stand; return it."""
        command = script_command(job.array_job_id or job.job_id)[:-1]
        printed = await self._commands.run(*command, os.fspath(file))
        script = _read(file)
        if not script.strip():
            raise RefusedError(f"the script of job {job.job_id} can't be had: {printed.complaint}")
        return script

    async def _submit(self, file: Path, options: Iterable[str]) -> str:
        try:
            submitted = await self._submission.run("sbatch", "--parsable", *options, os.fspath(file))
        except SourceError as error:
            if (job_id := await self._submitted_from(file)) is not None:
                return job_id
            raise RefusedError(f"{error}; squeue will tell whether the job was submitted") from error
        if submitted.status != 0:
            raise RefusedError(" ".join(submitted.errors) or submitted.complaint)
        job_id = submitted_id(submitted.text) or await self._submitted_from(file)
        if job_id is None:
            raise RefusedError(
                "sbatch has submitted a job, and neither it nor squeue tells its id: look which jobs there are before "
                f"another is submitted (sbatch said: {clean(submitted.text)[:80] or 'nothing'})"
            )
        return job_id

    async def _submitted_from(self, file: Path) -> str | None:
        """Return the id of the job that was submitted from this file, as far as squeue tells."""
        mark = secrets.token_hex(4)
        try:
            told = (await self._commands.run(*command_command(self._user, mark))).checked()
        except SourceError:
            return None
        found = {job_id for job_id, command in parse_commands(told, mark) if file.name in command}
        return found.pop() if len(found) == 1 else None

    def close(self) -> None:
        """Kill what still runs, and start nothing any more."""
        self._commands.close()
        self._submission.close()


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")
