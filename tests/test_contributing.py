"""The files, names and packages in CONTRIBUTING exist, all packages are described, and its examples work."""

import ast
import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from dasktop.collectors.analysis.findings import rule, workers
from dasktop.collectors.model import job_states
from dasktop.collectors.model.errors import SourceError
from dasktop.collectors.sources.health import SourceLog
from dasktop.tui.app import DasktopApp
from dasktop.tui.dialogs.commands import commands_on
from dasktop.tui.view import columns, keys
from dasktop.tui.view.filtering import View, apply_view
from dasktop.tui.view.layout import fit_layout, heads
from dasktop.tui.view.visible_rows import visible_rows
from dasktop.tui.widgets.bindings import bindings
from tests.support.fake_feed import FakeFeed
from tests.support.findings_watch import after, codes, healthy_job, seen, with_workers
from tests.support.snapshots import snapshot, worker

REPOSITORY = Path(__file__).parents[1]
TEXT = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
STEPS = re.findall(r"^\d+\. `([\w/]+\.py)`: `(\w+)`", TEXT, re.MULTILINE)
FILES = sorted(set(re.findall(r"`((?:collectors|tui|tests)/[\w/.]+\.py)`", TEXT)))


def defined_in(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


@pytest.mark.parametrize(("file", "name"), STEPS)
def test_names_of_steps_exist(file: str, name: str) -> None:
    assert name in defined_in(REPOSITORY / file)


@pytest.mark.parametrize("file", FILES)
def test_files_exist(file: str) -> None:
    assert (REPOSITORY / file).is_file()


def test_paths_through_the_code_are_short() -> None:
    paths = [
        len(re.findall(r"^\d+\. ", part, re.MULTILINE)) for part in TEXT.split("\n## ") if part.startswith("From ")
    ]
    assert len(paths) == 2
    assert max(paths) <= 15


@pytest.mark.parametrize("folder", ["collectors", "tui"])
def test_every_package_has_a_paragraph(folder: str) -> None:
    packages = {path.name for path in (REPOSITORY / folder).iterdir() if (path / "__init__.py").exists()}
    assert packages <= set(re.findall(r"`(\w+)/`", TEXT))


def examples(heading: str) -> list[str]:
    """Return the examples of a section."""
    [section] = [part for part in TEXT.split("\n## ") if part.startswith(heading)]
    found = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert found, f"no example in {heading}"
    return found


def entry(example: str, module: Any) -> tuple[str, Any]:
    """Return name and value of an example that is an entry of a table in `module`."""
    [(name, value)] = eval(f"{{{example}}}", vars(module)).items()
    return name, value


def test_the_example_of_a_finding_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule, "_registered", dict(rule._registered))
    [example] = examples("Add a finding")
    exec(example, dict(vars(workers)))

    def queued(count: int) -> list[str]:
        one = with_workers(healthy_job(), [worker(queued=count)])
        return codes(seen([one]), after(60, seen([one])))

    assert "worker-many-queued" in queued(1001)
    assert "worker-many-queued" not in queued(1000)


def test_the_example_of_a_column_is_shown_and_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    [example] = examples("Add a column")
    name, column = entry(example, columns)
    monkeypatch.setitem(columns.COLUMNS, name, column)
    few, many = (replace(healthy_job(job_id), name=job_id) for job_id in ("1", "2"))
    many = with_workers(many, [replace(one, nthreads=8) for task in many.tasks for one in task.workers])
    [head] = heads(fit_layout(200, ("state", name)))
    assert "THREADS" in head.text
    shown = apply_view(snapshot([few, many]), View(sort=name)).snapshot
    rows = [row for row in visible_rows(shown, lambda _: False, keeps_order=True) if row.kind == "job"]
    assert [columns.more_cells(row, [name])[name].strip() for row in rows] == ["32", "12"]


async def test_the_example_of_a_key_is_bound_and_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    line, method = examples("Add a key")
    name, key = entry(line, keys)
    for table in (keys.SCREEN, keys.KEYS):
        monkeypatch.setitem(table, name, key)
    methods: dict[str, Any] = {}
    exec(method, methods)
    extended = type(
        "Extended", (DasktopApp,), {"BINDINGS": bindings({name: key}), "action_ring": methods["action_ring"]}
    )
    app = extended(FakeFeed())
    rings = 0

    def ring() -> None:
        nonlocal rings
        rings += 1

    async with app.run_test() as pilot:
        monkeypatch.setattr(app, "bell", ring)
        await pilot.press(key.keys)
        assert rings == 1
        assert key.description in [command.description for command in commands_on(app.screen)]


def test_the_example_of_a_job_state_changes_the_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    [example] = examples("Handle a new SLURM job state")
    name, phase = entry(example, job_states)
    assert job_states.read_state(f"RUNNING+{name}").is_running
    job_states.read_state.cache_clear()
    monkeypatch.setitem(job_states._FLAGS, name, phase)
    try:
        assert job_states.read_state(f"RUNNING+{name}").is_starting
    finally:
        job_states.read_state.cache_clear()


def test_the_example_of_a_source_reports_its_state() -> None:
    [example] = examples("Add a source")

    class File(type(Path())):
        def read_text(self, *_: str) -> str:
            return text

    names: dict[str, Any] = {"SourceLog": SourceLog, "SourceError": SourceError, "Path": File}
    exec(textwrap.dedent(example), names)
    reader = names["LoadReader"]()
    text = "1.50 0.5 0.1 2/300 4711"
    assert reader.read() == 1.5
    assert reader.log.source().state == "ok"
    text = ""
    with pytest.raises(SourceError, match="cannot read the load"):
        reader.read()
    assert reader.log.source().state == "stale"
    assert "cannot read the load" in reader.log.source().error
