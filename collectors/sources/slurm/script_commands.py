"""Which commands a script runs, with its variables filled in as far as the script and its job tell them. Pure.

It follows assignments, ``cd``, functions and branches as the shell would, and runs nothing. What only running would
tell stays unknown: variables that come from where the job was submitted, the output of commands, which branch is taken.
"""

import posixpath
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from dasktop.collectors.model.sums import sum_if_all_known
from dasktop.collectors.sources.slurm import shell
from dasktop.collectors.sources.slurm.shell import Assignment, Part, ShellError, Word, parse_shell

MAX_STEPS = 20_000
PASSED_ON = ("DASK_SCHEDULER_ADDRESS", "SLURM_NTASKS", "SLURM_NPROCS")
"""The variables of a command that tell something of its workers."""
_MAX_VALUE = 4096
_MAX_CALLS = 16

# Where one of these stands in front of ``&&``, what stands behind it is meant to run.
_MEANT_TO_SUCCEED = frozenset(
    {".", ":", "cd", "conda", "echo", "export", "mamba", "mkdir", "ml", "module", "pushd", "set", "sleep", "source"}
    | {"micromamba", "true", "ulimit", "umask", "eval", "declare", "rm", "touch", "hostname", "date", "pwd"}
)


class Argument(NamedTuple):
    """A word of a command as the program gets it."""

    text: str
    """Where it isn't known, as it stands in the script."""
    is_known: bool = True
    is_one: bool = True
    """Whether it surely is one word: an unquoted variable may be none, or several."""


class Command(NamedTuple):
    """A program that is started, and around it what it takes from the shell."""

    words: tuple[Argument, ...]
    folder: str | None
    """That it works in; ``None``: not known."""
    variables: Mapping[str, Argument]
    """Those of `PASSED_ON` that the script sets."""
    stdin: str | None = None
    """A here-document."""
    is_certain: bool = True
    """Whether it is run once; else maybe never, maybe several times."""


Value = str | tuple[Argument, ...] | None
"""A variable's; ``None``: not known."""


class _State(NamedTuple):
    variables: dict[str, Value]
    folder: str | None
    arguments: tuple[Argument, ...] | None


