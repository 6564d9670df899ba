"""Events of workers in the scheduler: each is read once, their number is limited, and names are kept."""

import asyncio
import logging
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from distributed import Client  # it is imported so that its version can be read, as in a scheduler

from dasktop.collectors.model.jobs import LEFT_HOURS
from dasktop.collectors.model.options import Options
from dasktop.collectors.model.readings import WorkerReading
from dasktop.collectors.runtime.poller import Poller
from dasktop.collectors.sources.dask import shipped_scheduler
from dasktop.collectors.sources.dask.scheduler_reading import MOST_ADDRESSES, MOST_DEPARTED, WorkerEvents, decode
from dasktop.collectors.sources.dask.shipped_scheduler import (
    EVENTS_SECONDS,
    MOST_EVENTS,
    departed_workers,
    read_events,
)
from dasktop.collectors.sources.dask.worker_table import WorkerTable
from tests.support.dask_processes import PATIENCE_SECONDS, Scheduler, Workers
from tests.support.snapshots import worker as make_worker
from tests.support.worker_answers import answer_with_news, whole_answer

HOLD_MUCH = "[bytearray(b'x') * 400_000_000, __import__('time').sleep(600)]"
NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def scheduler(**topics):
    """Return a scheduler with these events, each ``(seconds ago, event)``, the oldest first."""
    now = time.time()
    kept = {
        topic.replace("_", "-"): SimpleNamespace(events=deque((now - ago, event) for ago, event in events))
        for topic, events in topics.items()
    }
    return SimpleNamespace(_broker=SimpleNamespace(_topics=kept))


def kill(worker="tcp://a", pid=7, rss=990):
    return {"worker": worker, "pid": pid, "rss": rss}


class TestReading:
    def test_kills_ends_and_restarts(self):
        removed = {
            "action": "remove-worker",
            "worker": "tcp://a",
            "processing-tasks": {"x": 1, "y": 1},
            "lost-computed-tasks": ("z",),
            "expected": False,
        }
        restarted = {"action": "restart-workers", "workers": ["tcp://a", "tcp://b"], "client": "Client-1"}
        own = {"action": "restart-workers", "workers": ["tcp://c", "tcp://d"], "client": None}
        events = read_events(
            scheduler(
                worker_restart_memory=[(30, kill())],
                worker_fail_hard=[(25, {"exception_text": "OSError()"})],
                scheduler=[(40, {"action": "worker-ttl-timed-out", "workers": {"tcp://c": 300.0}, "ttl": 300})],
                all=[(20, removed), (15, restarted), (10, own), (5, {"action": "gather", "count": 3})],
            ),
            None,
        )
        assert [row[1:] for row in events] == [
            ["killed for memory", "tcp://a", 7, 990, None, None, None],
            ["died", None, None, None, "OSError()", None, None],
            ["removed", "tcp://a", None, None, "unexpected", 2, 1],
            ["restarted", "tcp://a", None, None, "client", None, None],
            ["restarted", "tcp://b", None, None, "client", None, None],
            ["restarted", "tcp://c", None, None, "silent", None, None],
            ["restarted", "tcp://d", None, None, "client", None, None],
        ]

    def test_only_new_events_and_limited(self):
        one = scheduler(worker_restart_memory=[(EVENTS_SECONDS + 60, kill()), (7000, kill(pid=1)), (20, kill(pid=2))])
        first = read_events(one, None)
        assert [row[3] for row in first] == [1, 2], "no event older than that"
        assert read_events(one, first[-1][0]) == []
        many = scheduler(worker_restart_memory=[(1000 - number / 10, kill()) for number in range(3000)])
        assert len(read_events(many, None)) == MOST_EVENTS

    @pytest.mark.parametrize("version", ["2024.3.1", "2022.6.0", "nonsense"])
    def test_older_dask_reports_no_events(self, version, monkeypatch):
        monkeypatch.setitem(shipped_scheduler.sys.modules, "distributed", SimpleNamespace(__version__=version))
        assert read_events(scheduler(worker_restart_memory=[(1, kill())]), None) is None

    def test_scheduler_without_topics_reports_no_events(self):
        assert read_events(SimpleNamespace(), None) is None

    def test_events_in_other_formats_are_skipped(self):
        assert read_events(scheduler(all=[(1, "text"), (1, {"action": "restart-workers", "client": "c"})]), None) == []


def log(*records):
    """Return what a scheduler has of its log: records made as those of distributed."""
    made = [logging.LogRecord("distributed.scheduler", logging.INFO, "", 0, *record, None) for record in records]
    return SimpleNamespace(deque=deque(made))


