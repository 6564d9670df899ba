"""The JSON of a recorded run is that of version 0.1, byte for byte, except for the fields that were added since."""

import hashlib
import json
from pathlib import Path
from typing import Any

from dasktop.collectors.model.snapshot import to_json
from dasktop.collectors.recording.reader import Recording

RUN = Path(__file__).parents[2] / "fixtures" / "recordings" / "run.ndjson.gz"
VERSION_0_1 = "e0a0f6ee04e0ee9c5912fa3be72e94e6ac2de5d56202da2d95657bc1ec4258ac"
"""SHA-256 of the run's snapshots as version 0.1 (commit d5319c2) prints them, one per line."""
ADDED = {
    ".cluster.owner": {"not_submitted", "submit_error", "wanted"},
    ".jobs": {
        "required_features",
        "required_nodes",
        "scheduler_unknown",
        "excluded_nodes",
        "licenses",
        "gres",
        "dependency",
        "reservation",
        "is_exclusive",
        "node_count",
        "cpus_per_node",
        "priority",
        "planned_nodes",
    },
    ".jobs.fate": {"released_by"},
    ".jobs.used": {"cpu_source", "memory_source", "slurm_cpu_percent", "slurm_memory_bytes", "slurm_read_at"},
    ".jobs.tasks.workers": {
        "children",
        "has_more_children",
        "inherited_job_id",
        "longest_task_name",
        "longest_task_seconds",
        "waiting_seconds",
        "last_seen_at",
        "place_note",
        "local_directory",
        "file_system",
    },
    ".jobs.tasks.workers.threads": {"task_name", "task_seconds", "typical_seconds"},
    ".findings": {"task_names"},
    "": {"work", "worker_events"},
}


def without_added(value: Any, path: str = "") -> Any:
    if isinstance(value, list):
        return [without_added(one, path) for one in value]
    if isinstance(value, dict):
        left_out = ADDED.get(path, set())
        return {name: without_added(one, f"{path}.{name}") for name, one in value.items() if name not in left_out}
    return value


def test_json_of_a_recorded_run_is_unchanged() -> None:
    recording = Recording(str(RUN))
    for _ in recording.scan():
        pass
    digest = hashlib.sha256()
    for snapshot in recording.snapshots():
        shown = without_added(json.loads(to_json(snapshot)))
        digest.update(json.dumps(shown, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")
    assert digest.hexdigest() == VERSION_0_1
