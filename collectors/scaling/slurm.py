"""The SLURM commands of scaling: query the queue, cancel jobs, resubmit a job's script. Makes no decisions.

Queries only jobs of this user, and cancels only those whose ids are given.
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
from dasktop.collectors.sources.slurm.commands import KEPT_VARIABLES, Commands, command_environment
from dasktop.collectors.sources.slurm.queue import QueueReader, parse_script_paths, script_path_command
from dasktop.collectors.sources.slurm.script_output import script_command
from dasktop.collectors.sources.slurm.scripts import parse_script
from dasktop.collectors.system.backoff import Backoff
from dasktop.collectors.text.clean import clean

# The suffix that an earlier resubmission added, so that names do not grow.
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
    """Return the script with a new name for each worker that it names; ``None`` if that cannot be done reliably.

    The scheduler refuses a name that is taken. A name that the shell expands (``--name w-$SLURM_JOB_ID``) is unique by
    itself; so is that of a worker without ``--name``, which is its address.

    Parameters
    ----------
    script
        The submitted script.
    suffix
        Returns six hexadecimal digits, different at each call.
    """
    parsed = parse_script("0", script)
    if parsed is None or "\ufffd" in script:  # not UTF-8: it could not be resubmitted unchanged
        return None
    old_names = [name for name in parsed.worker_names if not re.search(r"[$`]", name)]
    for name in old_names:
        fresh = f"{_OURS.sub('', name)}-x{suffix()}"
        before, behind = r"(--name(?:\s+|=)[\"']?)", r"(?=[\"']?(?:[\s;&|)]|$))"
        script = re.sub(before + re.escape(name) + behind, rf"\g<1>{fresh}", script, flags=re.MULTILINE)
    now = parse_script("0", script)
    return None if now is None or not set(old_names).isdisjoint(now.worker_names) else script


def submitted_id(printed: str) -> str | None:
    """Return the id of the job that sbatch submitted; ``None`` if its output does not show it unambiguously.

    With ``--parsable`` that is ``4711`` or ``4711;cluster`` on a line of its own. Sites' wrappers print more before and
    after it, and some drop the option.
    """
    lines = [line.strip() for line in printed.splitlines()]
    found = {match[1] for line in lines if (match := _SUBMITTED.fullmatch(line))}
    if not found:
        found = {match[1] for line in lines if (match := _PARSABLE.fullmatch(line))}
    return found.pop() if len(found) == 1 else None


def sbatch_options(job: Job, shown: str) -> tuple[str, ...]:
    """Return the sbatch options that request the same resources again, wherever the first request gave them.

    Parameters
    ----------
    job
        As squeue shows it.
    shown
        The output of ``scontrol show job``. Options that are missing there are taken from the script.
    """
    options = {
        "--job-name": job.name,
        "--partition": job.partition,
        "--account": job.account,
        "--qos": job.qos,
        # In minutes, to which SLURM rounds.
        "--time": str(-(-job.time_limit_seconds // 60)) if job.time_limit_seconds else None,
    }
    for option, pattern in _PATTERNS.items():
        if found := re.search(pattern, shown, re.MULTILINE):
            options[option] = found[1]
    return tuple(f"{option}={value}" for option, value in options.items() if value)


# squeue's manual asks not to run it in a loop; each call makes slurmctld look up one user's jobs.
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 4.0


class SlurmActions:
    """Runs SLURM's commands for one user.

    Parameters
    ----------
    environment
        This process's environment, as the user's shell set it.
    user
        The user whose jobs are queried.
    timeout_seconds
        For each command.
    """

    def __init__(self, environment: Mapping[str, str], user: str, timeout_seconds: float) -> None:
        self._commands = Commands(command_environment(environment), timeout_seconds)
        # A job inherits sbatch's environment; so drop our settings, and those of a job that dasktop may run in.
        own = {
            name: value
            for name, value in environment.items()
            if name in KEPT_VARIABLES or not name.startswith(("SLURM_", "SLURMD_"))
        }
        self._submission = Commands(own, timeout_seconds)
        self._clusters = [name.strip() for name in environment.get("SLURM_CLUSTERS", "").split(",") if name.strip()]
        self._user = user
        self._queue = QueueReader(self._commands, SourceLog("slurm.queue", float("inf")), user)

    async def queued(self) -> dict[str, QueuedJob]:
        """Return the user's jobs that have not ended, by job id.

        Raises
        ------
        SourceError
            squeue failed.
        """
        return {job.job_id: job for job in await self._queue.read() if not read_state(job.state).has_ended}

    async def wait_until_gone(self, job_ids: Collection[str], seconds: float) -> tuple[str, ...]:
        """Wait until none of these jobs is in the queue; return those that still are after ``seconds``.

        At the end, a completing job counts as gone: it cannot return.

        Raises
        ------
        SourceError
            squeue failed.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        pauses, times = Backoff(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS), 0
        while True:
            queued = await self.queued()
            left = [job_id for job_id in job_ids if job_id in queued]
            if not left or loop.time() >= deadline:
                return tuple(job_id for job_id in left if not read_state(queued[job_id].state).is_ending)
            times += 1
            await asyncio.sleep(pauses.pause_seconds(times))

    def check_one_cluster(self) -> None:
        """Refuse if a job id alone does not identify a job.

        With several clusters in SLURM_CLUSTERS, scancel ends the jobs of that id in each of them (22.05).

        Raises
        ------
        RefusedError
            The variable names several.
        """
        if len(self._clusters) > 1 or self._clusters == ["all"]:
            raise RefusedError(
                f"SLURM_CLUSTERS names several clusters ({clean(','.join(self._clusters))}), and scancel would end the "
                "jobs with these ids in each: set it to the cluster you mean; nothing was changed"
            )

    async def cancel(self, job_ids: Iterable[str]) -> None:
        """Cancel jobs, each named as scancel takes it (``54_1`` for a task of an array).

        Raises
        ------
        SourceError
            scancel failed; the text is its message.
        """
        if names := tuple(job_ids):
            (await self._commands.run("scancel", *names)).checked()

    async def resubmit(self, job: Job) -> str:
        """Submit the script of this job again, with new worker names; return the new job's id.

        Raises
        ------
        RefusedError
            The script cannot be read or renamed reliably, or sbatch refused; the text includes its message.
        SourceError
            scontrol failed.
        """
        with tempfile.TemporaryDirectory(prefix="dasktop-") as folder:
            # Unlike a comment or a job name, the file name is unique.
            file = Path(folder) / f"dasktop-{secrets.token_hex(8)}.sh"
            file.touch(mode=0o600)
            script = renamed(await self._script_of(job, file), lambda: secrets.token_hex(3))
            if script is None:
                raise RefusedError(f"dasktop cannot give the workers in the script of job {job.job_id} new names")
            shown = (await self._commands.run("scontrol", "show", "job", job.job_id)).checked()
            file.write_text(script, encoding="utf-8")
            return await self._submit(file, sbatch_options(job, shown))

    async def _script_of(self, job: Job, file: Path) -> str:
        """Write a job's script to this file, since printed output may contain other text; return it."""
        command = script_command(job.array_job_id or job.job_id)[:-1]
        printed = await self._commands.run(*command, os.fspath(file))
        script = _read(file)
        if not script.strip():
            raise RefusedError(f"the script of job {job.job_id} is not available: {printed.error_message}")
        return script

    async def _submit(self, file: Path, options: Iterable[str]) -> str:
        try:
            submitted = await self._submission.run("sbatch", "--parsable", *options, os.fspath(file))
        except SourceError as error:
            if (job_id := await self._submitted_from(file)) is not None:
                return job_id
            raise RefusedError(f"{error}; check with squeue whether the job was submitted") from error
        if submitted.status != 0:
            raise RefusedError(" ".join(submitted.errors) or submitted.error_message)
        job_id = submitted_id(submitted.stdout) or await self._submitted_from(file)
        if job_id is None:
            raise RefusedError(
                "sbatch submitted a job, but its id is unknown: check with squeue before you submit another "
                f"(sbatch printed: {clean(submitted.stdout)[:80] or 'nothing'})"
            )
        return job_id

    async def _submitted_from(self, file: Path) -> str | None:
        """Return the id of the job submitted from this file, if squeue shows it."""
        mark = secrets.token_hex(4)
        try:
            printed = (await self._commands.run(*script_path_command(self._user, mark))).checked()
        except SourceError:
            return None
        found = {job_id for job_id, command in parse_script_paths(printed, mark) if file.name in command}
        return found.pop() if len(found) == 1 else None

    def close(self) -> None:
        """Kill running commands, and start no more."""
        self._commands.close()
        self._submission.close()


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")
