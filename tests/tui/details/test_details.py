"""The details of each kind of row: their order, unknown values, and hostile texts."""

import time
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from msgspec.structs import replace

from dasktop.collectors.model.queries import Answer, FreeNode, FreeNodes, QueuePlace, QueuePosition
from dasktop.collectors.model.snapshot import (
    Allocated,
    ChildProcess,
    Fate,
    Finding,
    Job,
    Transfers,
    Used,
)
from dasktop.tui.details.of_pending_job import questions_about
from dasktop.tui.details.of_worker import Stack
from dasktop.tui.details.sections import sections, subject, title
from dasktop.tui.draw.glyphs import ASCII, UNICODE, Glyphs
from dasktop.tui.draw.prose import Fact, Section, Split, Trend, Words, lay_out, with_high_graphs
from dasktop.tui.draw.text_width import width
from dasktop.tui.view.history import History
from dasktop.tui.view.rows import WorkerRow
from dasktop.tui.view.visible_rows import visible_rows
from tests.support.details_text import details_lines, row_of
from tests.support.screen import HOSTILE
from tests.support.snapshots import GIB, TAKEN_AT, ended, everyday, job, pending, snapshot, task, thread, worker

WIDTHS = (20, 58, 84, 118, 198, 298)


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def fact(lines: Sequence[str], label: str) -> str:
    """Return the text after a label."""
    (line,) = [line for line in lines if line.startswith(f"{label:<12}"[: max(12, len(label))])]
    return line[12:].strip()


