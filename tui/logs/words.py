"""What a job's files are, and what it may mean that one can't be read. Pure."""

from dasktop.collectors.model.job_states import read_state
from dasktop.collectors.model.jobs import has_ended, is_pending
from dasktop.collectors.model.logs import LogPart
from dasktop.collectors.model.queries import OutputFiles
from dasktop.collectors.model.snapshot import Job


def files_of(files: OutputFiles | None) -> list[tuple[str, str]]:
    """Return each file once, with what it is for."""
    if files is None:
        return []
    if files.stdout == files.stderr and files.stdout is not None:
        return [("output and errors", files.stdout)]
    return [(kind, path) for kind, path in (("output", files.stdout), ("errors", files.stderr)) if path is not None]


def has_failed(job: Job) -> bool:
    """Whether the job has ended, and not well."""
    return has_ended(job) and read_state(job.fate.state if job.fate else job.state).name not in ("COMPLETED", None)


def problem_words(part: LogPart, job: Job) -> str:
    """Return why there is nothing to read, and for a file that isn't there, what that may mean."""
    if not part.is_missing:
        return part.problem or ""
    if is_pending(job):
        return "the job has not started: its file comes when it does"
    when = "any more" if has_ended(job) else "yet"
    nodes = ", ".join(job.nodes[:3]) or "the node"
    return f"{part.problem} {when}; a disk of {nodes} itself can't be read from here"
