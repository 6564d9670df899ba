"""Where a job's output goes: what to ask ``scontrol``, and how to read its answer. Pure; opens no file."""

import re

from dasktop.collectors.model.queries import OutputFiles
from dasktop.collectors.text.clean import clean

# What slurmctld shows in place of the task's number while an element of an array is not yet a job of its own.
_NO_TASK = "4294967294"
_PATTERN = re.compile(r"%([0-9]{0,2})([JNnt])")


def output_files_command(job_id: str) -> tuple[str, ...]:
    """Return what to run. Not on one line (``-o``): paths may hold spaces, and `` StdOut=`` too."""
    return ("scontrol", "show", "job", job_id)


def parse_output_files(text: str, job_id: str) -> OutputFiles | None:
    """Read the files of this job (raw id) from scontrol's answer; ``None`` if it isn't there.

    An array's id shows all its elements. Those that wait have no files yet, and jobs without a script never have any.
    """
    begin = re.search(rf"^JobId={job_id}\s", text, re.MULTILINE)
    if begin is None:
        return None
    block, _, _ = text[begin.start() :].partition("\n\n")
    # The last of each: a name with a line end could pretend to be one, and it stands first.
    values = dict(re.findall(r"^   (StdOut|StdErr|WorkDir|BatchHost)=(.*)$", block, re.MULTILINE))
    host = values.get("BatchHost", "")
    return OutputFiles(
        stdout=_path(values.get("StdOut", ""), job_id, host),
        stderr=_path(values.get("StdErr", ""), job_id, host),
        work_dir=_path(values.get("WorkDir", ""), job_id, host, has_patterns=False),
    )


def parse_work_dir(text: str) -> str | None:
    """Read from scontrol's answer which folder a job, or all elements of an array, works in."""
    # The last: a name with a line end could pretend to be one, and it stands first.
    found = re.findall(r"^   WorkDir=(.*)$", text, re.MULTILINE)
    path = _path(found[-1], "", "", has_patterns=False) if found else None
    return path if path is None or clean(path) == path else None


def _path(text: str, job_id: str, host: str, *, has_patterns: bool = True) -> str | None:
    """Return a path that can be opened, as it is: who shows it has to clean it.

    scontrol 22.05 has filled in ``%A %a %j %u %x`` already, but not ``%J``, which dask-jobqueue uses for its
    ``log_directory``, nor ``%N %n %t``. Of a batch script they are the job, its first node, and 0.
    """
    if has_patterns and "\\" not in text:  # a backslash means that nothing is filled in
        known = {"J": job_id, "n": "0", "t": "0"}
        text = _PATTERN.sub(
            lambda match: (host or match[0]) if match[2] == "N" else known[match[2]].zfill(int(match[1] or 0)), text
        )
    is_open = _NO_TASK in text or re.search(r"%N", text)
    return text if text.startswith("/") and "\0" not in text and not is_open else None
