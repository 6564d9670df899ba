"""The whole tree as plain text, for pipes, logs and mail, like ``top -b -n 1``. Imports no Textual."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from dasktop.collectors.analysis.erred_tasks import progress_states
from dasktop.collectors.model.jobs import workers_of
from dasktop.collectors.model.snapshot import Snapshot, Worker
from dasktop.collectors.model.task_times import TaskTimes
from dasktop.collectors.model.thresholds import DEFAULTS, Thresholds
from dasktop.collectors.model.work import Work
from dasktop.tui.draw.glyphs import glyphs
from dasktop.tui.draw.numbers import count
from dasktop.tui.draw.piece import Piece
from dasktop.tui.draw.text_width import printable, wrap
from dasktop.tui.draw.text_width import width as width_of
from dasktop.tui.draw.times import local
from dasktop.tui.view.cell_values import Cells
from dasktop.tui.view.cells import cells
from dasktop.tui.view.finding_rows import finding_rows, plain_words
from dasktop.tui.view.gauges import gauge_line
from dasktop.tui.view.layout import INDENT, Layout, endless_layout, fit_layout, heads, line
from dasktop.tui.view.now import cells_of_now, now_of
from dasktop.tui.view.row_marks import RowMarks
from dasktop.tui.view.rows import Key, Row
from dasktop.tui.view.summary import NAME, empty_words, source_pieces, title_words
from dasktop.tui.view.visible_rows import visible_rows
from dasktop.tui.view.work import UNSPLIT, eta_text, left_out_text, number_in, rate_text
from dasktop.tui.view.workers import with_stale_workers

_ENDLESS = 1_000_000


def plain_tree(
    snapshot: Snapshot, width: int | None = None, unicode: bool = True, thresholds: Thresholds = DEFAULTS
) -> str:
    """Return the tree with all its levels, one line for each row, without a final newline.

    Parameters
    ----------
    snapshot
        Threads are listed for workers whose threads were read.
    width
        Width of a line: the header is wrapped and rows are cut. ``None``: unlimited.
    unicode
        Whether characters beyond ASCII may be printed.
    thresholds
        The user's, as for findings.
    """
    snapshot = with_stale_workers(snapshot)
    drawn_with = glyphs(unicode=unicode)
    with_threads = {worker.address for worker in _all_workers(snapshot) if worker.threads}

    def is_unfolded(key: Key) -> bool:
        return key[0] != "worker" or key[1] in with_threads

    shown = visible_rows(snapshot, is_unfolded, thresholds=thresholds)
    times = TaskTimes.of(snapshot.work, thresholds, snapshot.findings)
    rows = [(row, cells(row, snapshot.taken_at, thresholds)._replace(now=now_of(row, times))) for row in shown]
    top = [drawn_with.encode(text) for text in _header(snapshot)]
    top.insert(2, _text(gauge_line(snapshot, width or _ENDLESS, drawn_with)))
    if snapshot.work is not None:
        top.insert(3, drawn_with.encode(_work_words(snapshot.work, snapshot.taken_at)))
    if width is not None:
        top = [f" {part}" for text in top for part in wrap(text.strip(), width - 1)]
    if not rows:
        return "\n".join([*top, "", drawn_with.encode(f"   {empty_words(snapshot)}")])
    layout = _endless_layout(rows) if width is None else fit_layout(width)
    mark = RowMarks(snapshot.findings).mark
    tree = (line(row, held, layout, drawn_with, margin=mark(row)) for row, held in rows)
    lines = [_text(pieces) for pieces in (heads(layout), *tree)]
    return "\n".join([*top, "", *(drawn_with.encode(text) for text in lines)])


def _header(snapshot: Snapshot) -> list[str]:
    """Return the lines above the tree, without the totals."""
    moment = f"{local(snapshot.taken_at):%Y-%m-%d %H:%M:%S}"
    sources = "  ".join(piece.text for piece in source_pieces(snapshot.sources))
    title = " · ".join(title_words(snapshot).values())
    findings = [" " + printable(plain_words(row)) for row in finding_rows(snapshot)]
    return [f" {NAME}  {title}", f" {moment}  {sources}", *findings]


def _work_words(work: Work, now: datetime) -> str:
    """Return how far the work is. The rate is unknown in a first snapshot, since it needs several."""
    progress = work.progress
    if progress.total <= 0:
        return " WORK none"
    parts = [
        f"{count(progress.done)} of {count(progress.total)} tasks done",
        f"rate {rate_text(work.rate_per_second)}",
        f"ETA {eta_text(work.eta, now)}{left_out_text(work.eta)}",
        *_erred_words(work),
        f"{count(work.unrunnable_total)} cannot run" if work.unrunnable_total else "",
    ]
    return f" WORK {'   '.join(filter(None, parts))}"


def _erred_words(work: Work) -> Iterator[str]:
    erred = progress_states(work.progress)
    if unsplit := number_in(erred, UNSPLIT):
        yield f"{count(unsplit)} {UNSPLIT}"
        return
    yield f"{count(number_in(erred, 'failed'))} failed"
    if blocked := number_in(erred, "blocked"):
        yield f"{count(blocked)} blocked"


def _endless_layout(rows: Iterable[tuple[Row, Cells]]) -> Layout:
    label = state = node = now = 0
    for row, held in rows:
        end = "".join(f" · {part}" for part in (held.step, held.remark[0]) if part)
        label = max(label, INDENT * (row.depth + 1) + width_of(printable(held.label + end)))
        state = max(state, width_of(printable(held.state)))
        node = max(node, width_of(printable(held.node)))
        now = max(now, cells_of_now(held.now))
    return endless_layout(max(label, 30), max(state, 10), max(node, 4), now)


def _text(pieces: Iterable[Piece]) -> str:
    return "".join(piece.text for piece in pieces).rstrip(" ")


def _all_workers(snapshot: Snapshot) -> Iterable[Worker]:
    for job in snapshot.jobs:
        yield from workers_of(job)
    yield from snapshot.unplaced_workers
