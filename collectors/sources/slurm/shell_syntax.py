"""The syntax tree of a shell script, and functions that analyse it. Pure; parses and runs nothing."""

from collections.abc import Iterable
from typing import NamedTuple


class ShellError(ValueError):
    """The text is not a shell script, or exceeds a limit."""


class Literal(NamedTuple):
    """Text without expansions."""

    text: str
    quoted: bool


class Parameter(NamedTuple):
    """``$NAME``, ``${NAME:-word}``; a number is an argument of the script or function, ``@`` all of them."""

    name: str
    source: str
    quoted: bool
    is_list: bool = False
    """``${NAME[@]}``."""
    operator: str = ""
    """``:-`` and the like."""
    word: tuple["Part", ...] = ()


class Substitution(NamedTuple):
    """``$(…)`` or backticks."""

    body: "Sequence"
    source: str
    quoted: bool


class Unknown(NamedTuple):
    """A part whose value is known only at run time, such as arithmetic."""

    source: str
    quoted: bool


Part = Literal | Parameter | Substitution | Unknown
Word = tuple[Part, ...]


class Assignment(NamedTuple):
    """``NAME=word``."""

    name: str
    value: Word | tuple[Word, ...]
    """Several words for an array."""
    is_array: bool = False
    is_plain: bool = True
    """Neither ``+=`` nor an element of an array."""


class Simple(NamedTuple):
    """A command with its arguments, or assignments alone."""

    assignments: tuple[Assignment, ...]
    words: tuple[Word | Assignment, ...]
    """After ``export`` and the like, assignments too."""
    stdin: list[str]
    """The text of a here-document, if there is one."""


class Compound(NamedTuple):
    """``{ …; }``, or ``( … )`` in a subshell."""

    body: "Sequence"
    is_subshell: bool


class Branches(NamedTuple):
    """``if`` or ``case``: at most one of several lists runs."""

    conditions: tuple["Sequence", ...]
    bodies: tuple["Sequence", ...]
    is_exhaustive: bool
    """Whether one of them always runs."""


class Loop(NamedTuple):
    """``for``, ``while``, ``until``: runs any number of times."""

    variable: str | None
    condition: "Sequence | None"
    body: "Sequence"


class Function(NamedTuple):
    """The definition of a function; runs nothing."""

    name: str
    body: "Node"


class Pipeline(NamedTuple):
    """Several commands at the same time, each in a subshell."""

    commands: tuple["Node", ...]


class AndOr(NamedTuple):
    """A command, and the commands after ``&&`` and ``||``."""

    first: "Node"
    rest: tuple[tuple[str, "Node"], ...]


class Background(NamedTuple):
    """``… &``."""

    command: "Node"


class Sequence(NamedTuple):
    """Commands one after another."""

    commands: tuple["Node", ...]


Node = Simple | Compound | Branches | Loop | Function | Pipeline | AndOr | Background | Sequence
NOTHING = Sequence(())


def literal_text(word: Word) -> str | None:
    """Return the text of an unquoted word without expansions; ``None`` for other words."""
    return word[0].text if len(word) == 1 and isinstance(word[0], Literal) and not word[0].quoted else None


def walk(node: Node) -> Iterable[Node]:
    """Yield this node and all its descendants."""
    waiting: list[Node] = [node]
    while waiting:
        current = waiting.pop()
        yield current
        match current:
            case Sequence(commands) | Pipeline(commands):
                waiting += commands
            case Background(body) | Compound(body=body) | Function(body=body):
                waiting.append(body)
            case AndOr(first, rest):
                waiting += [first, *(other for _, other in rest)]
            case Branches(conditions, bodies):
                waiting += [*conditions, *bodies]
            case Loop(_, condition, body):
                waiting += [body, *([condition] if condition is not None else [])]


def assigned_names(node: Node) -> set[str]:
    """Return the variables that the node may assign."""
    names = set()
    for descendant in walk(node):
        if isinstance(descendant, Simple):
            names |= {assignment.name for assignment in descendant.assignments}
            names |= {word.name for word in descendant.words if isinstance(word, Assignment)}
            texts = [literal_text(word) for word in descendant.words if not isinstance(word, Assignment)]
            if texts[:1] in (["read"], ["unset"]):
                names |= {text for text in texts[1:] if text}
        elif isinstance(descendant, Loop) and descendant.variable:
            names.add(descendant.variable)
    return names


def changes_folder(node: Node) -> bool:
    """Return whether the node contains ``cd`` or the like."""
    return any(
        isinstance(descendant, Simple)
        and descendant.words
        and not isinstance(descendant.words[0], Assignment)
        and literal_text(descendant.words[0]) in ("cd", "pushd", "popd")
        for descendant in walk(node)
    )