class ScriptRun:
    """Walks through a script.

    Parameters
    ----------
    started
        Is told each command; returns how many workers it starts, ``None`` if that isn't known.
    variables
        Those of the job that are known: ``HOME``, ``SLURM_JOB_ID``, …
    folder
        That the job works in.
    """

    def __init__(
        self, started: Callable[[Command], int | None], variables: Mapping[str, str], folder: str | None
    ) -> None:
        self._started = started
        self._given = variables
        self._variables: dict[str, Value] = {}
        self._folder = folder
        self._arguments: tuple[Argument, ...] | None = None
        self._functions: dict[str, shell.Node] = {}
        self._doubts = 0
        self._calls = 0
        self._has_ended = False
        self._steps = 0

    def run(self, text: str) -> int | None:
        """Return how many workers the script starts; ``None`` if it doesn't tell.

        Raises
        ------
        ShellError
            It is no shell script, or goes beyond bounds.
        """
        return self._run(parse_shell(text))

    def variable(self, name: str) -> Argument | None:
        """Return a variable as it is now; ``None`` if the script didn't set it."""
        return _one(self._variables.get(name, ()))

    def run_text(self, text: str, command: Command) -> int | None:
        """Do the same for what a command runs in a shell of its own, such as ``bash -c '…'``."""
        self._calls += 1
        if self._calls > _MAX_CALLS:
            raise ShellError("it calls itself")
        try:
            return self._apart(parse_shell(text, self._calls), doubtful=not command.is_certain)
        finally:
            self._calls -= 1

    # Commands

    def _run(self, node: shell.Node) -> int | None:
        self._step()
        match node:
            case shell.Sequence(commands):
                counts: list[int | None] = []
                for command in commands:
                    if self._has_ended:
                        break
                    counts.append(self._run(command))
                return sum_if_all_known(counts)
            case shell.Simple():
                return self._simple(node)
            case shell.Background(command):
                return self._apart(command)
            case shell.Pipeline(commands):
                return sum_if_all_known([self._apart(command) for command in commands])
            case shell.Compound(body, has_own_shell):
                return self._apart(body) if has_own_shell else self._run(body)
            case shell.AndOr(first, rest):
                return self._and_or(first, rest)
            case shell.Branches():
                return self._branches(node)
            case shell.Loop():
                return self._loop(node)
            case shell.Function(name, body):
                self._functions[name] = body
        return 0

    def _apart(self, node: shell.Node, *, doubtful: bool = False) -> int | None:
        """Run what can't change this shell's variables."""
        before, ended = self._state(), self._has_ended
        self._doubts += doubtful
        count = self._run(node)
        self._doubts -= doubtful
        self._restore(before)
        self._has_ended = ended
        return count

    def _maybe(self, node: shell.Node) -> tuple[int | None, _State]:
        """Run what may not be run; return the state behind it."""
        before = self._state()
        self._doubts += 1
        count = self._run(node)
        self._doubts -= 1
        after = self._state()
        self._restore(before)
        self._has_ended = False
        return count, after

    def _and_or(self, first: shell.Node, rest: Sequence[tuple[str, shell.Node]]) -> int | None:
        counts, before = [self._run(first)], first
        is_sure = True
        for operator, node in rest:
            is_sure = is_sure and operator == "&&" and _is_meant_to_succeed(before)
            if is_sure:
                state = self._state()
                counts.append(self._run(node))
                if self._has_ended and counts[-1] == 0:  # what a script ends by without a worker isn't what it is for
                    self._restore(state)
                    self._has_ended = False
            else:
                count, after = self._maybe(node)
                counts.append(0 if count == 0 else None)
                self._merge([after])
            before = node
        return sum_if_all_known(counts)

    def _branches(self, node: shell.Branches) -> int | None:
        conditions = [self._run(condition) for condition in node.conditions]
        ran = [self._maybe(body) for body in node.bodies]
        self._merge([state for _, state in ran])
        counts = {count for count, _ in ran} | (set() if node.is_exhaustive else {0})
        return sum_if_all_known([*conditions, counts.pop() if len(counts) == 1 else None])

    def _loop(self, node: shell.Loop) -> int | None:
        changed = _assigned(node.body) | ({node.variable} if node.variable else set())
        self._variables |= dict.fromkeys(changed, None)
        if _goes_elsewhere(node.body):
            self._folder = None
        conditions = self._maybe(node.condition)[0] if node.condition is not None else 0
        count, after = self._maybe(node.body)
        self._merge([after])
        return 0 if conditions == count == 0 else None

    def _simple(self, node: shell.Simple) -> int | None:
        set_before = {assignment.name: self._value(assignment) for assignment in node.assignments}
        if not node.words:
            self._variables |= set_before
            return 0
        words = [word for word in node.words if not isinstance(word, Assignment)]
        arguments = self.expand(words)
        program = arguments[0].text if arguments and arguments[0].is_known else ""
        if program in self._functions:
            return self._call(self._functions[program], tuple(arguments[1:]))
        if self._builtin(program, arguments[1:], [word for word in node.words if isinstance(word, Assignment)]):
            return 0
        known = {
            name: argument
            for name in PASSED_ON
            if (argument := _one(set_before.get(name) if name in set_before else self._variables.get(name, ())))
            is not None
        }
        stdin = node.stdin[0] if node.stdin else None
        count = self._started(Command(tuple(arguments), self._folder, known, stdin, self._doubts == 0))
        if program == "exec" and len(arguments) > 1:
            self._has_ended = True
        return count

    def _call(self, body: shell.Node, arguments: tuple[Argument, ...]) -> int | None:
        self._calls += 1
        if self._calls > _MAX_CALLS:
            raise ShellError("a function calls itself")
        before, self._arguments = self._arguments, arguments
        count = self._run(body)
        self._arguments, self._has_ended = before, False
        self._calls -= 1
        return count

    def _builtin(self, program: str, arguments: Sequence[Argument], assignments: Sequence[Assignment]) -> bool:
        """Do what a command does inside the shell; return whether it is one that does."""
        names = [argument.text for argument in arguments if not argument.text.startswith("-")]
        match program:
            case "export" | "declare" | "typeset" | "local" | "readonly":
                for assignment in assignments:
                    self._variables[assignment.name] = self._value(assignment)
            case "read" | "mapfile" | "readarray" | "getopts":
                self._variables |= dict.fromkeys(names, None)
            case "unset":
                self._variables |= dict.fromkeys(names, "")
            case "printf" if arguments and arguments[0].text == "-v" and len(arguments) > 1:
                self._variables[arguments[1].text] = None
            case "cd" | "pushd":
                self._go(arguments)
            case "popd":
                self._folder = None
            case "set":
                if arguments and arguments[0].text == "--":
                    self._arguments = tuple(arguments[1:])
            case "shift":
                self._arguments = None
            case "eval":
                self._variables |= dict.fromkeys(_assigned_in("\n".join(argument.text for argument in arguments)), None)
                return False
            case "exit" | "return":
                self._has_ended = True
            case _:
                return False
        return True

    def _go(self, arguments: Sequence[Argument]) -> None:
        operands = [argument for argument in arguments if argument.text not in ("-P", "-L", "--")]
        target = operands[0] if operands else Argument(self._given["HOME"]) if "HOME" in self._given else None
        if target is None or not target.is_known or target.text.startswith("-"):
            self._folder = None
        elif target.text.startswith("/"):
            self._folder = target.text
        else:
            self._folder = in_folder(self._folder, target.text)

    # Variables

    def expand(self, words: Iterable[Word]) -> list[Argument]:
        """Return the words as a program gets them."""
        return [argument for word in words for argument in self._expand(word)]

    def _expand(self, word: Word) -> list[Argument]:
        self._step()
        if len(word) == 1 and isinstance(part := word[0], shell.Parameter) and part.is_list:
            value = self._arguments if part.name in "@*" else self._lookup(part.name)
            if isinstance(value, tuple):
                return list(value)
        fields = [Argument("")]
        quoted = False
        for part in word:
            quoted = quoted or part.quoted
            value = self._part(part)
            last = fields[-1]
            if value is None:
                source = part.source if not isinstance(part, shell.Literal) else part.text
                fields[-1] = Argument(last.text + source, is_known=False, is_one=last.is_one and part.quoted)
            elif part.quoted or isinstance(part, shell.Literal) or not any(map(str.isspace, value)):
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

    def _value(self, assignment: Assignment) -> Value:
        if not assignment.is_plain:
            return None
        if assignment.is_array:
            return tuple(self.expand(assignment.value))  # type: ignore[arg-type]
        return self._text(assignment.value)  # type: ignore[arg-type]

    def _text(self, word: Word) -> str | None:
        """Return a word without taking it apart."""
        values = [self._part(part) for part in word]
        known = [value for value in values if value is not None]
        text = "".join(known)
        return text if len(known) == len(values) and len(text) <= _MAX_VALUE else None

    def _part(self, part: Part) -> str | None:
        self._step()
        match part:
            case shell.Literal(text):
                return text
            case shell.Parameter():
                return self._parameter(part)
            case shell.Substitution(body):
                return self._output(body)
        return None

    def _parameter(self, part: shell.Parameter) -> str | None:
        found = self._lookup(part.name)
        value = found if isinstance(found, str) else None
        operator = part.operator.lstrip(":")
        if found is None or isinstance(found, tuple) or operator in ("", "?"):
            return value
        if operator == "+":
            return self._text(part.word) if value else ""
        if not value and not part.operator.startswith(":"):
            return None  # set to nothing, or unset
        return value or self._text(part.word)

    def _lookup(self, name: str) -> Value:
        if name.isdecimal():
            at = int(name) - 1
            argument = self._arguments[at] if self._arguments and 0 <= at < len(self._arguments) else None
            return argument.text if argument is not None and argument.is_known else None
        if name == "PWD":
            return self._folder
        return self._variables[name] if name in self._variables else self._given.get(name)

    def _output(self, body: shell.Sequence) -> str | None:
        """Return what a command prints, where that is plain."""
        if len(body.commands) != 1 or not isinstance(command := body.commands[0], shell.Simple):
            return None
        words = self.expand(word for word in command.words if not isinstance(word, Assignment))
        if not words or not all(word.is_known for word in words):
            return None
        match [word.text for word in words]:
            case ["pwd"]:
                return self._folder
            case ["whoami"] | ["id", "-un"]:
                return self._given.get("USER")
            case ["echo", *rest] if not any(text.startswith("-") for text in rest):
                return " ".join(rest)
            case ["which", program] | ["command", "-v", program] | ["type", "-P", program]:
                return program  # its folder doesn't matter
            case ["dirname", path]:
                return posixpath.dirname(path) or "."
            case ["basename", path]:
                return posixpath.basename(path)
        return None

    # Bookkeeping

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise ShellError("it takes too many steps")

    def _state(self) -> _State:
        self._steps += len(self._variables) // 16
        return _State(dict(self._variables), self._folder, self._arguments)

    def _restore(self, state: _State) -> None:
        self._variables, self._folder, self._arguments = dict(state.variables), state.folder, state.arguments

    def _merge(self, others: Iterable[_State]) -> None:
        """Keep what is the same whichever way was taken."""
        for other in others:
            for name in self._variables.keys() | other.variables.keys():
                here = self._variables[name] if name in self._variables else self._given.get(name)
                there = other.variables[name] if name in other.variables else self._given.get(name)
                if here != there:
                    self._variables[name] = None
            self._folder = self._folder if self._folder == other.folder else None


