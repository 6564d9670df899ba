"""Scenes: each view of the screen on the recorded run, with the keys that open it. They are deterministic.

Used by `tests.tui.test_looks` at four sizes, and by `tests.screenshots`, which draws some for the README.
"""

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace
from textual.pilot import Pilot
from textual.widgets import Input

from dasktop.collectors.model.feed import Candidate, Choice
from dasktop.collectors.model.logs import LogEvent, LogPart, LogRequest, Searched
from dasktop.collectors.model.queries import Answer, BatchScript, JobFiles, OutputFiles, Question
from dasktop.collectors.model.snapshot import Job, Snapshot, Worker
from dasktop.collectors.model.work import Work
from dasktop.collectors.recording.reader import Recording
from dasktop.collectors.recording.replay import ReplayFeed
from dasktop.collectors.sources.logs.follower import LogFollower
from dasktop.tui.app import DasktopApp
from dasktop.tui.config.view_settings import DEFAULT, ViewSettings
from dasktop.tui.replay.app import ReplayApp
from tests.support import waiting
from tests.support.fake_feed import FakeFeed
from tests.support.screen_text import lines_on
from tests.support.work import climate_work, failed_work

RECORDINGS = Path(__file__).parents[1] / "fixtures" / "recordings"
RUN = RECORDINGS / "run.ndjson.gz"
DOWNSCALING = RECORDINGS / "climate.ndjson.gz"
SCRIPT = RECORDINGS / "job_script.sh"
LOG = RECORDINGS / "dask-worker.err"
LOG_IN_SLURM = "/home/ada/climate/logs/dask-worker-{}.err"
"""The path of the log of a job, as SLURM reports it."""


class Scene(NamedTuple):
    """A view of the screen."""

    keys: tuple[str, ...]
    """The keys that open it."""
    shows: tuple[str, ...]
    """Texts that are then on the screen, at any size."""
    is_replay: bool = False
    work: Work | None = None
    """What dask computes; the recorded run is older than the reading of it."""
    graph_points: int | None = None
    """The number of points in the graphs of the header, if the scene must wait for them."""
    reads_log: bool = False
    """Whether details end with the log, where there is room: it is read when the next snapshot arrives."""
    run: Path = RUN
    """The recorded run that is shown."""


TO_BUSY_WORKER = ("3", "g", "down", "down")
TO_KILLED_JOB = ("n", "n")
TO_LONG_TASKS = ("down",) * 5
TO_PAUSED_WORKER = ("n",)
SCENES = {
    "overview": Scene(("1",), ("11 climate", "RUNNING"), run=DOWNSCALING),
    "tree": Scene(
        (*TO_BUSY_WORKER, "right"),
        ("3 dask-worker", "RUNNING", "Dask-0  regrid-", "2 idle threads"),
        work=climate_work(),
        reads_log=True,
    ),
    "flat": Scene(("w",), ("SLURMCluster-1-0", "paused")),
    "filter": Scene(("slash", *"state:pending"), ("filter", "state:pending", "PENDING")),
    "details": Scene((*TO_KILLED_JOB, "enter"), ("job 5", "ENDED", "OUT_OF_MEMORY", "lost-job"), reads_log=True),
    "beside": Scene(TO_PAUSED_WORKER, ("paused",), reads_log=True),
    "findings": Scene(("F",), ("findings", "job 5 is lost")),
    "work": Scene(("W", *TO_LONG_TASKS), ("TASK NAME", "quantile_map"), work=climate_work()),
    "work-details": Scene(("W", *TO_LONG_TASKS, "enter"), ("task name quantile_map", "done"), work=climate_work()),
    "failures": Scene(("E", "down"), ("TASK NAME", "quantile_map", "open_grib"), work=failed_work()),
    "failures-details": Scene(("E", "enter"), ("what helps", "ATTEMPTS"), work=failed_work()),
    "anatomy": Scene(("A",), ("anatomy of job 3", "cores=4", "--cpus-per-task=4", "4 CPUs")),
    "script": Scene(("J",), ("script of job 3", "#SBATCH --cpus-per-task=4")),
    "log": Scene((*TO_KILLED_JOB, "T"), ("job 5", "errors", "/dask-worker-5.err", "Exceeded job memory limit")),
    "scale": Scene(("s", *"2"), ("Scale to", "2 jobs: release 2 jobs", "now  after")),
    "adapt": Scene(("a",), ("minimum", "maximum")),
    "plan": Scene(("minus",), ("Apply this plan?", "remove 1 job", "now  after")),
    "columns": Scene(("c",), ("columns", "CPU")),
    "save": Scene(("S",), ("Save to a new file", "p screenshot", "s snapshot", "q cancel")),
    "picker": Scene(("C",), ("2 schedulers found", "tcp://10.1.2.4:8786", "current")),
    "palette": Scene(("ctrl+p",), ("add a job (no confirmation)",)),
    "help": Scene(("question_mark",), ("first row, last row",)),
    "replay": Scene(
        ("colon", *"100%", "enter", "left_parenthesis"),
        ("replay of 2026-11-26 04:09:08", "paused"),
        is_replay=True,
        graph_points=23,
    ),
}


@cache
def recorded(run: Path = RUN) -> tuple[Snapshot, ...]:
    """Return all snapshots of a recorded run."""
    recording = Recording(str(run))
    for _ in recording.scan():
        pass
    try:
        return tuple(map(_with_running_tasks, recording.snapshots()) if run == RUN else recording.snapshots())
    finally:
        recording.close()


