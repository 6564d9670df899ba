"""Until the first jobs are drawn, nothing is imported or polled that they do not need."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import dasktop.tui
from dasktop.collectors.model.snapshot import to_json
from dasktop.tui.cli.preload import PACKAGES
from tests.support.snapshots import everyday
from tests.support.waiting import PATIENCE_SECONDS

FOLDER = Path(next(iter(dasktop.tui.__path__)))
PROGRAM = """if True:
    import asyncio, json, sys
    import dasktop.tui.cli.main, dasktop.tui.cli.screen
    from dasktop.collectors.model.snapshot import from_json
    from dasktop.tui.app import DasktopApp
    from dasktop.tui.cli.preload import import_all
    from dasktop.tui.tree.table import TreeTable
    from dasktop.tui.widgets.header import Header
    from tests.support.fake_feed import FakeFeed

    snapshot = from_json(sys.stdin.buffer.read())

    class Feed(FakeFeed):
        def start(self, deliver):
            super().start(deliver)
            deliver(snapshot)

    def note_first_drawing(kind):
        draw = kind.render_line

        def render_line(self, y):
            strip = draw(self, y)
            drawn.setdefault(f"{kind.__name__} {y}", strip.text)
            return strip

        kind.render_line = render_line

    def report():
        before = sorted(sys.modules)
        import_all()
        print(json.dumps([drawn, before, sorted(sys.modules)]))
        app.exit()

    drawn = {}
    for kind in (TreeTable, Header):
        note_first_drawing(kind)
    app = DasktopApp(Feed(), when_drawn=report)
    asyncio.run(app.run_async(headless=True, size=(120, 40)))
"""

NOT_NEEDED = {
    "dask",
    "distributed",
    "psutil",
    "dasktop.collectors.analysis.anatomy",
    "dasktop.collectors.analysis.usage",
    "dasktop.collectors.embedded_slurm",
    "dasktop.collectors.recording.recorder",
    "dasktop.collectors.runtime.execute",
    "dasktop.collectors.sources.dask.collector",
    "dasktop.collectors.sources.discover",
    "dasktop.collectors.sources.slurm.scripts",
    "dasktop.tui.cli.snapshot",
    "dasktop.tui.dialogs.commands",
    "dasktop.tui.dialogs.dialog",
    "dasktop.tui.dialogs.help",
    "dasktop.tui.dialogs.page",
    "dasktop.tui.dialogs.picker",
    "dasktop.tui.dialogs.save_box",
    "dasktop.tui.logs.screen",
    "dasktop.tui.replay",
    "dasktop.tui.report",
    "dasktop.tui.scaling.form",
    "dasktop.tui.scaling.plan_box",
    "dasktop.tui.tree.column_box",
    "dasktop.tui.view.plain",
}


def test_first_drawing_shows_jobs_and_needs_few_imports():
    snapshot = everyday()
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=to_json(snapshot), capture_output=True, timeout=PATIENCE_SECONDS
    )
    assert result.returncode == 0, result.stderr.decode()
    drawn, modules, modules_later = json.loads(result.stdout)
    assert snapshot.jobs[0].job_id in drawn["TreeTable 0"]
    assert "dasktop" in drawn["Header 0"]
    assert NOT_NEEDED.isdisjoint(modules), NOT_NEEDED & set(modules)
    assert imported_late() <= set(modules_later), imported_late() - set(modules_later)


def imported_late() -> set[str]:
    """Return the modules of the screen that are imported within functions."""
    found = set()
    for package in PACKAGES:
        for file in (FOLDER / package).glob("*.py"):
            for function in ast.walk(ast.parse(file.read_text())):
                if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                    imports = [node for node in ast.walk(function) if isinstance(node, ast.ImportFrom)]
                    found |= {node.module for node in imports if node.module is not None}
    assert "dasktop.tui.dialogs.help" in found
    return {module for module in found if module.startswith("dasktop.tui.")}
