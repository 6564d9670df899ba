"""The tree as plain text, the lines above it, and the widths of texts."""

import itertools
import re
import time
import unicodedata
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len

from dasktop.collectors.model.snapshot import Finding, Snapshot
from dasktop.collectors.model.work import Eta, Progress
from dasktop.tui.draw.glyphs import UNICODE
from dasktop.tui.draw.text_width import cut, cut_left, cut_middle, fit, printable, width
from dasktop.tui.view.cells import cells
from dasktop.tui.view.gauges import Pasts
from dasktop.tui.view.layout import fit_layout, heads, line
from dasktop.tui.view.plain import plain_tree
from dasktop.tui.view.summary import summary_lines
from dasktop.tui.view.visible_rows import visible_rows
from tests.support.snapshots import (
    NO_CLUSTER,
    TAKEN_AT,
    busy_job,
    cluster,
    everyday,
    job,
    pending,
    snapshot,
    source,
    task,
    thread,
    worker,
)
from tests.support.work import work

HOSTILE = [
    "[/]",
    "[@click=app.quit]x[/]",
    "[bold red on blue",
    "🧑‍🚀🚀👍🏽🇩🇪 emoji",
    "日本語のワーカー",
    "e\u0301\u0301\u0301 accents",
    "שלום עולם",
    "مرحبا",
    "कर्मचारी",
    "각",
    "x" * 200,
    "\ufe0f\u0301",
    "䷀☰",
]