REGISTERED = "Register worker addr: %s name: %s"


class TestDeparted:
    def departed(self, *records, events=(), work=None, workers=()):
        one = SimpleNamespace(_deque_handler=log(*records), workers=dict.fromkeys(workers))
        return [row[:2] for row in departed_workers(one, list(events), work)]

    def test_the_last_worker_at_an_address(self):
        records = [
            (REGISTERED, ("tcp://a", "old")),
            (REGISTERED, ("tcp://a", "SLURMCluster-0")),
            (REGISTERED, ("tcp://b", 1)),
            ("Register worker %s", (SimpleNamespace(address="tcp://c", name="of-2023"),)),
            ("Receive client connection: %s", ("tcp://a",)),
        ]
        events = [row(1.0), row(1.0, "tcp://b"), row(1.0, "tcp://c"), row(1.0, "tcp://d"), row(1.0, None)]
        found = self.departed(*records, events=events)
        assert sorted(found) == [["tcp://a", "SLURMCluster-0"], ["tcp://b", "1"], ["tcp://c", "of-2023"]]

    def test_workers_of_failed_tasks(self):
        attempts = [[1.0, "tcp://b", False]]
        work = {"failures": [["key", "name", 1.0, ["tcp://a"], None, None, attempts, 0]]}
        records = [(REGISTERED, ("tcp://a", "a")), (REGISTERED, ("tcp://b", "b"))]
        assert sorted(self.departed(*records, work=work)) == [["tcp://a", "a"], ["tcp://b", "b"]]

    def test_present_workers_are_known_anyway(self):
        assert self.departed((REGISTERED, ("tcp://a", "a")), events=[row(1.0)], workers=["tcp://a"]) == []

    @pytest.mark.parametrize("message", [object(), REGISTERED], ids=["no text", "no arguments"])
    def test_other_records_are_skipped(self, message):
        assert self.departed((message, ()), events=[row(1.0)]) == []

    def test_scheduler_without_a_log(self):
        assert departed_workers(SimpleNamespace(workers={}), [row(1.0)], None) == []


def reading(*events, scheduler_id="s", now=1000.0, departed=()):
    workers = whole_answer({"address": "tcp://a", "name": "jo", "memory_limit": 500, "pid": 4})
    answer = {"workers": workers, "now": now, "events": [*events], "departed": [*departed]}
    return decode({"id": scheduler_id} | answer)


def row(at, address="tcp://a"):
    return [at, "killed for memory", address, 7, 990, None, None, None]


