"""The variables and the folder of a shell, and the expansion of words. Pure; runs nothing.

Values that are known only at run time stay unknown: variables of the environment that the job was submitted from, the
output of commands.
"""

import posixpath
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dasktop.collectors.sources.slurm import shell_syntax as syntax
from dasktop.collectors.sources.slurm.shell_syntax import Assignment, Part, ShellError, Word

MAX_STEPS = 20_000
_MAX_VALUE = 4096


class Argument(NamedTuple):
    """An expanded word of a command."""

    text: str
    """The source text if the value is unknown."""
    is_known: bool = True
    is_one: bool = True
    """Whether it is exactly one word: an unquoted variable may be none, or several."""


Value = str | tuple[Argument, ...] | None
"""The value of a variable: a string, an array, or ``None`` if unknown."""


class Saved(NamedTuple):
    """A copy of a shell's state."""

    variables: dict[str, Value]
    folder: str | None
    arguments: tuple[Argument, ...] | None


class ShellState:
    """The variables, the folder and the arguments of a shell.

    Parameters
    ----------
    environment
        The known variables of the job: ``HOME``, ``SLURM_JOB_ID``, …
    folder
        The working directory of the job; ``None``: unknown.
    """

    def __init__(self, environment: Mapping[str, str], folder: str | None) -> None:
        self.environment = environment
        self.variables: dict[str, Value] = {}
        self.folder = folder
        self.arguments: tuple[Argument, ...] | None = None
        """The arguments of the script or function; ``None``: unknown."""
        self._steps = 0

    def count_step(self, steps: int = 1) -> None:
        """Count work that was done.

        Raises
        ------
        ShellError
            The script takes too many steps.
        """
        self._steps += steps
        if self._steps > MAX_STEPS:
            raise ShellError("the script takes too many steps")

    def variable(self, name: str) -> Argument | None:
        """Return a variable as an argument; ``None`` if the script has not set it, or if it is an array."""
        return as_argument(self.variables.get(name, ()))

    def save(self) -> Saved:
        """Return a copy of the state."""
        self._steps += len(self.variables) // 16
        return Saved(dict(self.variables), self.folder, self.arguments)

    def restore(self, saved: Saved) -> None:
        """Return to a saved state."""
        self.variables, self.folder, self.arguments = dict(saved.variables), saved.folder, saved.arguments

    def merge(self, others: Iterable[Saved]) -> None:
        """Keep only values that are the same in all of these states."""
        for other in others:
            for name in self.variables.keys() | other.variables.keys():
                here = self.variables[name] if name in self.variables else self.environment.get(name)
                there = other.variables[name] if name in other.variables else self.environment.get(name)
                if here != there:
                    self.variables[name] = None
            self.folder = self.folder if self.folder == other.folder else None

    def expand(self, words: Iterable[Word]) -> list[Argument]:
        """Return the words as a program receives them."""
        return [argument for word in words for argument in self._expand(word)]

    def _expand(self, word: Word) -> list[Argument]:
        self.count_step()
        if len(word) == 1 and isinstance(part := word[0], syntax.Parameter) and part.is_list:
            value = self.arguments if part.name in "@*" else self._lookup(part.name)
            if isinstance(value, tuple):
                return list(value)
        fields = [Argument("")]
        quoted = False
        for part in word:
            quoted = quoted or part.quoted
            value = self._part(part)
            last = fields[-1]
            if value is None:
                source = part.source if not isinstance(part, syntax.Literal) else part.text
                fields[-1] = Argument(last.text + source, is_known=False, is_one=last.is_one and part.quoted)
            elif part.quoted or isinstance(part, syntax.Literal) or not any(map(str.isspace, value)):
                fields[-1] = last._replace(text=last.text + value)
            else:
                pieces = value.split()
                if value[0].isspace() and last.text:
                    fields.append(Argument(""))
                for at, piece in enumerate(pieces):
                    fields[-1] = fields[-1]._replace(text=fields[-1].text + piece)
                    if at < len(pieces) - 1 or value[-1].isspace():
                        fields.append(Argument(""))
        return [field._replace(text=field.text[:_MAX_VALUE]) for field in fields if field.text or quoted]

    def value_of(self, assignment: Assignment) -> Value:
        """Return the value that an assignment gives; ``None`` if unknown."""
        if not assignment.is_plain:
            return None
        if assignment.is_array:
            return tuple(self.expand(assignment.value))  # type: ignore[arg-type]
        return self._text(assignment.value)  # type: ignore[arg-type]

    def _text(self, word: Word) -> str | None:
        """Return the text of a word without splitting it."""
        values = [self._part(part) for part in word]
        known = [value for value in values if value is not None]
        text = "".join(known)
        return text if len(known) == len(values) and len(text) <= _MAX_VALUE else None

    def _part(self, part: Part) -> str | None:
        self.count_step()
        match part:
            case syntax.Literal(text):
                return text
            case syntax.Parameter():
                return self._parameter(part)
            case syntax.Substitution(body):
                return self._output(body)
        return None

    def _parameter(self, part: syntax.Parameter) -> str | None:
        found = self._lookup(part.name)
        value = found if isinstance(found, str) else None
        operator = part.operator.lstrip(":")
        if found is None or isinstance(found, tuple) or operator in ("", "?"):
            return value
        if operator == "+":
            return self._text(part.word) if value else ""
        if not value and not part.operator.startswith(":"):
            return None  # empty, or unset
        return value or self._text(part.word)

    def _lookup(self, name: str) -> Value:
        if name.isdecimal():
            at = int(name) - 1
            argument = self.arguments[at] if self.arguments and 0 <= at < len(self.arguments) else None
            return argument.text if argument is not None and argument.is_known else None
        if name == "PWD":
            return self.folder
        return self.variables[name] if name in self.variables else self.environment.get(name)

    def _output(self, body: syntax.Sequence) -> str | None:
        """Return what a command prints, for a few simple commands; else ``None``."""
        if len(body.commands) != 1 or not isinstance(command := body.commands[0], syntax.Simple):
            return None
        words = self.expand(word for word in command.words if not isinstance(word, Assignment))
        if not words or not all(word.is_known for word in words):
            return None
        match [word.text for word in words]:
            case ["pwd"]:
                return self.folder
            case ["whoami"] | ["id", "-un"]:
                return self.environment.get("USER")
            case ["echo", *rest] if not any(text.startswith("-") for text in rest):
                return " ".join(rest)
            case ["which", program] | ["command", "-v", program] | ["type", "-P", program]:
                return program  # its folder does not matter
            case ["dirname", path]:
                return posixpath.dirname(path) or "."
            case ["basename", path]:
                return posixpath.basename(path)
        return None


def as_argument(value: Value) -> Argument | None:
    """Return a value as an argument; ``None`` for an array."""
    if isinstance(value, tuple):
        return None
    return Argument("", is_known=False) if value is None else Argument(value)


def absolute_path(folder: str | None, path: str) -> str | None:
    """Return the absolute path of a file; ``None`` if it depends on an unknown folder."""
    if not path.startswith("/") and folder is None:
        return None
    whole = posixpath.join(folder or "/", path)
    return "/" + "/".join(name for name in whole.split("/") if name not in ("", "."))