class TestJob:
    def test_running_job_shows_usage_and_times(self) -> None:
        workers = [worker("a"), worker("b", executing=1, cpu_percent=24.0)]
        lines = details_lines(snapshot([job("4709", [task(workers)])]))
        assert lines[0] == "USAGE"
        assert fact(lines, "CPU") == "25% of 12 CPUs"
        assert lines[2].split() == ["memory", "14%", "of", "16G"]
        assert fact(lines, "workers") == "2 of 4 expected"
        assert fact(lines, "threads") == "4 busy of 6"
        assert fact(lines, "processing") == "12: 4 running, 8 next in turn"
        assert fact(lines, "submitted") == "11:00 today"
        assert fact(lines, "started") == "11:10 today, after waiting 10 min"
        assert fact(lines, "ends") == "12:41 today at the latest"
        assert fact(lines, "left") == "41m"
        assert fact(lines, "limit") == "1:31:00"
        assert "TIMES (UTC)" in lines
        assert fact(lines, "nodes") == "n012"
        assert fact(lines, "known as") == "SLURMCluster-0"
        assert "the cluster object's map of workers to jobs; the environment of the workers" in "\n".join(lines)

    def test_before_dask_has_answered_its_workers_are_unknown(self) -> None:
        unknown = Used(cpu_percent=None, memory_bytes=None, threads_busy=None)
        lines = details_lines(snapshot([replace(job("4709", used=unknown), workers_expected=4)]))
        assert fact(lines, "workers") == "– of 4 expected"
        assert fact(lines, "threads") == "– busy of –"

    def test_pending_job_explains_its_reason(self) -> None:
        waiting = pending("4715", "PartitionTimeLimit")
        lines = details_lines(snapshot([waiting]))
        assert lines[0] == "PENDING"
        assert fact(lines, "reason") == "it requests more time than its partition allows (PartitionTimeLimit)"
        assert lines[2].strip() == "Waiting does not resolve this."
        assert "scontrol update JobId=4715 TimeLimit=" in fact(lines, "advice")
        assert "no estimate" in fact(lines, "starts")
        assert "USAGE" not in lines
        assert "REQUESTED" in lines
        assert fact(lines, "waits for") == "1 h"

    def test_requirements_and_free_nodes_are_shown(self) -> None:
        waiting = pending("4715", "Resources", required_nodes=("n1",), node_count=1, cpus_per_node=12)
        _, question = questions_about(waiting)
        assert question == FreeNodes(partition="cpu")
        node = FreeNode(name="n1", cpus=2, memory_bytes=GIB)
        others = [replace(node, name=name, cpus=16, memory_bytes=64 * GIB) for name in ("n2", "n3")]
        more = replace(node, name="n4", cpus=4, memory_bytes=None)
        answer = Answer(question=question, nodes=(node, *others, more))
        lines = details_lines(snapshot([waiting]), answers=[answer])
        assert fact(lines, "requires") == "node n1 (--nodelist)"
        at = next(number for number, line in enumerate(lines) if line.startswith("free nodes"))
        assert [line.split("free nodes")[-1].strip() for line in lines[at : at + 3]] == [
            "n2, n3: 16 CPUs, 64G free each; not a required node",
            "n4: 4 CPUs, – free; not a required node, too few CPUs",
            "n1: 2 CPUs, 1.0G free; too few CPUs, too little memory",
        ]
        assert fact(lines, "advice") == "allow other nodes: scontrol update JobId=4715 ReqNodeList="
        assert "smaller or shorter" not in " ".join(lines)
        full = details_lines(snapshot([waiting]), answers=[Answer(question=question, nodes=())])
        assert fact(full, "free nodes") == "no free CPUs on any node of cpu"
        failed = details_lines(snapshot([waiting]), answers=[Answer(question=question, error="sinfo timed out")])
        assert fact(failed, "free nodes") == "sinfo timed out"
        assert not any(line.startswith("position") for line in failed)

    @pytest.mark.parametrize(
        ("answer", "shown"),
        [
            ({"place": QueuePlace(number=3, of=1200)}, "3 of 1,200 pending jobs in cpu, by priority"),
            ({"place": QueuePlace(remark="others are hidden")}, "–  (others are hidden)"),
            ({"error": "squeue timed out"}, "–  (squeue timed out)"),
        ],
    )
    def test_position_in_the_queue_is_shown(self, answer: dict[str, object], shown: str) -> None:
        waiting = pending("4715", "Priority")
        question, _ = questions_about(waiting)
        assert question == QueuePosition(job_id="4715", partition="cpu")
        lines = details_lines(snapshot([waiting]), answers=[Answer(question=question, **answer)])
        assert fact(lines, "position") == shown

    def test_what_a_job_insists_on_is_shown(self) -> None:
        waiting = pending(
            "4715",
            "Dependency",
            excluded_nodes=("n1", "n2"),
            gres="gres:gpu:2",
            licenses="matlab:1",
            dependency="afterok:4711(unfulfilled)",
            reservation="course",
            is_exclusive=True,
            node_count=3,
        )
        lines = details_lines(snapshot([waiting]))
        assert fact(lines, "excludes") == "n1, n2 (--exclude)"
        assert fact(lines, "needs") == "gres:gpu:2 (--gres, on each node)"
        assert fact(lines, "licenses") == "matlab:1 (--licenses)"
        assert fact(lines, "depends on") == "afterok:4711(unfulfilled) (--dependency)"
        assert fact(lines, "within") == "course (--reservation)"
        assert fact(lines, "whole nodes") == "no other job may run on its nodes (--exclusive)"
        assert fact(lines, "nodes") == "at least 3"

    @pytest.mark.parametrize(
        "other",
        [
            pending("1", "JobHeldUser", required_nodes=("n1",)),
            pending("1", "Dependency"),
            pending("1", "Resources", partition=None),
            job("1", required_nodes=("n1",)),
        ],
    )
    def test_free_nodes_are_asked_only_if_useful(self, other: Job) -> None:
        assert questions_about(other) == ()

    def test_job_held_by_its_user_gets_advice(self) -> None:
        lines = details_lines(snapshot([pending("4715", "JobHeldUser")]))
        assert fact(lines, "advice") == "release it: scontrol release 4715"
        assert not any("Waiting alone" in line for line in lines), "a held job needs no other advice"

    def test_advice_names_the_array_tasks(self) -> None:
        lines = details_lines(snapshot([pending("4716", "JobHeldUser", array_job_id="4716", array_task_id="5-10%2")]))
        assert fact(lines, "advice") == "release it: scontrol release 4716_[5-10]"
        assert fact(lines, "array") == "4716; raw job id 4716"

    def test_text_after_a_reason_code_is_shown(self) -> None:
        lines = details_lines(snapshot([pending("1", "ReqNodeNotAvail, UnavailableNodes:n[1-4]")]))
        assert fact(lines, "reason").endswith("(ReqNodeNotAvail)")
        assert "SLURM: ReqNodeNotAvail, UnavailableNodes:n[1-4]" in lines[2]

    def test_an_unknown_reason_is_shown_as_it_is(self) -> None:
        lines = details_lines(snapshot([pending("1", "Of some site's own making")]))
        assert fact(lines, "reason") == "SLURM: Of some site's own making"
        assert not any(line.startswith("advice") for line in lines)

    def test_missing_reason_is_not_yet_reported(self) -> None:
        assert fact(details_lines(snapshot([pending("1", None)])), "reason") == "not yet reported by SLURM"

    def test_expected_start_is_shown(self) -> None:
        start = TAKEN_AT + timedelta(hours=26, minutes=5)
        lines = details_lines(snapshot([pending("1", expected_start_at=start)]))
        assert fact(lines, "starts") == "about 14:05 tomorrow, in 1 d 2 h"
        planned = details_lines(snapshot([pending("1", expected_start_at=start, planned_nodes=("n3",))]))
        assert fact(planned, "starts") == "about 14:05 tomorrow, in 1 d 2 h on n3"
        passed = details_lines(snapshot([pending("1", expected_start_at=TAKEN_AT - timedelta(minutes=1))]))
        assert "no estimate" in fact(passed, "starts")

    def test_failed_tasks_name_the_key_that_shows_them(self) -> None:
        found = Finding(
            code="tasks-failed", severity="error", job_id=None, worker=None, message="3 tasks failed",
            advice="dasktop failures prints their tracebacks", since=None, job_ids=("1",),
        )  # fmt: skip
        shown = snapshot([job("1")], findings=(found,))
        [first, second, *_] = details_lines(shown)
        assert (first, second.strip()) == ("! 3 tasks failed", "E shows them")

    def test_ended_job_shows_how_it_ended(self) -> None:
        lines = details_lines(snapshot([ended("4701", "OUT_OF_MEMORY", "killed: ran out of memory")]))
        assert lines[0] == "ENDED"
        assert fact(lines, "how") == "killed: ran out of memory"
        assert fact(lines, "state") == "OUT_OF_MEMORY"
        assert fact(lines, "when") == "11:55 today"
        assert fact(lines, "peak memory") == "1.0G resident, largest task; 16G allocated"
        assert not any(line.startswith("left") for line in lines)

    def test_ended_job_before_accounting_shows_its_state(self) -> None:
        lines = details_lines(snapshot([job("1", state="FAILED", time_left_seconds=None)]))
        assert fact(lines, "how") == "FAILED; no details from accounting yet"

    def test_findings_come_first_and_in_full(self) -> None:
        found = Finding(
            code="walltime-ending",
            severity="warning",
            job_id="4709",
            worker=None,
            message="job 4709 ends in 4 min, with 12 tasks running, and alone holds 31 results of 2.1 GiB",
            advice="release it with x: what it holds moves first, and nothing is computed again",
            since=None,
        )
        of_worker = replace(found, job_id="4709", worker="a", message="a is paused", advice=None)
        other = replace(found, job_id="1", message="another's")
        shown = snapshot([job("4709", [task([worker("a")])])], findings=(found, of_worker, other))
        lines = details_lines(shown, cells=40)
        text = " ".join(" ".join(lines).split())
        assert lines[0].startswith("! job 4709 ends in 4 min")
        advice = f"! {found.message} {found.advice} warning: walltime-ending"
        assert f"{advice} ! a is paused warning: walltime-ending USAGE" in text
        assert "another's" not in text
        assert details_lines(shown, "worker")[0] == "! a is paused"
        two = replace(shown, jobs=(replace(shown.jobs[0], tasks=(*shown.jobs[0].tasks, task(task_id=1))),))
        assert details_lines(two, "task")[0] == "! a is paused"

    def test_unmatched_job_says_so(self) -> None:
        assert "This job could not be matched to the cluster." in details_lines(snapshot([job("1", evidence=())]))

    def test_details_of_a_filtered_row_are_complete(self) -> None:
        whole = snapshot([job("1", [task([worker("a"), worker("b")])])])
        part = snapshot([job("1", [task([worker("a")])])])
        assert subject(row_of(part, "job"), whole).job == whole.jobs[0]


