"""Fake SLURM programs: shell scripts in a folder that is the whole PATH."""

import shutil
from pathlib import Path

SLEEP, CAT, SED, YES = (shutil.which(name) for name in ("sleep", "cat", "sed", "yes"))


class FakePrograms:
    """A folder of programs, each of which first records its arguments."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which only these programs are found."""
        return {"PATH": str(self.folder)}

    def program(self, name: str, body: str) -> None:
        """Write a program; `body` is a shell script."""
        path = self.folder / name
        path.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$*\" >> '{self.folder}/{name}.calls'\n{body}\n")
        path.chmod(0o755)

    def prints(self, name: str, text: str = "", complaint: str = "", status: int = 0) -> None:
        """Write a program that prints this text and exits with this status."""
        (self.folder / f"{name}.out").write_text(text)
        (self.folder / f"{name}.err").write_text(complaint)
        files = f"'{self.folder}/{name}.out'; {CAT} '{self.folder}/{name}.err' >&2"
        self.program(name, f"{CAT} {files}; exit {status}")

    def calls(self, name: str) -> list[str]:
        """Return the arguments of each call so far."""
        path = self.folder / f"{name}.calls"
        return path.read_text().split("\n")[:-1] if path.exists() else []
