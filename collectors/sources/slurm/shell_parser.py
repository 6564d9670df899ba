"""Parse a shell script into a syntax tree, as far as job scripts need it. Pure, and bounded.

Follows the grammar of POSIX and the extensions of bash (`[[`, `((`, `function`, arrays, here-strings). Raises
`ShellError` instead of guessing. It reads each character once, so 64 KB take a bounded time whatever they contain.
(tree-sitter-bash took a minute for 64 KB of ``a|``; bashlex is GPL.)
"""

import re
from collections.abc import Collection

from dasktop.collectors.sources.slurm.shell_syntax import (
    NOTHING,
    AndOr,
    Assignment,
    Background,
    Branches,
    Compound,
    Function,
    Loop,
    Node,
    Pipeline,
    Sequence,
    ShellError,
    Simple,
    Unknown,
    Word,
    literal_text,
)
from dasktop.collectors.sources.slurm.shell_words import MAX_DEPTH, OPERATOR, WordReader

MAX_CHARACTERS = 1 << 16

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[[^\]\n]*\])?(\+?)=", re.ASCII)
_FUNCTION = re.compile(r"([^\s'\"\\$`;&|()<>=]+)[ \t]*\([ \t]*\)")
_ENDS_LIST = frozenset({"then", "else", "elif", "fi", "do", "done", "esac", "}"})
_DECLARATIONS = frozenset({"export", "declare", "typeset", "local", "readonly"})


def parse_shell(text: str, depth: int = 0) -> Sequence:
    """Return the commands of a script.

    Raises
    ------
    ShellError
        The text is not a shell script, or exceeds a limit.
    """
    if len(text) > MAX_CHARACTERS:
        raise ShellError("the script is too long")
    parser = _Parser(text.replace("\r\n", "\n"), depth)
    return parser.whole()