class TestWorker:
    def test_memory_is_split(self) -> None:
        one = worker("a", memory_bytes=3 * GIB, managed_bytes=2 * GIB, spilled_bytes=GIB)
        lines = details_lines(snapshot([job("1", [task([one])])]), "worker", cells=66)
        drawn = f"{20 * '━'}{3 * '╍'}┷{3 * '╍'}┷{2 * '╍'}─┴{5 * '─'}┴──"
        assert fact(lines, "used") == f"75% of 4.0G  {drawn}"
        assert fact(lines, "━ managed").startswith("2.0G")
        assert fact(lines, "╍ unmanaged").startswith("1.0G")
        assert fact(lines, "spilled") == "1.0G  on disk"
        assert fact(lines, "limit") == "4.0G"

    def test_results_may_exceed_the_process_memory(self) -> None:
        one = worker("a", memory_bytes=GIB, managed_bytes=3 * GIB)
        lines = details_lines(snapshot([job("1", [task([one])])]), "worker", cells=66)
        assert fact(lines, "used").endswith(f"  {10 * '━'}{13 * '─'}┴───┴───┴{5 * '─'}┴──")
        assert fact(lines, "╍ unmanaged").startswith("0B")

    def test_child_processes_are_listed(self) -> None:
        children = [
            ChildProcess(pid=pid, name=f"tool{pid}", memory_bytes=pid * GIB, cpu_seconds=61) for pid in range(9)
        ]
        lines = details_lines(snapshot([job("1", [task([worker("a", children=tuple(children))])])]), "worker")
        assert fact(lines, "8") == "8.0G resident, 0:01:01 CPU time  tool8"
        assert next(line for line in lines if "tool" in line).startswith("8 "), "the largest first"
        assert "and 1 more" in lines
        assert "Included in SLURM's figures for the job, not in dask's figures for the worker." in lines
        more = replace(worker("a", children=tuple(children)), has_more_children=True)
        assert "and at least 1 more" in details_lines(snapshot([job("1", [task([more])])]), "worker")
        for none in ((), None):
            lines = details_lines(snapshot([job("1", [task([worker("a", children=none)])])]), "worker")
            assert "CHILD PROCESSES" not in lines

    def test_worker_without_limit_says_so(self) -> None:
        unlimited = worker("a", memory_limit_bytes=None, evidence=None, outside_slurm=True)
        lines = details_lines(snapshot([], [unlimited]), "worker", cells=52)
        drawn = f"{23 * '━'}{2 * '╍'}"
        assert fact(lines, "used") == f"1.1G resident  {drawn}"
        assert fact(lines, "limit").startswith("none")
        assert fact(lines, "job") == "none: outside SLURM"

    def test_unasked_worker_has_an_unknown_job(self) -> None:
        lines = details_lines(snapshot([], [worker("a", evidence=None, outside_slurm=None)]), "worker", cells=52)
        assert fact(lines, "job") == "–"

    def test_location_and_evidence_are_shown(self) -> None:
        lines = details_lines(snapshot([job("4709", [task([worker("a")])])]), "worker")
        assert fact(lines, "address") == "tcp://10.1.0.7/a"
        assert fact(lines, "pid") == "4000 (nanny 3999)"
        assert fact(lines, "job") == "4709"
        assert fact(lines, "matched by") == "the cluster object's map of workers to jobs"
        assert fact(lines, "last seen") == "less than 5 s ago"

    def test_folder_that_a_worker_spills_to(self) -> None:
        shown = worker("a", evidence=None, local_directory="/scratch/dask", file_system="lustre")
        lines = details_lines(snapshot([], [shown]), "worker")
        assert fact(lines, "spills to") == "/scratch/dask (lustre)"

    def test_transfers_are_shown(self) -> None:
        transfers = Transfers(
            incoming_bytes=GIB,
            incoming_count=2,
            incoming_count_total=1203,
            outgoing_bytes=0,
            outgoing_count=0,
            outgoing_count_total=None,
        )
        lines = details_lines(snapshot([job("1", [task([worker("a", transfers=transfers)])])]), "worker")
        assert fact(lines, "incoming") == "2 now, 1.0G; 1,203 so far"
        assert fact(lines, "outgoing") == "0 now, 0B; – so far"

    def test_history_is_shown(self) -> None:
        shown = snapshot([job("1", [task([worker("a", cpu_percent=150.0)])])])
        history = History()
        for seconds in range(0, 60, 5):
            history.feed(replace(shown, taken_at=TAKEN_AT + timedelta(seconds=seconds)))
        assert fact(details_lines(shown, "worker", history=history), "CPU") == f"50% of 3 threads {11 * '▅'}"
        assert (
            fact(details_lines(shown, "worker", history=history, glyphs=ASCII), "CPU") == f"50% of 3 threads {11 * '='}"
        )
        assert fact(details_lines(shown, "worker", history=history, cells=30), "CPU") == "50% of 3 threads", (
            "no room for it"
        )


