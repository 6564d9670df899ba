"""sbatch: submit a script from a file, from standard input, or from ``--wrap``."""

from collections.abc import Mapping
from pathlib import Path

from dasktop.collectors.embedded_slurm.commands.call import VERSION_REPLY, Call, Reply
from dasktop.collectors.embedded_slurm.options import ParsedOptions, Refused
from dasktop.collectors.embedded_slurm.submission import BATCH_OPTIONS, build, script_options

_NOT_A_SCRIPT = (
    "This does not look like a batch script.  The first line must start with #! followed by the path to an interpreter."
)


def reads_stdin(call: Call) -> bool:
    """Whether the script comes from standard input: there is no file and no ``--wrap``."""
    given = call.read(BATCH_OPTIONS, permute=False)
    return not given.rest and "wrap" not in given and "version" not in given


def sbatch(call: Call, stdin: str | None = None) -> Reply:
    """Answer one sbatch; `stdin` is the script if it has to come from there."""
    given = call.read(BATCH_OPTIONS, permute=False)
    if "version" in given:
        return VERSION_REPLY
    script, name, command = _script(call, given, stdin)
    # The command line takes precedence over lines of the script.
    options = ParsedOptions({**script_options(script).values, **given.values})
    settings = call.workload.settings
    request = build(
        settings,
        options,
        call.environment,
        call.work_dir,
        user=call.user,
        uid=call.uid,
        name=name,
        command=command,
        script=script,
        arguments=tuple(given.rest[1:]),
    )
    job = call.workload.submit(request, call.now, held="hold" in options)
    if "parsable" in options:
        return Reply(f"{job.id}\n")
    return Reply("" if "quiet" in options else f"Submitted batch job {job.id}\n")


def _script(call: Call, given: ParsedOptions, stdin: str | None) -> tuple[str, str, str]:
    """Return the script, the job's usual name, and the command that squeue shows."""
    wrapped = given.get("wrap")
    if wrapped is not None:
        if given.rest:
            raise Refused("Script arguments not permitted with --wrap option")
        return f"#!/bin/sh\n# This script was created by sbatch --wrap.\n\n{wrapped}\n", "wrap", "(null)"
    if stdin is not None:
        return _checked(stdin), "sbatch", "(null)"
    path = _find(given.rest[0], call.work_dir, call.environment)
    try:
        # Only a regular file: reading a pipe would block the controller.
        script = path.read_bytes().decode("utf-8", "surrogateescape") if path.is_file() else None
    except OSError:
        script = None
    if script is None:
        raise Refused(f"Unable to open file {given.rest[0]}")
    return _checked(script), path.name, str(path)


def _find(name: str, work_dir: str, environment: Mapping[str, str]) -> Path:
    """Return the script's path. As in SLURM, a bare name that is not in the working directory is searched on PATH."""
    here = Path(work_dir, name)
    if "/" in name or here.is_file():
        return here
    candidates = (Path(folder, name) for folder in environment.get("PATH", "").split(":") if folder)
    return next((path for path in candidates if path.is_file()), here)


def _checked(script: str) -> str:
    if not script.startswith("#!"):
        raise Refused(_NOT_A_SCRIPT)
    if "\r\n" in script:
        raise Refused("Batch script contains DOS line breaks (\\r\\n) instead of expected UNIX line breaks (\\n).")
    if "\0" in script:
        # As in SLURM: file names and variables cannot contain NULL.
        raise Refused("The SLURM controller does not allow scripts that contain a NULL character.")
    return script
