"""Usage reports of generated clusters."""

from msgspec.structs import replace

from dasktop.collectors.analysis.usage import Report, UsageAccumulator
from tests.support.snapshots import GIB
from tests.support.usage_timeline import FakeJob, snapshot_at, snapshots_of

HOUR = 3600.0
_ONCE: list[Report] = []


def report_of(*jobs: FakeJob, until: float = HOUR, every: float = 10.0, begin: float = 0.0) -> Report:
    taken = UsageAccumulator(every)
    for shown in snapshots_of(jobs, until, every, begin):
        taken.add(shown)
    return taken.report()


def busy_day() -> Report:
    return report_of(
        FakeJob("4709", submitted=-1200, started=0, first_worker=360, busy=lambda seconds: float(seconds < 1800)),
        FakeJob("4710", started=600, ended=1800, state="OUT_OF_MEMORY", max_rss_bytes=17 * GIB),
        FakeJob("4711", started=None),
        begin=300,
    )


def many() -> Report:
    small = [FakeJob(str(5000 + number), ended=3000.0, first_worker=60.0 * number) for number in range(30)]
    large = [FakeJob(str(6000 + number), cpus=24, busy=lambda seconds: 0.1) for number in range(3)]
    return report_of(*small, *large, every=60.0)


def single_snapshot_report() -> Report:
    shown = snapshot_at([FakeJob(), FakeJob("2", started=None)], HOUR)
    first, second = shown.jobs
    sampled = replace(first.tasks[0], cpu_seconds=21_600, max_rss_bytes=3 * GIB)
    taken = UsageAccumulator()
    taken.add(replace(shown, jobs=(replace(first, tasks=(sampled,)), second)))
    return taken.report()


def busy_day_once() -> Report:
    if not _ONCE:
        _ONCE.append(busy_day())
    return _ONCE[0]