def _with_running_tasks(snapshot: Snapshot) -> Snapshot:
    """Return a snapshot with the names of running tasks; the recorded run is older than the reading of them."""

    def completed(worker: Worker) -> Worker:
        if not worker.executing:
            return worker
        number = sum(worker.name.encode())
        return replace(
            worker,
            longest_task_name=("load_forcing", "regrid", "quantile_map")[number % 3],
            longest_task_seconds=float(number % 40),
        )

    def in_job(job: Job) -> Job:
        return replace(
            job, tasks=tuple(replace(task, workers=tuple(map(completed, task.workers))) for task in job.tasks)
        )

    return replace(
        snapshot,
        jobs=tuple(map(in_job, snapshot.jobs)),
        unplaced_workers=tuple(map(completed, snapshot.unplaced_workers)),
    )


class SceneFeed(FakeFeed):
    """Answers the questions of the screen from the files of the recorded run."""

    def __init__(self) -> None:
        super().__init__()
        self._logs = LogFollower(lambda event: self._emit_log(event))
        self._shown_log = ""

    def stop(self) -> None:
        super().stop()
        self._logs.request(None)

    def look_for_schedulers(self) -> None:
        super().look_for_schedulers()
        self.emit(found())

    def ask(self, question: Question) -> None:
        super().ask(question)
        match question:
            case BatchScript():
                answer = Answer(question=question, lines=tuple(SCRIPT.read_text().splitlines()))
            case JobFiles(job_id=job_id):
                path = LOG_IN_SLURM.format(job_id)
                answer = Answer(
                    question=question,
                    files=OutputFiles(stdout=path.replace(".err", ".out"), stderr=path, work_dir="/home/ada/climate"),
                )
            case _:
                answer = Answer(question=question, error="not kept")
        self.emit(answer)

    def request_log(self, request: LogRequest | None) -> None:
        super().request_log(request)
        if request is not None:
            self._shown_log = request.path
            request = replace(request, path=str(LOG))
        self._logs.request(request)

    def _emit_log(self, event: LogEvent) -> None:
        match event:
            case LogPart():
                event = replace(event, path=self._shown_log)
            case Searched():
                event = replace(event, search=replace(event.search, path=self._shown_log))
        if self.deliver is not None:
            self.deliver(event)


def found() -> Choice:
    """Return a choice of the scheduler of the run and another one."""
    shown = recorded()[-1]
    here = Candidate(
        address=shown.cluster.scheduler_address or "",
        origin=f"script of job {shown.jobs[0].job_id}",
        scheduler_id=shown.cluster.scheduler_id or "",
        workers=shown.totals.workers,
        jobs=shown.totals.jobs_running,
        about="train.py in ~/runs",
    )
    other = Candidate(
        address="tcp://10.1.2.4:8786",
        origin="process 812",
        scheduler_id="other",
        workers=2,
        about="notebook in ~/analysis",
    )
    return Choice(candidates=(here, other), watched=here.scheduler_id)


def app_for(scene: Scene, *, unicode: bool = True, looks: ViewSettings = DEFAULT) -> DasktopApp:
    """Return the app for a scene."""
    if scene.is_replay:
        return ReplayApp(ReplayFeed(Recording(str(scene.run))), unicode=unicode, looks=looks)
    return DasktopApp(SceneFeed(), unicode=unicode, looks=looks)


async def play(pilot: Pilot[None], scene: Scene, snapshots: tuple[Snapshot, ...]) -> None:
    """Emit the snapshots, press the keys, and wait until the texts of the scene are shown."""
    app = pilot.app
    assert isinstance(app, DasktopApp)
    if isinstance(app._feed, SceneFeed):
        if scene.work is not None:
            snapshots = tuple(replace(snapshot, work=scene.work) for snapshot in snapshots)
        app._feed.emit(*snapshots)  # all go into the history; the last is shown
        await pilot.pause()
    else:
        await until(pilot, ("playing",))  # before, the end of the recording is not known
    await pilot.press(*scene.keys)
    await until(pilot, scene.shows)
    if scene.reads_log and isinstance(app._feed, SceneFeed):
        shown, tail = snapshots[-1], app._logs.tail
        app._feed.emit(replace(shown, taken_at=shown.taken_at + timedelta(seconds=1)))
        await waiting.until(lambda: tail._job is None or bool(tail._lines), pause=pilot.pause)
    if scene.graph_points is not None:
        await waiting.until(lambda: known_points(app) == scene.graph_points, pause=pilot.pause)
    for field in app.screen.query(Input):
        field.cursor_blink = False
    await app.workers.wait_for_complete()  # the palette searches its commands in batches
    await pilot.pause()


def known_points(app: DasktopApp) -> int:
    """Return the number of values in the CPU graph of the header."""
    return sum(point is not None for point in app._header._pasts.cpu_percent)


async def until(pilot: Pilot[None], shows: tuple[str, ...]) -> None:
    """Wait until all these texts are on the screen."""

    def screen() -> str:
        return "\n".join(lines_on(pilot.app))

    def is_shown() -> bool:
        shown = screen()
        return all(words in shown for words in shows)

    await waiting.until(is_shown, lambda: f"{shows}\n{screen()}", pause=pilot.pause)
