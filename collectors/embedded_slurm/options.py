"""Command lines as SLURM's programs read them (GNU getopt_long): ``-n4``, ``-hu me``, ``--form %i``, ``--jobs=1,2``.

Each command has a table of its options; all others are refused.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field


class Refused(Exception):  # noqa: N818 - it becomes the answer to the user, with an exit status
    """A refused command line: one line for stderr, and an exit status.

    `bare`: SLURM prints this line without ``COMMAND: error:`` before it.
    """

    def __init__(self, message: str, status: int = 1, *, bare: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.bare = bare


@dataclass(frozen=True, slots=True)
class Option:
    """One option: its long name (the key of what was read), and whether it takes a value."""

    name: str
    short: str
    takes: str  # "nothing", "value" or "optional"


@dataclass(frozen=True, slots=True)
class ParsedOptions:
    """A parsed command line: values by long name ("" for a flag; the last one counts), and the other arguments."""

    values: dict[str, str] = field(default_factory=dict)
    rest: list[str] = field(default_factory=list)

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def get(self, name: str) -> str | None:
        """Return the option's value, or None when it was not given."""
        return self.values.get(name)

    def list_of(self, name: str) -> list[str] | None:
        """Return the option's comma-separated values, or None when it was not given."""
        text = self.values.get(name)
        return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def table(text: str) -> tuple[Option, ...]:
    """Read a table of options, one a line: ``-j --jobs[=LIST]``, ``-o --format=TEXT``, ``-h --noheader``, ``--me``."""
    options = []
    for line in text.split("\n"):
        if not line.strip():
            continue
        match = re.fullmatch(r"\s*(?:-(\w) )?\s*--([\w-]+)(\[=\w+\]|=\w+)?\s*", line)
        if match is None:
            raise ValueError(line)
        short, name, value = match.groups()
        takes = "nothing" if value is None else "optional" if value.startswith("[") else "value"
        options.append(Option(name, short or "", takes))
    return tuple(options)


def read(options: Sequence[Option], arguments: Sequence[str], *, permute: bool = True) -> ParsedOptions:
    """Read a command line.

    Parameters
    ----------
    options
        The options of the command.
    arguments
        Without the command's own name.
    permute
        Whether options may follow the first plain argument (squeue); if not, it ends them (srun, sbatch).

    Raises
    ------
    Refused
        An option is unknown, ambiguous or lacks its value.
    """
    given = ParsedOptions()
    left = list(arguments)
    while left:
        argument = left.pop(0)
        if argument == "--":
            given.rest.extend(left)
            break
        if argument.startswith("--"):
            _read_long(options, argument, left, given)
        elif argument.startswith("-") and argument != "-":
            _read_short(options, argument, left, given)
        else:
            given.rest.append(argument)
            if not permute:
                given.rest.extend(left)
                break
    return given


def _read_long(options: Sequence[Option], argument: str, left: list[str], given: ParsedOptions) -> None:
    name, equals, value = argument[2:].partition("=")
    found = [option for option in options if option.name == name]
    found = found or [option for option in options if option.name.startswith(name)]
    if len(found) != 1:
        raise Refused(f"{'ambiguous' if found else 'unrecognized'} option '{argument}'")
    option = found[0]
    if option.takes == "nothing" and equals:
        raise Refused(f"option '--{option.name}' doesn't allow an argument")
    if option.takes == "value" and not equals:
        if not left:
            raise Refused(f"option '--{option.name}' requires an argument")
        value = left.pop(0)
    given.values[option.name] = value


def _read_short(options: Sequence[Option], argument: str, left: list[str], given: ParsedOptions) -> None:
    letters = argument[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        option = next((option for option in options if option.short == letter), None)
        if option is None:
            raise Refused(f"invalid option -- '{letter}'")
        if option.takes == "nothing":
            given.values[option.name] = ""
            continue
        if option.takes == "value" and not letters:
            if not left:
                raise Refused(f"option requires an argument -- '{letter}'")
            letters = left.pop(0)
        given.values[option.name] = letters
        return