class TestThread:
    shown = snapshot([job("1", [task([worker("a", threads=(thread(4001),))])])])
    key = ("thread", "tcp://10.1.0.7/a", 4001)

    def test_thread_shows_its_task(self) -> None:
        lines = details_lines(self.shown, "thread")
        assert fact(lines, "runs") == "inc-8a7f0d5e2c41"
        assert fact(lines, "CPU") == "99% of one core"
        assert fact(lines, "role") == "runs dask tasks"
        assert lines[-2:] == ["CALL STACK", "t reads it from the worker"]

    def test_call_stack_is_shown(self) -> None:
        assert details_lines(self.shown, "thread", stack=Stack(self.key))[:2] == ["CALL STACK", "asking the worker…"]
        assert details_lines(self.shown, "thread", stack=Stack(self.key, error="it hangs"))[1] == "it hangs"
        lines = details_lines(self.shown, "thread", stack=Stack(self.key, ("f  /a/b.py:3", "    x = 1", "g  c.py:4")))
        assert lines[2:6] == ["f  /a/b.py:3", "    x = 1", "g  c.py:4", ""]
        other = Stack(("thread", "tcp://10.1.0.7/a", 7), ("f  a.py:3",))
        assert details_lines(self.shown, "thread", stack=other)[-1] == "t reads it from the worker"

    def test_call_stack_names_its_own_task(self) -> None:
        lines = details_lines(self.shown, "thread", stack=Stack(self.key, ("f  a.py:3",), "regrid-7"))
        assert not any(line.startswith("runs ") for line in lines), "that of the snapshot may be another task"
        assert lines[lines.index("CALL STACK") + 1] == "running regrid-7"
        assert not any("inc-8a7f0d5e2c41" in line for line in lines)
        lines = details_lines(self.shown, "thread", stack=Stack(self.key, ("f  a.py:3",)))
        assert fact(lines, "runs") == "inc-8a7f0d5e2c41", "the worker does not report the task of its stacks"

    def test_long_calls_are_cut_not_wrapped(self) -> None:
        lines = details_lines(self.shown, "thread", stack=Stack(self.key, (f"f  {'x' * 200}",)), cells=40)
        assert lines[2] == f"f  {'x' * 36}…"

    def test_idle_thread_runs_no_task(self) -> None:
        idle = snapshot([job("1", [task([worker("a", threads=(thread(1, task_key=None, cpu_percent=None),))])])])
        assert fact(details_lines(idle, "thread"), "runs") == "no dask task"