class TestKeeping:
    def test_names_and_limits_are_kept(self):
        kept = WorkerEvents()
        kept.after(reading(), NOW)
        (event,) = kept.after(reading(row(990.0)), NOW)
        assert (event.worker, event.memory_bytes, event.limit_bytes) == ("jo", 990, 500)
        assert event.at == NOW - timedelta(seconds=10), "from the age of the event, since clocks may differ"
        (_, unknown) = kept.after(reading(row(995.0, "tcp://b")), NOW)
        assert (unknown.worker, unknown.address, unknown.limit_bytes) == (None, "tcp://b", None)

    def test_workers_that_left_before_have_their_names(self):
        """A nanny's next worker has the same name, and so the same limit; the scheduler's clock is 10 s behind."""
        kept = WorkerEvents()
        rows = [["tcp://b", "jo", NOW.timestamp() - 30], ["tcp://c", "al", NOW.timestamp()], ["tcp://d", None, 1.0], []]
        now = NOW.timestamp() - 10
        (nannied, other) = kept.after(reading(row(now, "tcp://b"), row(now, "tcp://c"), now=now, departed=rows), NOW)
        assert (nannied.worker, nannied.limit_bytes) == ("jo", 500)
        assert (other.worker, other.limit_bytes) == ("al", None)
        assert [worker.address for worker in kept.departed] == ["tcp://b", "tcp://c"]
        assert kept.departed[0].registered_at == NOW - timedelta(seconds=20)
        kept.after(reading(scheduler_id="other"), NOW)
        assert kept.departed == ()

    def test_their_number_is_limited(self):
        kept, table = WorkerEvents(), WorkerTable()
        for number in range(0, 3 * MOST_ADDRESSES, 5000):
            rows = [[f"tcp://x:{number + each}", "x", 1.0] for each in range(5000)]
            news = answer_with_news([], {"address": "tcp://a"}) if number else whole_answer({"address": "tcp://a"})
            kept.after(decode({"id": "s", "workers": news, "departed": rows, "now": 1000.0}, table), NOW)
        assert len(kept._workers) <= MOST_ADDRESSES + MOST_DEPARTED
        assert kept.name_of("tcp://a") == "tcp://a", "one that is here stays known"

    @pytest.mark.parametrize("now", [0.0, 1e11, 1e300])
    def test_clock_of_the_scheduler_may_be_any(self, now):
        kept = WorkerEvents()
        kept.after(reading(now=now, departed=[["tcp://b", "jo", 1.0], ["tcp://c", "jo", 9e10]]), NOW)

    def test_removal_has_the_pid_of_the_worker(self):
        kept = WorkerEvents()
        kept.after(reading(), NOW)
        (removal,) = kept.after(reading([990.0, "removed", "tcp://a", None, None, "unexpected", 1, 0]), NOW)
        assert removal.pid == 4

    def test_start_is_when_the_process_started_or_registered(self):
        kept = WorkerEvents()
        kept.after(reading(), NOW)
        started_at = NOW - timedelta(minutes=9)
        kept.note_starts([WorkerReading(worker=make_worker("jo", address="tcp://a"), started_at=started_at)])
        rows = [["tcp://b", "al", 400.0]]
        (own, departed) = kept.after(reading(row(990.0), row(991.0, "tcp://b"), departed=rows), NOW)
        assert own.started_at == started_at
        assert departed.started_at == NOW - timedelta(seconds=600)

    def test_start_after_the_end_is_unknown(self):
        """The clocks of hosts may differ by more than the worker ran."""
        kept = WorkerEvents()
        kept.after(reading(), NOW)
        kept.note_starts([WorkerReading(worker=make_worker("jo", address="tcp://a"), started_at=NOW)])
        assert kept.after(reading(row(990.0)), NOW)[0].started_at is None

    def test_events_are_kept_once_for_hours(self):
        kept = WorkerEvents()
        assert kept.since is None
        kept.after(reading(row(990.0)), NOW)
        assert kept.since == 990.0
        assert len(kept.after(reading(row(990.0), now=1002.0), NOW)) == 1
        two = [row(1001.0), row(1001.0, "tcp://b")]
        assert len(kept.after(reading(*two, now=1002.0), NOW)) == 3, "one event about two workers"
        assert len(kept.after(reading(now=1000.0 + 3600 * LEFT_HOURS), NOW)) == 2
        assert kept.after(reading(now=1002.0 + 3600 * LEFT_HOURS), NOW) == ()
        assert EVENTS_SECONDS == 3600 * LEFT_HOURS

    def test_events_of_another_scheduler_are_separate(self):
        kept = WorkerEvents()
        kept.after(reading(row(990.0)), NOW)
        assert kept.after(reading(scheduler_id="other"), NOW) == ()

    def test_unknown_events_differ_from_none(self):
        assert WorkerEvents().after(decode({"id": "s", "workers": whole_answer(), "now": 1.0}), NOW) is None


RESTARTS = ("worker-killed-for-memory", "worker-restarting")


async def test_memory_kills_are_findings_client_restarts_not():
    """What every worker has in common may be a loop of memory kills: 0.1 took it for Client.restart."""
    with (
        Scheduler() as scheduler,
        Workers(scheduler.address, "--nthreads", "1", "--memory-limit", "300MB", "--name", "w", count=2),
    ):
        poller = Poller(Options(address=scheduler.address, slurm=False))
        poller.attach_to(scheduler.address)

        async def poll_until(kind, number):
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    await poller.poll_dask()
                    snapshot = poller.snapshot()
                    events = [event for event in snapshot.worker_events if event.kind == kind]
                    if len(events) >= number:
                        return events, [one for one in snapshot.findings if one.code in RESTARTS]
                    await asyncio.sleep(0.1)

        try:
            async with Client(scheduler.address, asynchronous=True) as client:
                await poll_until("restarted", 0)
                await client.restart()
                restarted, findings = await poll_until("restarted", 2)
                assert {event.reason for event in restarted} == {"client"}
                assert findings == []
                hogs = client.map(
                    eval, ["[bytearray(b'x') * 400_000_000, __import__('time').sleep(600)]"] * 2, pure=False
                )
                killed, (finding,) = await poll_until("killed for memory", 2)
                assert all(event.memory_bytes > 250_000_000 for event in killed)
                assert finding.code == "worker-killed-for-memory"
                assert finding.message.startswith("nannies killed workers")
                await client.cancel(hogs)
        finally:
            await poller.close()
