"""Walk through a script and report each command that it runs, with variables expanded where they are known. Pure.

Follows assignments, ``cd``, functions and branches like a shell, and runs nothing. What is known only at run time stays
unknown: variables that are not set in the script, the output of commands, which branch is taken.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from dasktop.collectors.model.sums import sum_if_all_known
from dasktop.collectors.sources.slurm import shell_syntax as syntax
from dasktop.collectors.sources.slurm.shell_parser import parse_shell
from dasktop.collectors.sources.slurm.shell_state import Argument, Saved, ShellState, absolute_path, as_argument
from dasktop.collectors.sources.slurm.shell_syntax import Assignment, ShellError

RELEVANT_VARIABLES = ("DASK_SCHEDULER_ADDRESS", "SLURM_NTASKS", "SLURM_NPROCS")
"""The variables that determine the workers that a command starts."""
_MAX_CALLS = 16

# After one of these and ``&&``, the next command is assumed to run.
_PROBABLY_SUCCEED = frozenset(
    {".", ":", "cd", "conda", "echo", "export", "mamba", "mkdir", "ml", "module", "pushd", "set", "sleep", "source"}
    | {"micromamba", "true", "ulimit", "umask", "eval", "declare", "rm", "touch", "hostname", "date", "pwd"}
)


class Command(NamedTuple):
    """A program that the script starts, and the state of the shell that it depends on."""

    words: tuple[Argument, ...]
    folder: str | None
    """Its working directory; ``None``: unknown."""
    variables: Mapping[str, Argument]
    """Those of `RELEVANT_VARIABLES` that the script sets."""
    stdin: str | None = None
    """The text of a here-document."""
    is_certain: bool = True
    """Whether it runs exactly once; otherwise it may run never or several times."""


class ScriptRun:
    """Walks through a script.

    Parameters
    ----------
    count_workers
        Is called with each command; returns how many workers the command starts, ``None`` if unknown.
    environment
        The known variables of the job: ``HOME``, ``SLURM_JOB_ID``, …
    folder
        The working directory of the job; ``None``: unknown.
    """

    def __init__(
        self, count_workers: Callable[[Command], int | None], environment: Mapping[str, str], folder: str | None
    ) -> None:
        self.shell = ShellState(environment, folder)
        self._count_workers = count_workers
        self._functions: dict[str, syntax.Node] = {}
        self._uncertainty = 0
        self._calls = 0
        self._has_ended = False

    def run(self, text: str) -> int | None:
        """Return how many workers the script starts; ``None`` if unknown.

        Raises
        ------
        ShellError
            The text is not a shell script, or exceeds a limit.
        """
        return self._visit(parse_shell(text))

    def run_text(self, text: str, command: Command) -> int | None:
        """Do the same for a script that a command runs in a shell of its own, such as ``bash -c '…'``."""
        self._calls += 1
        if self._calls > _MAX_CALLS:
            raise ShellError("the script calls itself too often")
        try:
            return self._in_subshell(parse_shell(text, self._calls), is_uncertain=not command.is_certain)
        finally:
            self._calls -= 1

    def _visit(self, node: syntax.Node) -> int | None:
        self.shell.count_step()
        match node:
            case syntax.Sequence(commands):
                counts: list[int | None] = []
                for command in commands:
                    if self._has_ended:
                        break
                    counts.append(self._visit(command))
                return sum_if_all_known(counts)
            case syntax.Simple():
                return self._simple(node)
            case syntax.Background(command):
                return self._in_subshell(command)
            case syntax.Pipeline(commands):
                return sum_if_all_known([self._in_subshell(command) for command in commands])
            case syntax.Compound(body, is_subshell):
                return self._in_subshell(body) if is_subshell else self._visit(body)
            case syntax.AndOr(first, rest):
                return self._and_or(first, rest)
            case syntax.Branches():
                return self._branches(node)
            case syntax.Loop():
                return self._loop(node)
            case syntax.Function(name, body):
                self._functions[name] = body
        return 0

    def _in_subshell(self, node: syntax.Node, *, is_uncertain: bool = False) -> int | None:
        """Run a node in a subshell: it does not change the state of this shell."""
        before, ended = self.shell.save(), self._has_ended
        self._uncertainty += is_uncertain
        count = self._visit(node)
        self._uncertainty -= is_uncertain
        self.shell.restore(before)
        self._has_ended = ended
        return count

    def _possibly(self, node: syntax.Node) -> tuple[int | None, Saved]:
        """Run a node that the shell may skip; return the state after it, and restore the state before it."""
        before = self.shell.save()
        self._uncertainty += 1
        count = self._visit(node)
        self._uncertainty -= 1
        after = self.shell.save()
        self.shell.restore(before)
        self._has_ended = False
        return count, after

    def _and_or(self, first: syntax.Node, rest: Sequence[tuple[str, syntax.Node]]) -> int | None:
        counts, before = [self._visit(first)], first
        is_certain = True
        for operator, node in rest:
            is_certain = is_certain and operator == "&&" and _probably_succeeds(before)
            if is_certain:
                state = self.shell.save()
                counts.append(self._visit(node))
                if self._has_ended and counts[-1] == 0:  # exits early without a worker: assumed to be error handling
                    self.shell.restore(state)
                    self._has_ended = False
            else:
                count, after = self._possibly(node)
                counts.append(0 if count == 0 else None)
                self.shell.merge([after])
            before = node
        return sum_if_all_known(counts)

    def _branches(self, node: syntax.Branches) -> int | None:
        conditions = [self._visit(condition) for condition in node.conditions]
        ran = [self._possibly(body) for body in node.bodies]
        self.shell.merge([state for _, state in ran])
        counts = {count for count, _ in ran} | (set() if node.is_exhaustive else {0})
        return sum_if_all_known([*conditions, counts.pop() if len(counts) == 1 else None])

    def _loop(self, node: syntax.Loop) -> int | None:
        changed = syntax.assigned_names(node.body) | ({node.variable} if node.variable else set())
        self.shell.variables |= dict.fromkeys(changed, None)
        if syntax.changes_folder(node.body):
            self.shell.folder = None
        conditions = self._possibly(node.condition)[0] if node.condition is not None else 0
        count, after = self._possibly(node.body)
        self.shell.merge([after])
        return 0 if conditions == count == 0 else None

    def _simple(self, node: syntax.Simple) -> int | None:
        set_before = {assignment.name: self.shell.value_of(assignment) for assignment in node.assignments}
        if not node.words:
            self.shell.variables |= set_before
            return 0
        words = [word for word in node.words if not isinstance(word, Assignment)]
        arguments = self.shell.expand(words)
        program = arguments[0].text if arguments and arguments[0].is_known else ""
        if program in self._functions:
            return self._call(self._functions[program], tuple(arguments[1:]))
        if self._builtin(program, arguments[1:], [word for word in node.words if isinstance(word, Assignment)]):
            return 0
        values = self.shell.variables | set_before
        relevant = {name: as_argument(values.get(name, ())) for name in RELEVANT_VARIABLES}
        known = {name: argument for name, argument in relevant.items() if argument is not None}
        stdin = node.stdin[0] if node.stdin else None
        count = self._count_workers(Command(tuple(arguments), self.shell.folder, known, stdin, self._uncertainty == 0))
        if program == "exec" and len(arguments) > 1:
            self._has_ended = True
        return count

    def _call(self, body: syntax.Node, arguments: tuple[Argument, ...]) -> int | None:
        self._calls += 1
        if self._calls > _MAX_CALLS:
            raise ShellError("a function calls itself too often")
        before, self.shell.arguments = self.shell.arguments, arguments
        count = self._visit(body)
        self.shell.arguments, self._has_ended = before, False
        self._calls -= 1
        return count

    def _builtin(self, program: str, arguments: Sequence[Argument], assignments: Sequence[Assignment]) -> bool:
        """Apply the effect of a shell builtin; return whether the command is one."""
        names = [argument.text for argument in arguments if not argument.text.startswith("-")]
        match program:
            case "export" | "declare" | "typeset" | "local" | "readonly":
                for assignment in assignments:
                    self.shell.variables[assignment.name] = self.shell.value_of(assignment)
            case "read" | "mapfile" | "readarray" | "getopts":
                self.shell.variables |= dict.fromkeys(names, None)
            case "unset":
                self.shell.variables |= dict.fromkeys(names, "")
            case "printf" if arguments and arguments[0].text == "-v" and len(arguments) > 1:
                self.shell.variables[arguments[1].text] = None
            case "cd" | "pushd":
                self._change_folder(arguments)
            case "popd":
                self.shell.folder = None
            case "set":
                if arguments and arguments[0].text == "--":
                    self.shell.arguments = tuple(arguments[1:])
            case "shift":
                self.shell.arguments = None
            case "eval":
                text = "\n".join(argument.text for argument in arguments)
                self.shell.variables |= dict.fromkeys(_assigned_in_text(text), None)
                return False
            case "exit" | "return":
                self._has_ended = True
            case _:
                return False
        return True

    def _change_folder(self, arguments: Sequence[Argument]) -> None:
        operands = [argument for argument in arguments if argument.text not in ("-P", "-L", "--")]
        home = self.shell.environment.get("HOME")
        target = operands[0] if operands else None if home is None else Argument(home)
        if target is None or not target.is_known or target.text.startswith("-"):
            self.shell.folder = None
        elif target.text.startswith("/"):
            self.shell.folder = target.text
        else:
            self.shell.folder = absolute_path(self.shell.folder, target.text)


def _probably_succeeds(node: syntax.Node) -> bool:
    if not isinstance(node, syntax.Simple):
        return False
    first = next((word for word in node.words if not isinstance(word, Assignment)), None)
    return first is None or syntax.literal_text(first) in _PROBABLY_SUCCEED


def _assigned_in_text(text: str) -> set[str]:
    try:
        return syntax.assigned_names(parse_shell(text))
    except ShellError:
        return set()