class TestGroups:
    def test_workers_outside_slurm_are_explained(self) -> None:
        lines = details_lines(everyday(), "outside")
        assert lines[0].startswith("These workers could not be matched to any of your jobs")
        assert fact(lines, "workers") == "1 running"

    def test_other_jobs_are_explained(self) -> None:
        lines = details_lines(everyday(), "others")
        assert fact(lines, "jobs") == "1 RUNNING, 1 PENDING"
        assert fact(lines, "1 waits") == "other jobs have a higher priority (Priority)"

    def test_array_shows_states_and_usage(self) -> None:
        jobs = [
            pending("9", "JobArrayTaskLimit", array_job_id="9", array_task_id="3-6%2"),
            pending("10", "JobArrayTaskLimit", array_job_id="9", array_task_id="7"),
            pending("11", "Priority", array_job_id="9", array_task_id="8"),
        ]
        lines = details_lines(snapshot(jobs), "array")
        assert fact(lines, "jobs") == "6 PENDING"
        assert fact(lines, "5 wait").endswith("(JobArrayTaskLimit)")
        assert fact(lines, "1 waits").endswith("(Priority)")

    def test_idle_threads_are_listed(self) -> None:
        threads = tuple(thread(number, task_key=None, cpu_percent=0.0, name=f"t{number}") for number in (1, 2))
        lines = details_lines(snapshot([], [worker("a", evidence=None, threads=threads)]), "idle")
        assert lines == ["2 threads that run no dask task and use no CPU:", "  t1", "  t2"]

    def test_task_without_workers_says_so(self) -> None:
        assert details_lines(snapshot([job("1", [task(), task(task_id=1)])]), "task")[0] == "no worker"

    def test_job_of_one_task_has_its_details(self) -> None:
        held = task([worker("a"), worker("b", status="paused")], max_rss_bytes=GIB)
        lines = details_lines(snapshot([job("1", [held])]))
        assert lines[lines.index("SLURM TASK") + 1 :] == [
            "step        batch",
            "task id     0",
            "node        n012",
            "pid         3990",
            "peak memory 1.0G resident, largest task of the step",
        ]
        assert "            1 running, 1 paused" in lines
        assert "SLURM TASK" not in details_lines(snapshot([job("1", [held, task(task_id=1)])]))

    def test_each_row_has_a_title(self) -> None:
        for row in visible_rows(everyday(), lambda _: True):
            assert title(row).strip()