class _Parser(WordReader):
    """Reads the commands of a script."""

    def whole(self) -> Sequence:
        found = self._sequence()
        if self._at < len(self._text):
            raise ShellError(f"unexpected {self._text[self._at : self._at + 8]!r}")
        return found

    def _nested_script(self, text: str) -> Sequence:
        return parse_shell(text, self._depth)

    def _sequence(self, *, closed_by: Collection[str] = ()) -> Sequence:
        """Read commands up to an operator or reserved word that ends them."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ShellError("the script nests too deeply")
        commands: list[Node] = []
        while True:
            self._skip_lines()
            operator = self._peek()
            if self._at >= len(self._text) or operator in (")", ";;", ";&", ";;&") or self._reserved() in _ENDS_LIST:
                break
            command = self._and_or()
            operator = self._peek()
            if operator == "&":
                command = Background(command)
            commands.append(command)
            if operator in ("&", ";", "\n"):
                self._expect(operator)
            elif operator not in (")", ";;", ";&", ";;&") and self._at < len(self._text):
                raise ShellError(f"unexpected {self._text[self._at : self._at + 8]!r}")
        self._depth -= 1
        if closed_by and self._reserved() not in closed_by and self._peek() not in closed_by:
            raise ShellError(f"no {' or '.join(sorted(closed_by))}")
        return Sequence(tuple(commands))

    def _and_or(self) -> Node:
        first = self._pipeline()
        rest: list[tuple[str, Node]] = []
        while (operator := self._peek()) in ("&&", "||"):
            self._expect(operator)
            self._skip_lines()
            rest.append((operator, self._pipeline()))
        return AndOr(first, tuple(rest)) if rest else first

    def _pipeline(self) -> Node:
        while self._reserved() == "!":
            self._at += 1
        commands = [self._command()]
        while (operator := self._peek()) in ("|", "|&"):
            self._expect(operator)
            self._skip_lines()
            commands.append(self._command())
        return Pipeline(tuple(commands)) if len(commands) > 1 else commands[0]

    def _command(self) -> Node:
        reserved = self._reserved()
        readers = {
            "if": self._if,
            "while": self._while,
            "until": self._while,
            "for": self._for,
            "select": self._for,
            "case": self._case,
            "{": self._group,
            "function": self._function,
            "[[": self._test,
        }
        if self._peek() == "(":
            node = self._arithmetic() or self._subshell()
        elif reserved in readers:
            self._at += len(reserved)
            node = readers[reserved]()
        elif (function := _FUNCTION.match(self._text, self._at)) is not None:
            self._at = function.end()
            return self._function_body(function[1])
        else:
            return self._simple()
        while self._redirection() is not None:
            pass
        return node

    def _if(self) -> Node:
        conditions, bodies = [], []
        while True:
            conditions.append(self._sequence(closed_by=("then",)))
            self._at += len("then")
            bodies.append(self._sequence(closed_by=("elif", "else", "fi")))
            word = self._reserved()
            self._at += len(word)
            if word == "fi":
                return Branches(tuple(conditions), tuple(bodies), is_exhaustive=False)
            if word == "else":
                bodies.append(self._sequence(closed_by=("fi",)))
                self._at += len("fi")
                return Branches(tuple(conditions), tuple(bodies), is_exhaustive=True)

    def _while(self) -> Node:
        condition = self._sequence(closed_by=("do",))
        return Loop(None, condition, self._do())

    def _for(self) -> Node:
        self._skip_blanks()
        variable = None
        if self._text.startswith("((", self._at):
            self._arithmetic()
        else:
            variable = literal_text(self._word())
            self._skip_lines()
            if self._reserved() == "in":
                self._at += len("in")
                while self._peek() is None and self._at < len(self._text):
                    self._word()
        while self._peek() in (";", "\n"):
            self._expect(self._peek() or "")
        return Loop(variable, None, self._do())

    def _do(self) -> Sequence:
        if self._reserved() != "do":
            raise ShellError("no do")
        self._at += len("do")
        body = self._sequence(closed_by=("done",))
        self._at += len("done")
        return body

    def _case(self) -> Node:
        self._word()
        self._skip_lines()
        if self._reserved() != "in":
            raise ShellError("no in")
        self._at += len("in")
        bodies: list[Sequence] = []
        patterns: list[Word] = []
        while True:
            self._skip_lines()
            if self._reserved() == "esac":
                self._at += len("esac")
                return Branches((), tuple(bodies), is_exhaustive=(Unknown("*", quoted=False),) in patterns)
            if self._peek() == "(":
                self._expect("(")
            patterns.append(self._word())
            while self._peek() == "|":
                self._expect("|")
                patterns.append(self._word())
            self._expect(")")
            bodies.append(self._sequence())
            if (operator := self._peek()) in (";;", ";&", ";;&"):
                self._expect(operator)
            elif self._reserved() != "esac":
                raise ShellError("no esac")

    def _group(self) -> Node:
        body = self._sequence(closed_by=("}",))
        self._at += 1
        return Compound(body, is_subshell=False)

    def _subshell(self) -> Node:
        self._expect("(")
        body = self._sequence(closed_by=(")",))
        self._expect(")")
        return Compound(body, is_subshell=True)

    def _function(self) -> Node:
        name = literal_text(self._word())
        self._skip_blanks()
        if self._peek() == "(":
            self._expect("(")
            self._expect(")")
        return self._function_body(name or "")

    def _function_body(self, name: str) -> Node:
        self._skip_lines()
        return Function(name, self._command())

    def _test(self) -> Node:
        """Skip ``[[ … ]]``, which has its own operators."""
        while True:
            self._skip_lines()
            if self._reserved() == "]]":
                self._at += 2
                return NOTHING
            if self._at >= len(self._text):
                raise ShellError("no ]]")
            operator = OPERATOR.match(self._text, self._at)
            if operator is not None:
                self._at = operator.end()
            else:
                self._word()

    def _arithmetic(self) -> Node | None:
        """Skip ``(( … ))``, if that is next."""
        end = self._text.find("))", self._at)
        if not self._text.startswith("((", self._at) or end < 0:
            return None
        self._at = end + 2
        return NOTHING

    def _simple(self) -> Node:
        assignments: list[Assignment] = []
        words: list[Word | Assignment] = []
        stdin: list[str] = []
        is_declaration = False
        start = self._at
        while True:
            redirected = self._redirection()
            if redirected is not None:
                stdin = redirected
            elif self._at >= len(self._text) or (self._peek() is not None and not self._at_process_substitution()):
                break
            elif (not words or is_declaration) and (assignment := self._assignment()) is not None:
                if words:
                    words.append(assignment)
                else:
                    assignments.append(assignment)
            else:
                word = self._word()
                is_declaration = is_declaration or (not words and literal_text(word) in _DECLARATIONS)
                words.append(word)
        if self._at == start:
            raise ShellError(f"unexpected {self._text[start : start + 8]!r}")
        return Simple(tuple(assignments), tuple(words), stdin)

    def _assignment(self) -> Assignment | None:
        match = _ASSIGNMENT.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        is_plain = not match[2] and not match[3]
        if not self._text.startswith("(", self._at):
            return Assignment(match[1], self._word(is_value=True), is_plain=is_plain)
        self._expect("(")
        values = []
        self._skip_lines()
        while self._peek() != ")":
            if self._at >= len(self._text) or (self._peek() is not None and not self._at_process_substitution()):
                raise ShellError("no )")
            values.append(self._word())
            self._skip_lines()
        self._expect(")")
        return Assignment(match[1], tuple(values), is_array=True, is_plain=is_plain)