class TestPlainTree:
    def test_tree_has_header_findings_and_rows(self) -> None:
        lines = plain_tree(everyday()).splitlines()
        assert lines[0] == " dasktop  tcp://10.1.2.3:41525 · SLURMCluster · adaptive · 4 of 6 jobs · 11 workers"
        assert lines[1].endswith("dask ok  slurm ok  acct ok")
        assert " ".join(lines[2].split()) == (
            "CPU ━━━━━╾────────── 33% of 48 cores MEM ━━━━━─────────── 30% of 64G THREADS 18/38 busy "
            "TASKS 72 processing 1,204 queued 3 erred"
        )
        tree = [" ".join(text.split()) for text in lines[5:]]
        assert tree[0] == ("▾ 4709 dask-worker · batch.0 RUNNING n000 ━━━━╾───── 43% ━━╍╍────── 39% 6.2G 6/12 – 4m 10s")
        assert "Dask-1 inc-8a7f0d5e2c41 compute ━━━━━━━━━╾ 99%" in tree
        assert "4712 dask-worker RUNNING n015 no worker (4 expected) 1d 2h" in tree
        assert "4651 train PENDING Priority" in tree

    def test_workers_of_a_silent_scheduler_are_stale(self) -> None:
        silent = plain_tree(replace(everyday(), sources=(source("dask", state="error"),)))
        assert (silent.count(" stale "), silent.count(" running ")) == (11, 0)

    def test_work_is_one_line(self) -> None:
        shown = replace(everyday(), work=work(unrunnable=(), unrunnable_total=0))
        lines = plain_tree(shown).splitlines()
        assert lines[3] == " WORK 40 of 100 tasks done   rate –   ETA –   1 failed   2 blocked"
        early, late = TAKEN_AT + timedelta(minutes=3), TAKEN_AT + timedelta(minutes=8)
        estimate = Eta(earliest=early, latest=late, based_on="")
        known = work(rate_per_second=14.2, eta=estimate, progress=Progress(done=9, total=9900, failed=0, blocked=0))
        [line] = [line for line in plain_tree(replace(shown, work=known)).splitlines() if line.startswith(" WORK")]
        assert re.fullmatch(
            r" WORK 9 of 9,900 tasks done   rate 14\.2/s   ETA \d\d:\d\d–\d\d:\d\d   0 failed   1 cannot run", line
        )
        partly = replace(known, eta=replace(estimate, tasks_left_out=5))
        assert re.search(r":\d\d except 5 tasks   0 failed", plain_tree(replace(shown, work=partly)))
        nothing = work(progress=Progress(done=0, total=0, failed=0, blocked=0))
        assert " WORK none" in plain_tree(replace(shown, work=nothing)).splitlines()

    def test_findings_are_printed_whole_above_the_tree(self) -> None:
        found = Finding(
            code="lost-job", severity="error", job_id=None, worker=None, message="m" * 300, advice="do", since=None
        )
        lines = plain_tree(replace(everyday(), findings=(found, replace(found, severity="info")))).splitlines()
        assert lines[3:5] == [f" ! {'m' * 300}: do", f" · {'m' * 300}: do"]

    def test_each_row_is_one_line(self) -> None:
        shown = everyday()
        threads_read = {worker.address for worker in shown.jobs[0].tasks[0].workers if worker.threads}
        rows = visible_rows(shown, lambda key: key[0] != "worker" or key[1] in threads_read)
        assert len(plain_tree(shown).splitlines()) == 5 + len(rows)

    def test_columns_are_aligned(self) -> None:
        lines = plain_tree(everyday()).splitlines()[4:]
        state = lines[0].index("STATE")
        left = lines[0].index("LEFT") + len("LEFT")
        assert {text.index(word) for text in lines for word in ("RUNNING", "running", "PENDING") if word in text} == {
            state
        }
        assert {len(text) for text in lines if re.search(r"\d[hms]$", text)} == {left}

    def test_nothing_is_cut_without_a_width(self) -> None:
        long = "long-name-" * 30
        shown = snapshot(
            [
                job("1", [task([worker(long, threads=(thread(7, task_key=long),))], node=long)], name=long),
                pending("2", long),
            ]
        )
        text = plain_tree(shown)
        assert text.count(long) == 4
        assert "…" not in text

    @pytest.mark.parametrize("columns", [300, 120, 100, 80, 60, 40, 20, 5, 2])
    def test_no_line_exceeds_the_width(self, columns: int) -> None:
        shown = snapshot([job(str(number), [task([worker(name)])], name=name) for number, name in enumerate(HOSTILE)])
        for text in plain_tree(shown, columns).splitlines():
            assert cell_len(text) <= columns

    def test_tree_can_be_ascii(self) -> None:
        shown = snapshot([*everyday().jobs, job("9", [task([worker("日本語")])], name="é")])
        for columns in (None, 80):
            text = plain_tree(shown, columns, unicode=False)
            assert text.isascii()
            with_unicode = plain_tree(shown, columns)
            assert [len(line) for line in text.splitlines()[3:]] == [
                width(line) for line in with_unicode.splitlines()[3:]
            ]

    def test_unanswered_sources_say_so(self) -> None:
        nothing = snapshot([], cluster=NO_CLUSTER, sources=())
        assert "asking the scheduler…" in plain_tree(nothing)

    def test_every_problem_has_a_line(self) -> None:
        shown = snapshot(
            [],
            sources=(
                source("dask", state="error", error="tcp://x: no answer"),
                source("slurm.queue", state="stale", error="squeue: error: down"),
                source("slurm.accounting", state="off", error="no accounting here"),
            ),
        )
        lines = plain_tree(shown).splitlines()
        assert lines[3:5] == [" ! tcp://x: no answer", " ! squeue: error: down"]
        assert "dask error  slurm stale  acct off" in lines[1]


def header(shown, cells_: int, *, read_only: bool = False) -> list[str]:
    return [
        "".join(piece.text for piece in line) for line in summary_lines(shown, cells_, UNICODE, read_only=read_only)
    ]


