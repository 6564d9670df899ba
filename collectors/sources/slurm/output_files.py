"""A job's output files: the ``scontrol`` command, and a parser for its output. Pure; opens no file."""

import re

from dasktop.collectors.model.queries import OutputFiles
from dasktop.collectors.text.clean import clean

# slurmctld's NO_VAL, shown as the task id while an array task is not yet a job of its own.
_NO_TASK = "4294967294"
_PATTERN = re.compile(r"%([0-9]{0,2})([JNnt])")


def output_files_command(job_id: str) -> tuple[str, ...]:
    """Return the command. Not on one line (``-o``): paths may contain spaces, even `` StdOut=``."""
    return ("scontrol", "show", "job", job_id)


def parse_output_files(text: str, job_id: str) -> OutputFiles | None:
    """Parse the files of this job (raw id) from scontrol's output; ``None`` if the job is not in it.

    An array's id shows all its tasks. Pending ones have no files yet, and jobs without a script never have any.
    """
    begin = re.search(rf"^JobId={job_id}\s", text, re.MULTILINE)
    if begin is None:
        return None
    block, _, _ = text[begin.start() :].partition("\n\n")
    # The last of each: a job name with a newline could imitate one, and comes first.
    values = dict(re.findall(r"^   (StdOut|StdErr|WorkDir|BatchHost)=(.*)$", block, re.MULTILINE))
    host = values.get("BatchHost", "")
    return OutputFiles(
        stdout=_path(values.get("StdOut", ""), job_id, host),
        stderr=_path(values.get("StdErr", ""), job_id, host),
        work_dir=_path(values.get("WorkDir", ""), job_id, host, has_patterns=False),
    )


def parse_work_dir(text: str) -> str | None:
    """Parse the working directory of a job, or of all tasks of an array, from scontrol's output."""
    # The last: a job name with a newline could imitate one, and comes first.
    found = re.findall(r"^   WorkDir=(.*)$", text, re.MULTILINE)
    path = _path(found[-1], "", "", has_patterns=False) if found else None
    return path if path is None or clean(path) == path else None


def _path(text: str, job_id: str, host: str, *, has_patterns: bool = True) -> str | None:
    """Return a path that can be opened, uncleaned: callers clean it before they show it.

    scontrol 22.05 has expanded ``%A %a %j %u %x`` already, but not ``%J``, which dask-jobqueue uses for its
    ``log_directory``, nor ``%N %n %t``. For a batch script they are the job, its first node, and 0.
    """
    if has_patterns and "\\" not in text:  # a backslash disables expansion
        known = {"J": job_id, "n": "0", "t": "0"}
        text = _PATTERN.sub(
            lambda match: (host or match[0]) if match[2] == "N" else known[match[2]].zfill(int(match[1] or 0)), text
        )
    is_open = _NO_TASK in text or re.search(r"%N", text)
    return text if text.startswith("/") and "\0" not in text and not is_open else None
