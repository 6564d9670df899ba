"""Programs that stand in for SLURM's in tests: small shell scripts in a folder that is the whole PATH."""

import shutil
from pathlib import Path

SLEEP, CAT, SED, YES = (shutil.which(name) for name in ("sleep", "cat", "sed", "yes"))


class FakePrograms:
    """A folder of programs, each of which notes its arguments before it does anything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def environment(self) -> dict[str, str]:
        """What finds these programs and no others."""
        return {"PATH": str(self.folder)}

    def program(self, name: str, body: str) -> None:
        """Make a program; `body` is shell."""
        path = self.folder / name
        path.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$*\" >> '{self.folder}/{name}.calls'\n{body}\n")
        path.chmod(0o755)

    def prints(self, name: str, text: str = "", complaint: str = "", status: int = 0) -> None:
        """Make a program that prints this."""
        (self.folder / f"{name}.out").write_text(text)
        (self.folder / f"{name}.err").write_text(complaint)
        files = f"'{self.folder}/{name}.out'; {CAT} '{self.folder}/{name}.err' >&2"
        self.program(name, f"{CAT} {files}; exit {status}")

    def calls(self, name: str) -> list[str]:
        """Return the arguments of each call so far."""
        path = self.folder / f"{name}.calls"
        return path.read_text().split("\n")[:-1] if path.exists() else []
