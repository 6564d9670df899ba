"""The wheel contains the folders of the repository, as the packages in pyproject.toml."""

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from tests.support.waiting import PATIENCE_SECONDS

REPOSITORY = Path(__file__).parents[1]
FOLDERS = ("collectors", "tui")


def installed_name(file: Path) -> str:
    return f"dasktop/{file.relative_to(REPOSITORY).as_posix()}"


def test_declared_packages_match_the_folders() -> None:
    declared = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {
        installed_name(init.parent).replace("/", ".")
        for folder in FOLDERS
        for init in (REPOSITORY / folder).rglob("__init__.py")
    }
    assert declared == sorted(found)


def test_every_folder_with_code_is_a_package() -> None:
    folders = {file.parent for folder in FOLDERS for file in (REPOSITORY / folder).rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]


def test_wheel_contains_all_files_of_the_folders(tmp_path: Path) -> None:
    sources = tmp_path / "sources"
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *FOLDERS, "*.toml", "*.md", "LICENSE"],
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    ).stdout.split(b"\0")
    for name in map(os.fsdecode, filter(None, tracked)):
        if (REPOSITORY / name).exists():
            (sources / name).parent.mkdir(parents=True, exist_ok=True)
            (sources / name).write_bytes((REPOSITORY / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "wheel", "--no-deps", str(sources)],
        cwd=tmp_path,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    [wheel] = tmp_path.glob("dasktop-*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == {
        f"dasktop/{file.relative_to(sources).as_posix()}"
        for folder in FOLDERS
        for file in (sources / folder).rglob("*")
        if file.is_file()
    }