def in_folder(folder: str | None, path: str) -> str | None:
    """Return the whole path of a file; ``None`` where it depends on a folder that isn't known."""
    if not path.startswith("/") and folder is None:
        return None
    whole = posixpath.join(folder or "/", path)
    return "/" + "/".join(name for name in whole.split("/") if name not in ("", "."))


def _one(value: Value) -> Argument | None:
    if isinstance(value, tuple):
        return None
    return Argument("", is_known=False) if value is None else Argument(value)


def _is_meant_to_succeed(node: shell.Node) -> bool:
    if not isinstance(node, shell.Simple):
        return False
    first = next((word for word in node.words if not isinstance(word, Assignment)), None)
    return first is None or shell.literal_text(first) in _MEANT_TO_SUCCEED


def _nodes(node: shell.Node) -> Iterable[shell.Node]:
    """Yield this node and all below it."""
    waiting: list[shell.Node] = [node]
    while waiting:
        current = waiting.pop()
        yield current
        match current:
            case shell.Sequence(commands) | shell.Pipeline(commands):
                waiting += commands
            case shell.Background(body) | shell.Compound(body=body) | shell.Function(body=body):
                waiting.append(body)
            case shell.AndOr(first, rest):
                waiting += [first, *(other for _, other in rest)]
            case shell.Branches(conditions, bodies):
                waiting += [*conditions, *bodies]
            case shell.Loop(_, condition, body):
                waiting += [body, *([condition] if condition is not None else [])]


def _assigned(node: shell.Node) -> set[str]:
    """Return the variables that may get a value in it."""
    names = set()
    for below in _nodes(node):
        if isinstance(below, shell.Simple):
            names |= {assignment.name for assignment in below.assignments}
            names |= {word.name for word in below.words if isinstance(word, Assignment)}
            texts = [shell.literal_text(word) for word in below.words if not isinstance(word, Assignment)]
            if texts[:1] in (["read"], ["unset"]):
                names |= {text for text in texts[1:] if text}
        elif isinstance(below, shell.Loop) and below.variable:
            names.add(below.variable)
    return names


def _assigned_in(text: str) -> set[str]:
    try:
        return _assigned(parse_shell(text))
    except ShellError:
        return set()


def _goes_elsewhere(node: shell.Node) -> bool:
    return any(
        isinstance(below, shell.Simple)
        and below.words
        and not isinstance(below.words[0], Assignment)
        and shell.literal_text(below.words[0]) in ("cd", "pushd", "popd")
        for below in _nodes(node)
    )
