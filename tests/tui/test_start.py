"""Until the first jobs are drawn, nothing is imported or polled that they do not need."""

import json
import subprocess
import sys

from dasktop.collectors.model.snapshot import to_json
from tests.support.snapshots import everyday
from tests.support.waiting import PATIENCE_SECONDS

PROGRAM = """if True:
    import asyncio, json, sys
    import dasktop.tui.cli.main, dasktop.tui.cli.screen
    from dasktop.collectors.model.snapshot import from_json
    from dasktop.tui.app import DasktopApp
    from tests.support.fake_feed import FakeFeed

    snapshot = from_json(sys.stdin.buffer.read())

    class Feed(FakeFeed):
        def start(self, deliver):
            super().start(deliver)
            deliver(snapshot)

    def report():
        table = app.query_one("TreeTable")
        lines = [table.render_line(y).text for y in range(table.size.height)]
        imported.extend((lines, sorted(sys.modules)))
        app.exit()

    imported = []
    app = DasktopApp(Feed(), when_drawn=report)
    asyncio.run(app.run_async(headless=True, size=(120, 40)))
    print(json.dumps(imported))
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


def test_first_jobs_are_drawn_with_few_imports():
    snapshot = everyday()
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=to_json(snapshot), capture_output=True, timeout=PATIENCE_SECONDS
    )
    assert result.returncode == 0, result.stderr.decode()
    lines, modules = json.loads(result.stdout)
    assert any(snapshot.jobs[0].job_id in line for line in lines), lines
    assert NOT_NEEDED.isdisjoint(modules), NOT_NEEDED & set(modules)
