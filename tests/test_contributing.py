"""The files, names and packages in CONTRIBUTING exist, and all packages are described."""

import ast
import re
from pathlib import Path

import pytest

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
