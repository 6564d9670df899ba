"""Tasks that failed on a real SLURM, each for another reason: dasktop names the true cause, the worker and the job.

One run, seen by a sampler from its start, by a ``dasktop failures`` that is started after all has happened, and by the
recording of the sampler, replayed and redacted. Its jobs have one worker each, named after what happens to it.
"""

import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from distributed import Client

from tests.slurm.commands import SlurmCommands
from tests.support.dasktop_program import dasktop
from tests.support.findings_scenario import Scenario, run_scenario
from tests.support.waiting import wait_until

ONE_ATTEMPT = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
WITHOUT_SHELL = f"exec {sys.executable}"
"""Without ``exec``, SLURM regards a job as over when the shell has ended, which may be before the worker has."""
WAIT = '[__import__("time").sleep(0.1) for _ in iter(lambda: __import__("os").path.exists({!r}), True)]'
USE_MEMORY = f'({WAIT}, bytearray(900_000_000), __import__("time").sleep(600))'
HOLD_GIL = '(open({!r}, "w").close(), __import__("ctypes").PyDLL(None).sleep(600))'
"""At a SIGTERM, a worker hands its tasks back. This one cannot: SLURM kills it some seconds later."""

BY_NANNY = r"killed by its nanny because of its memory use: [\d,]+ MiB of 286 MiB"
BY_SIGNAL = r"killed by signal 9 \(SIGKILL\)"
CAUSES = {
    "on-nanny": BY_NANNY,
    # The latter with cgroups, where the kernel kills before SLURM measures.
    "on-memory": r"job {job}_3 ended: killed: ran out of memory"
    r"(?:: one SLURM task used [\d,]+ MiB of 500 MiB|; SLURM's samples missed the peak .+)",
    "on-limit": r"job {job} ended: killed: reached its time limit of 1 min",
    "on-cancelled": r"job {job} ended: cancelled by user \S+",
    "on-signal": BY_SIGNAL,
}
EXCEPTIONS = {"load": "ValueError", "regrid": "KeyError", "average": "ZeroDivisionError"}


class Finished(NamedTuple):
    scenario: Scenario
    printed: dict[str, list[dict[str, Any]]]
    """What ``dasktop failures --json`` printed of the scheduler, the recording and its redacted copy."""
    text: str
    """What ``dasktop failures`` printed of the scheduler."""
    remembered: frozenset[str]
    """The workers whose jobs SLURM still knew after both: it forgets them a minute after their end (MinJobAge)."""