class TestEmptyTree:
    asking = source("slurm.queue", state="stale", age_seconds=None, latency_seconds=None)

    @pytest.mark.parametrize(
        ("shown", "words"),
        [
            (snapshot([]), "No workers, and no SLURM jobs."),
            (snapshot([], sources=(asking,)), "No workers."),
            (snapshot([], cluster=NO_CLUSTER), "No SLURM jobs; the scheduler has not answered yet."),
            (snapshot([], cluster=NO_CLUSTER, sources=(asking,)), "Neither the scheduler nor SLURM has answered yet."),
        ],
    )
    def test_empty_tree_says_why(self, shown, words: str) -> None:
        assert plain_tree(shown).splitlines()[-1] == f"   {words}"
        assert plain_tree(shown, 80).splitlines()[-1] == f"   {words}"


class TestHeader:
    def test_wide_header_shows_everything(self) -> None:
        title, gauges = header(everyday(), 120, read_only=True)
        assert title.startswith(" dasktop  tcp://10.1.2.3:41525 · adaptive · 4 of 6 jobs · 11 workers · read-only ")
        assert title.endswith("  dask ok  slurm ok  acct ok")
        assert "33% of 48 cores" in gauges

    def test_adaptive_scaling_is_shown(self) -> None:
        owner = cluster().owner
        assert owner is not None
        assert " · SLURMCluster · adaptive · " in header(everyday(), 160)[0]
        by_hand = replace(everyday(), cluster=cluster(owner=replace(owner, adaptive=None)))
        assert " · SLURMCluster · 4 of 6 jobs · " in header(by_hand, 120)[0]

    def test_narrow_keeps_what_matters(self) -> None:
        title, gauges = header(everyday(), 80, read_only=True)
        assert "read-only" in title
        assert "tcp://10.1.2.3:41525" in title
        assert gauges == " CPU 33% of 48  MEM 30% of 64G  THREADS 18/38  TASKS 1,204 queued  3 erred"

    @pytest.mark.parametrize(("columns", "cells"), [(80, 3), (120, 6)])
    def test_each_gauge_has_a_graph(self, columns: int, cells: int) -> None:
        shown = snapshot(
            [busy_job("1", 0)], cluster=cluster(task_counts={"processing": 18, "queued": 42, "waiting": 1})
        )
        pasts = Pasts([100.0] * 60, [2e9] * 60, [300.0] * 60)
        [_, gauges] = summary_lines(shown, columns, UNICODE, read_only=False, pasts=pasts)
        text = "".join(piece.text for piece in gauges)
        assert len(re.findall(rf"[▁▂▃▄▅▆▇█]{{{cells},}}", text)) == 3
        assert "18 processing" in text

    @pytest.mark.parametrize("columns", [60, 80, 100, 120, 160])
    def test_graphs_do_not_move_when_task_text_changes(self, columns: int) -> None:
        def pictures(*counts: int) -> list[int]:
            counted = cluster(task_counts=dict(zip(("processing", "queued"), counts, strict=False)))
            shown = snapshot([busy_job("1", 0)], cluster=counted)
            pasts = Pasts([100.0] * 60, [2e9] * 60, [300.0] * 60)
            text = "".join(
                piece.text for piece in summary_lines(shown, columns, UNICODE, read_only=False, pasts=pasts)[1]
            )
            return [len(found) for found in re.findall("[▁▂▃▄▅▆▇█]+", text)]

        assert pictures(9) == pictures(42) == pictures(42, 7) == pictures(0, 12)
        assert columns < 120 or pictures(9) == pictures(1_000, 1_000)

    @pytest.mark.parametrize("columns", [80, 110, 140])
    def test_task_text_uses_the_remaining_room(self, columns: int) -> None:
        shown = snapshot(
            [busy_job("1", 0)], cluster=cluster(task_counts={"processing": 24, "queued": 145, "waiting": 7, "erred": 1})
        )
        pasts = Pasts([100.0] * 60, [2e9] * 60, [300.0] * 60)
        text = "".join(piece.text for piece in summary_lines(shown, columns, UNICODE, read_only=False, pasts=pasts)[1])
        words = {80: "7 waiting", 110: "24 processing  145 queued", 140: "24 processing  145 queued  7 waiting"}
        assert text.endswith(f"TASKS {words[columns]}  1 erred")

    def test_first_snapshot_has_graphs(self) -> None:
        shown = snapshot([busy_job("1", 0)], cluster=cluster(task_counts={"processing": 24}))
        first, later = (
            "".join(piece.text for piece in summary_lines(shown, 120, UNICODE, read_only=False, pasts=pasts)[1])
            for pasts in (Pasts(), Pasts([100.0], [2e9], [300.0]))
        )
        assert width(first) == width(later)
        assert [first.index(name) for name in ("MEM", "THREADS", "TASKS")] == [
            later.index(name) for name in ("MEM", "THREADS", "TASKS")
        ]

    @pytest.mark.parametrize("columns", [60, 70])
    def test_at_least_one_task_state_is_shown(self, columns: int) -> None:
        counts = {"processing": 1018, "queued": 23_042, "waiting": 1}
        shown = snapshot([busy_job("1", 0)], cluster=cluster(task_counts=counts))
        assert "TASKS 1,018 processing" in header(shown, columns)[1]

    def test_erred_tasks_are_shown_with_little_room(self) -> None:
        shown = snapshot([busy_job("1", 0)], cluster=cluster(task_counts={"processing": 104_801, "erred": 3}))
        assert header(shown, 50)[1].endswith("TASKS 3 erred")

    def test_problems_stay_with_little_room(self) -> None:
        shown = replace(
            everyday(), sources=(source("dask"), source("slurm.queue", state="error", error="squeue: gone"))
        )
        title, _, problem = header(shown, 60)
        assert title.endswith("slurm error")
        assert problem == " ! squeue: gone"

    @given(st.integers(1, 320), st.booleans())
    def test_header_never_exceeds_the_width(self, cells_: int, read_only: bool) -> None:
        for shown in (None, everyday(), snapshot([], sources=())):
            for text in header(shown, cells_, read_only=read_only):
                assert width(text) <= cells_

    def test_header_says_what_is_asked(self) -> None:
        assert header(None, 80)[0] == " dasktop  asking the scheduler… · asking SLURM…"
        asking = source("dask", state="stale", age_seconds=None, latency_seconds=None)
        assert header(snapshot([], cluster=NO_CLUSTER, sources=(asking,)), 120)[0].endswith("dask asking…")

    def test_unknown_allocation_shows_use_only(self) -> None:
        shown = everyday()
        totals = replace(shown.totals, cpus_allocated=None, memory_allocated_bytes=None, cpu_percent=250.0)
        assert "2.5 cores busy" in header(replace(shown, totals=totals), 120)[1]
        totals = replace(totals, cpu_percent=None, memory_bytes=None)
        assert header(replace(shown, totals=totals), 120)[1].startswith(" CPU –   MEM –   THREADS")

    def test_no_tasks_says_none_to_do(self) -> None:
        assert header(snapshot([], cluster=cluster(task_counts={"memory": 3})), 120)[1].endswith("TASKS none")