UNKNOWN_WORKER = worker(
    "a",
    **dict.fromkeys(
        ("pid", "nanny_pid", "host", "status", "nthreads", "memory_limit_bytes", "memory_bytes", "managed_bytes")
    ),
    **dict.fromkeys(("spilled_bytes", "cpu_percent", "executing", "queued", "stored", "last_seen_seconds", "evidence")),
)
NOTHING_KNOWN: dict[str, object] = {
    **dict.fromkeys(("name", "user", "account", "partition", "qos", "reason", "submitted_at", "started_at")),
    **dict.fromkeys(("expected_start_at", "ends_at", "time_limit_seconds", "time_left_seconds", "workers_expected")),
    "nodes": (),
    "allocated": Allocated(cpus=None, memory_bytes=None, gpus=None),
    "used": Used(cpu_percent=None, memory_bytes=None, threads_busy=None),
}
NO_FATE = Fate(state="X", exit_code=None, signal=None, ended_at=None, max_rss_bytes=None, explanation="ended")


@pytest.mark.parametrize("state", [None, "RUNNING", "PENDING", "FAILED"])
@pytest.mark.parametrize("fate", [None, NO_FATE])
def test_unknown_is_never_zero(state: str | None, fate: Fate | None) -> None:
    of_task = task([UNKNOWN_WORKER], step_id=None, task_id=None, node=None, pid=None)
    one = replace(job("1", [of_task]), state=state, fate=fate, **NOTHING_KNOWN)
    several = replace(one, tasks=(of_task, replace(of_task, workers=())))
    for of, kind in ((one, "job"), (several, "task"), (one, "worker")):
        lines = details_lines(snapshot([of]), kind, cells=60)
        figures = [line for line in lines if not line.startswith("address")]
        assert not any(character == "0" for line in figures for character in line), lines
        assert any("–" in line for line in lines)


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_hostile_texts_stay_in_their_lines(text: str, glyphs: Glyphs) -> None:
    bad = worker(text, address=text, host=text, status=text, threads=(thread(1, name=text, task_key=text),))
    found = Finding(code=text, severity="error", job_id="1", worker=text, message=text, advice=text, since=None)
    texts = {"name": text, "user": text, "account": text, "partition": text, "qos": text, "nodes": (text, text)}
    jobs = [
        job("1", [task([bad], step_id=text, node=text)], **texts),
        pending("2", text, **texts),
        ended("3", text, text),
    ]
    shown = snapshot(jobs, [replace(bad, address="x")], findings=(found,))
    stack = Stack(("thread", text, 1), (text, f"    {text}"), text, None)
    for row in visible_rows(shown, lambda _: True):
        about = sections(subject(row, shown), shown, History(), stack)
        for cells in WIDTHS:
            for line in lay_out(about, cells, glyphs):
                drawn = "".join(piece.text for piece in line)
                assert width(drawn) <= cells
                assert glyphs.is_unicode is True or drawn.isascii()