@pytest.fixture(scope="module")
def finished(real_slurm: SlurmCommands, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("deaths")
    recorded, redacted = str(folder / "recorded.ndjson.gz"), str(folder / "redacted.ndjson.gz")
    with run_scenario(real_slurm, Path(recorded), scheduler_environment=ONE_ATTEMPT) as scenario:
        address = scenario.scheduler.address
        with Client(address) as client:
            futures = provoke(scenario, client, folder)
            late = dasktop("failures", address, "--json", **real_slurm.environment)
            text = dasktop("failures", address, **real_slurm.environment).stdout
            remembered = frozenset(
                name
                for name, job_id in scenario.job_ids.items()
                if real_slurm.attempt("scontrol", "show", "job", job_id).returncode == 0
            )
            del futures
    copied = dasktop("replay", recorded, "--record", redacted, "--redact")
    assert copied.returncode == 0, copied.stderr
    results = {"late": late} | {
        name: dasktop("failures", file, "--json") for name, file in (("recorded", recorded), ("redacted", redacted))
    }
    printed = {name: json.loads(found.stdout)["failures"] for name, found in results.items()}
    return Finished(scenario, printed, text, remembered)


def provoke(scenario: Scenario, client: Client, folder: Path) -> list[object]:
    """Let all tasks fail, wait until everything is known, and return their futures."""
    slurm, begin = scenario.slurm, folder / "go on"
    # Of many jobs that ended recently, as after other tests, those named after dask and the latest are read.
    named = "--job-name=dask-worker"
    scenario.submit("on-limit", named, "--time=1", python=WITHOUT_SHELL)
    scenario.submit("on-nanny", named, "--mem=2G", worker="--nthreads 1 --memory-limit 300MB")
    scenario.submit("on-signal", named, "--mem=2G", worker="--nthreads 1 --memory-limit 1GB")
    scenario.submit("on-memory", named, "--array=3", python=WITHOUT_SHELL)  # a name in its script identifies no job
    for name in ("on-plain", "on-cancelled"):
        scenario.submit(name, named, python=WITHOUT_SHELL)
    scenario.wait_for(lambda: scenario.job_ids.keys() <= scenario.workers().keys())

    def submit(name: str, code: str, worker: str) -> object:
        return client.submit(eval, code, key=(f"{name}-1f3e", worker), workers=[worker], allow_other_workers=False)

    wait, use_memory = WAIT.format(str(begin)), USE_MEMORY.format(str(begin))
    holding = {name: folder / name for name in ("on-limit", "on-cancelled")}
    futures = [
        submit("load", "int('x')", "on-plain"),
        submit("regrid", "{}['latitude']", "on-plain"),
        submit("average", "1 / 0", "on-plain"),
        submit("cube", use_memory, "on-nanny"),
        submit("cube", use_memory, "on-memory"),
        submit("wait", wait, "on-signal"),
        *(submit("solve", HOLD_GIL.format(str(file)), name) for name, file in holding.items()),
    ]
    scenario.wait_for(lambda: all(map(scenario.is_executing, ("on-memory", "on-nanny", "on-signal"))))
    wait_until(lambda: all(file.exists() for file in holding.values()))
    # First what takes longest, so that SLURM still knows all jobs at the end.
    scenario.wait_for(lambda: any(one["worker"] == "on-limit" for one in failures(scenario)))
    pid = scenario.pid("on-signal")
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    begin.touch()
    slurm.run("scancel", scenario.job_ids["on-cancelled"])
    scenario.wait_for(lambda: len(failures(scenario)) == len(futures) and is_explained(scenario))
    scenario.wait_for(lambda: all(map(scenario.has_ended, ("on-limit", "on-memory", "on-cancelled"))))
    return futures


def failures(scenario: Scenario) -> list[dict[str, Any]]:
    """Return the failures of the last snapshot as JSON has them."""
    work = scenario.latest.work if scenario.latest is not None else None
    return [] if work is None else list(json.loads(msgspec.json.encode(work.failures or ())))


def is_explained(scenario: Scenario) -> bool:
    """Return whether each failed task has an exception or the cause of its last attempt."""
    return all(
        failure["exception"] or (failure["attempts"] and failure["attempts"][-1]["cause"])
        for failure in failures(scenario)
    )


def is_cause(text: str | None, of: str, job_id: str) -> bool:
    return text is not None and re.fullmatch(CAUSES[of].replace("{job}", job_id), text) is not None


@pytest.fixture(params=["live", "late", "recorded"])
def shown(finished: Finished, request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    """The failed tasks by the worker that ran them, or for exceptions by their name.

    Without those that nothing can explain any more because SLURM has forgotten the job of their worker.
    """
    found = failures(finished.scenario) if request.param == "live" else finished.printed[request.param]
    by_name = {one["task_name"] if one["exception"] else one["worker"]: one for one in found}
    assert by_name.keys() == EXCEPTIONS.keys() | CAUSES.keys()
    forgotten = CAUSES.keys() - finished.remembered if request.param == "late" else set()
    return {name: one for name, one in by_name.items() if name not in forgotten or one["job_id"] is not None}


def test_each_failure_has_its_true_cause_worker_and_job(finished, shown):
    jobs = finished.scenario.job_ids
    for name, exception in EXCEPTIONS.items():
        failure = shown[name]
        assert (failure["kind"], failure["exception"].partition("(")[0]) == ("exception", exception)
        assert (failure["worker"], failure["job_id"]) == ("on-plain", jobs["on-plain"])
        assert failure["traceback"]
    for worker in CAUSES.keys() & shown.keys():
        failure = shown[worker]
        assert (failure["kind"], failure["job_id"]) == ("worker killed", jobs[worker])
        [attempt] = failure["attempts"]
        assert (attempt["worker"], attempt["job_id"]) == (worker, jobs[worker])
        assert is_cause(attempt["cause"], worker, jobs[worker]), attempt


def test_redacted_recording_has_the_causes_and_no_names(finished):
    jobs, redacted = finished.scenario.job_ids, finished.printed["redacted"]
    assert len(redacted) == len(EXCEPTIONS) + len(CAUSES)
    of_jobs = {one["job_id"]: one for one in redacted if one["kind"] == "worker killed"}
    for worker in CAUSES:
        [attempt] = of_jobs[jobs[worker]]["attempts"]
        assert is_cause(attempt["cause"], worker, jobs[worker]), attempt
        assert attempt["worker"] not in (None, worker)
    text = json.dumps(redacted)
    assert not [name for name in ("solve", "cube", "regrid", "latitude", "on-") if name in text]


def test_removed_workers_have_their_causes(finished):
    latest, jobs = finished.scenario.latest, finished.scenario.job_ids
    removed = {event.worker: event for event in latest.worker_events if event.kind == "removed"}
    for worker in CAUSES:
        assert is_cause(removed[worker].reason, worker, jobs[worker]), removed[worker]
        assert removed[worker].job_id == jobs[worker]
    [kill] = [event for event in latest.worker_events if event.kind == "killed for memory"]
    assert (kill.worker, kill.limit_bytes, kill.job_id) == ("on-nanny", 300_000_000, jobs["on-nanny"])


def test_text_names_every_cause(finished):
    for worker in CAUSES.keys() & finished.remembered:
        pattern = CAUSES[worker]
        cause = re.sub(r"^job \S+ ended", "its job ended", pattern)
        assert re.search(
            rf"attempt 1: \S+ worker {worker} in job \d+ on node \S+: {cause}$", finished.text, re.MULTILINE
        )
        assert re.search(
            rf"^  \S+ worker {worker} in job \d+ on node \S+: {cause}; 1 task assigned to it(, which failed)?$",
            finished.text,
            re.MULTILINE,
        )


def test_each_end_is_one_finding(finished):
    latest, jobs = finished.scenario.latest, finished.scenario.job_ids
    found = {(one.code, one.job_id): one for one in latest.findings}
    killed, died, failed = (found[code, None] for code in ("worker-killed-for-memory", "worker-died", "tasks-failed"))
    assert (killed.severity, killed.workers, killed.job_ids) == ("error", ("on-nanny",), (jobs["on-nanny"],))
    assert killed.message.endswith("; 1 task failed because of that: cube")
    assert (died.workers, died.job_ids) == (("on-signal",), (jobs["on-signal"],))
    assert re.fullmatch(f"worker on-signal died: {BY_SIGNAL}; 1 task was assigned to it", died.message)
    assert failed.message.startswith(f"{len(EXCEPTIONS) + len(CAUSES)} tasks failed within ")
    assert "on-nanny" not in failed.workers
    assert {("job-failed", jobs["on-memory"]), ("job-failed", jobs["on-limit"])} <= found.keys()