class TestLayout:
    @given(st.integers(1, 320))
    def test_every_line_is_as_wide_as_the_heads(self, columns: int) -> None:
        shown = snapshot([*everyday().jobs, *(job(f"9{n}", name=name) for n, name in enumerate(HOSTILE))])
        layout = fit_layout(columns)
        assert layout.cells <= max(columns, 2)
        [head] = heads(layout)
        assert width(head.text) == layout.cells
        for row in visible_rows(shown, lambda key: True):
            text = "".join(piece.text for piece in line(row, cells(row, TAKEN_AT), layout, UNICODE))
            assert cell_len(text) == layout.cells, text

    def test_columns_are_left_out_one_by_one(self) -> None:
        shown = [tuple(fit_layout(columns).columns) for columns in range(160, 10, -1)]
        for wider, narrower in itertools.pairwise(shown):
            assert set(narrower) <= set(wider)
        assert shown[0] == ("state", "node", "cpu", "memory", "busy", "now", "left")

    @pytest.mark.parametrize("columns", [79, 100, 119, 160, 199, 223])
    def test_columns_use_the_available_room(self, columns: int) -> None:
        assert columns - 1 <= fit_layout(columns).cells <= columns

    def test_terminal_of_80_cells_hides_only_the_node(self) -> None:
        layout = fit_layout(79)
        assert tuple(layout.columns) == ("state", "cpu", "memory", "busy", "left")
        assert layout.cpu_bar
        assert layout.memory_bar

    def test_long_state_is_shown_in_full(self) -> None:
        [row] = [row for row in visible_rows(everyday(), lambda key: True) if row.key == ("job", "4701")]
        text = "".join(piece.text for piece in line(row, cells(row, TAKEN_AT), fit_layout(79), UNICODE))
        assert "OUT_OF_MEMORY  killed: used 402M" in text

    def drawn(self, kind: str, columns: int, shown: Snapshot | None = None) -> list[str]:
        shown = shown or everyday()
        rows = [row for row in visible_rows(shown, lambda key: True) if row.kind == kind]
        layout = fit_layout(columns)
        return ["".join(piece.text for piece in line(row, cells(row, TAKEN_AT), layout, UNICODE)) for row in rows]

    def test_number_of_a_task_key_stays(self) -> None:
        of = thread(task_key="regrid-d762bb1d-7edc-4d3a-9f3a-1b2c3d4ecb17-12")
        shown = snapshot([job(tasks=[task([worker(threads=(of,))])])])
        assert any("Dask-1  regrid-d762bb…-12  99%" in text for text in self.drawn("thread", 59, shown))

    def test_long_task_key_uses_the_state_column(self) -> None:
        assert any("Dask-1  inc-8a7f0d5e2c41   99%" in text for text in self.drawn("thread", 59))
        assert any(re.search(r"Dask-1  inc-8a7f0d5e2c41 +compute", text) for text in self.drawn("thread", 149))

    def test_group_labels_are_not_cut(self) -> None:
        assert "2 other jobs" in self.drawn("others", 59)[0]

    def test_expected_start_is_not_cut(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TZ", "UTC")
        time.tzset()
        assert any("Priority, starts about 14:05" in text for text in self.drawn("job", 79))
        assert any("Priority, from 14:05" in text for text in self.drawn("job", 59))


class TestWidths:
    def test_width_agrees_with_textual(self) -> None:
        for codepoint in (*range(0x20, 0x20000), *range(0xE0000, 0xE0200)):
            if unicodedata.category(chr(codepoint)) != "Cs":
                text = printable("a" + chr(codepoint))
                assert cell_len(text) == width(text), hex(codepoint)

    @given(st.text(), st.integers(0, 30), st.sampled_from(["left", "right"]))
    def test_fit_is_exact(self, text: str, cells_: int, align) -> None:
        assert width(fit(text, cells_, align)) == cells_
        assert cell_len(fit(text, cells_, align)) == cells_

    @given(st.text(), st.integers(0, 30), st.sampled_from([cut, cut_left, cut_middle]))
    def test_cuts_are_never_too_wide(self, text: str, cells_: int, shorten) -> None:
        assert width(shorten(text, cells_)) <= cells_

    def test_cuts_are_marked_where_they_are(self) -> None:
        assert cut("abcdef", 4) == "abc…"
        assert cut_left("abcdef", 4) == "…def"
        assert cut_middle("SLURMCluster-12-30", 14) == "SLURMCl…-12-30"
        assert cut("日本語", 4) == "日…"
        assert cut("abc", 3) == "abc"
        assert cut("abc", 0) == ""

    def test_characters_of_disputed_width_are_removed(self) -> None:
        assert printable("👍🏽") == "👍"
        assert printable("❤\ufe0f") == "❤"
        assert printable("a\u0378b") == "a\ufffdb"
