"""How it is known that a worker belongs to a job, as text for the details. Pure."""

from typing import NamedTuple

from dasktop.collectors.model.snapshot import Evidence


class EvidenceWords(NamedTuple):
    """What a kind of evidence is called in the details of a job, and of a worker."""

    of_job: str
    of_worker: str


_MAP = "the cluster object's map of workers to jobs"
EVIDENCE_WORDS: dict[Evidence, EvidenceWords] = {
    "owner": EvidenceWords(_MAP, _MAP),
    "environment": EvidenceWords("the environment of the workers", "the environment of the worker"),
    "job_script": EvidenceWords("the job script names this scheduler", "the job script contains its name"),
    "action_log": EvidenceWords(
        "dasktop's log of actions: it was released from this cluster", "dasktop's log of actions"
    ),
    "name": EvidenceWords("inferred: a worker name contains the job id", "inferred: its name contains the job id"),
    "host": EvidenceWords("inferred: your only job on a worker's host", "inferred: your only job on its host"),
}