class TestLayOut:
    narrow = (
        Section("ONE", [Fact("a", "x")] * 3),
        Section("TWO", [Words("some words")]),
        Section("NONE", []),
        Section("THREE", [Fact("b", "y")]),
    )

    def test_narrow_pane_has_one_column(self) -> None:
        lines = ["".join(piece.text for piece in line) for line in lay_out(self.narrow, 60, UNICODE)]
        assert lines == ["ONE", *["a           x"] * 3, "", "TWO", "some words", "", "THREE", "b           y"]

    def test_wide_pane_has_two_balanced_columns(self) -> None:
        wide = Section("WIDE", [Words("w " * 80)], is_wide=True)
        lines = ["".join(piece.text for piece in line) for line in lay_out([wide, *self.narrow], 103, UNICODE)]
        assert lines[0] == f"{'ONE':<53}TWO"
        assert lines[1] == f"{'a           x':<53}some words"
        assert lines[3].rstrip() == f"{'a           x':<53}THREE"
        assert lines[-2:] == ["WIDE", ("w " * 51) + "…"]

    def test_bars_are_aligned(self) -> None:
        trends = [Trend("a", [1.0] * 9, 1.0, "1%"), Trend("b", [1.0] * 9, 1.0, "100% of it")]
        lines = ["".join(piece.text for piece in line) for line in lay_out([Section("", trends)], 60, UNICODE)]
        assert [line.index("█") for line in lines] == [23, 23]

    def test_a_high_graph_is_below_its_value(self) -> None:
        trend = Trend("CPU", [25.0, 100.0], 100, "99% of 2 threads", "cpu")
        [section] = with_high_graphs([Section("", [trend, Fact("pid", "1")])], 2)
        lines = ["".join(piece.text for piece in line) for line in lay_out([section], 60, UNICODE)]
        assert lines == ["CPU         99% of 2 threads", " " * 13 + "█", " " * 12 + "▄█", "pid         1"]

    def test_a_low_graph_has_one_blank_line_above(self) -> None:
        trends = [Trend("CPU", points, 100, "5%") for points in ([None], [5.0], [30.0], [99.0])]
        for trend, expected in zip(trends, (1, 2, 3, 4), strict=True):
            [section] = with_high_graphs([Section("", [trend])], 4)
            assert len(lay_out([section], 60, UNICODE)) == 1 + expected

    def test_empty_split_draws_only_its_label(self) -> None:
        assert lay_out([Section("", [Split("a", [("█", 0, "text")], 0)])], 60, UNICODE) == [lay_out_label("a")]


def lay_out_label(label: str) -> list[object]:
    return [lay_out([Section("", [Fact(label, "x")])], 60, UNICODE)[0][0]]


def test_departed_worker_keeps_its_details() -> None:
    whole = snapshot([job("1", [task([worker("a")])])])
    row = row_of(whole, "worker")
    assert isinstance(subject(row, snapshot([])), WorkerRow)


def test_running_task_of_a_worker_ends_with_its_number() -> None:
    key = "regrid-d762bb1d-7ed0-4fcb-9731-ff4b4d762bb1-0000263"
    threads = (thread(1, task_key=key, task_seconds=1.0),)
    lines = details_lines(snapshot([job("1", [task([worker("a", threads=threads)])])]), "worker")
    assert lines[0] == "RUNNING TASKS", "before findings"
    assert lines[1].endswith("-0000263")


def test_running_tasks_of_a_worker_are_listed_longest_first() -> None:
    threads = (
        thread(1, task_key="load-1", task_seconds=1.0, typical_seconds=2.0),
        thread(2, task_key="regrid-2", task_seconds=24.0, typical_seconds=2.0),
        thread(3, task_key=None),
    )
    shown = snapshot([job("1", [task([worker("a", threads=threads)])])])
    lines = details_lines(shown, "worker")
    start = lines.index("RUNNING TASKS") + 1
    assert [line.split() for line in lines[start : start + 4]] == [
        ["24s", "regrid-2"],
        ["mean", "2.0s"],
        ["1.0s", "load-1"],
        ["mean", "2.0s"],
    ]
    assert fact(details_lines(shown, "thread"), "for") == "1.0s, mean 2.0s"
