"""The syntax of a shell script, as far as job scripts need it: text in, a tree of commands out. Pure, and bounded.

It follows the grammar of POSIX and what bash adds (`[[`, `((`, `function`, arrays, here-strings). Where a text is no
such script, or nests too deeply, it says so instead of guessing. It reads each character once, so that 64 KB take a
bounded time whatever they hold. (tree-sitter-bash took a minute for 64 KB of ``a|``; bashlex is GPL.)
"""

import re
from collections.abc import Collection
from typing import NamedTuple

MAX_CHARACTERS = 1 << 16
MAX_DEPTH = 40
MAX_WORDS = 8_000

_BLANK = re.compile(r"(?:[ \t\r]|\\\r?\n)*")
_COMMENT = re.compile(r"#[^\n]*")
_OPERATOR = re.compile(r";;&|;;|;&|&&|&>>|&>|\|\||\|&|<<<|<<-|<<|<>|<&|>>|>&|>\||[;&|()<>\n]")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[[^\]\n]*\])?(\+?)=", re.ASCII)
_PLAIN = re.compile(r"[^\s'\"\\$`;&|()<>]+")
_PLAIN_IN_QUOTES = re.compile(r"[^\"\\$`]+")
_PLAIN_IN_BRACES = re.compile(r"[^'\"\\$`}]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]", re.ASCII)
_IN_BRACES = re.compile(r"([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*])(\[[@*]\])?(:?[-=+?])?", re.ASCII)
_FUNCTION = re.compile(r"([^\s'\"\\$`;&|()<>=]+)[ \t]*\([ \t]*\)")
_TILDE = re.compile(r"~(?=[/\s;&|()<>:]|$)")
_ANSI_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_REDIRECTIONS = frozenset({"&>>", "&>", "<<<", "<<-", "<<", "<>", "<&", ">>", ">&", ">|", "<", ">"})
_RESERVED = re.compile(r"(?:[a-z]+|[!{}]|\[\[|\]\])(?=[\s;&|()<>]|$)", re.ASCII)
_ENDS_LIST = frozenset({"then", "else", "elif", "fi", "do", "done", "esac", "}"})


class ShellError(ValueError):
    """The text can't be read as a shell script, or not within bounds."""


class Literal(NamedTuple):
    """Text that stands for itself."""

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
    """``:-`` and its kind."""
    word: tuple["Part", ...] = ()


class Substitution(NamedTuple):
    """``$(…)`` or backticks."""

    body: "Sequence"
    source: str
    quoted: bool


class Unknown(NamedTuple):
    """What only running it tells, such as arithmetic."""

    source: str
    quoted: bool


Part = Literal | Parameter | Substitution | Unknown
Word = tuple[Part, ...]


class Assignment(NamedTuple):
    """``NAME=word``."""

    name: str
    value: Word | tuple[Word, ...]
    """Words, if it is an array."""
    is_array: bool = False
    is_plain: bool = True
    """Not ``+=``, nor one element of an array."""


class Simple(NamedTuple):
    """A command with its arguments, maybe only assignments."""

    assignments: tuple[Assignment, ...]
    words: tuple[Word | Assignment, ...]
    """Behind ``export`` and its kind stand assignments too."""
    stdin: list[str]
    """The text of a here-document, if there is one."""


class Compound(NamedTuple):
    """``{ …; }`` or, with a shell of its own, ``( … )``."""

    body: "Sequence"
    has_own_shell: bool


class Branches(NamedTuple):
    """``if`` or ``case``: one of several lists runs, or none."""

    conditions: tuple["Sequence", ...]
    bodies: tuple["Sequence", ...]
    is_exhaustive: bool
    """Whether one of them runs in any case."""


class Loop(NamedTuple):
    """``for``, ``while``, ``until``: any number of times."""

    variable: str | None
    condition: "Sequence | None"
    body: "Sequence"


class Function(NamedTuple):
    """The definition of a function, which runs nothing."""

    name: str
    body: "Node"


class Pipeline(NamedTuple):
    """Several commands at the same time, each in a shell of its own."""

    commands: tuple["Node", ...]


class AndOr(NamedTuple):
    """A command, and those that run if it succeeds or fails."""

    first: "Node"
    rest: tuple[tuple[str, "Node"], ...]


class Background(NamedTuple):
    """``… &``."""

    command: "Node"


class Sequence(NamedTuple):
    """One after the other."""

    commands: tuple["Node", ...]


Node = Simple | Compound | Branches | Loop | Function | Pipeline | AndOr | Background | Sequence
NOTHING = Sequence(())
_DECLARATIONS = frozenset({"export", "declare", "typeset", "local", "readonly"})


def parse_shell(text: str, depth: int = 0) -> Sequence:
    """Return the commands of a script.

    Raises
    ------
    ShellError
        It is none.
    """
    if len(text) > MAX_CHARACTERS:
        raise ShellError("the script is too long")
    parser = _Parser(text.replace("\r\n", "\n"), depth)
    return parser.whole()


def literal_text(word: Word) -> str | None:
    """Return an unquoted word that stands for itself, as reserved words do."""
    return word[0].text if len(word) == 1 and isinstance(word[0], Literal) and not word[0].quoted else None


class _Parser:
    def __init__(self, text: str, depth: int) -> None:
        self._text = text
        self._at = 0
        self._depth = depth
        self._heredocs: list[tuple[str, bool, list[str]]] = []
        self._words = 0

    def whole(self) -> Sequence:
        found = self._sequence()
        if self._at < len(self._text):
            raise ShellError(f"unexpected {self._text[self._at : self._at + 8]!r}")
        return found

    # Lists of commands

    def _sequence(self, *, closed_by: Collection[str] = ()) -> Sequence:
        """Read commands up to an operator or reserved word that ends them."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ShellError("it nests too deeply")
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
                self._take(operator)
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
            self._take(operator)
            self._skip_lines()
            rest.append((operator, self._pipeline()))
        return AndOr(first, tuple(rest)) if rest else first

    def _pipeline(self) -> Node:
        while self._reserved() == "!":
            self._at += 1
        commands = [self._command()]
        while (operator := self._peek()) in ("|", "|&"):
            self._take(operator)
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
            self._take(self._peek() or "")
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
                self._take("(")
            patterns.append(self._word())
            while self._peek() == "|":
                self._take("|")
                patterns.append(self._word())
            self._take(")")
            bodies.append(self._sequence())
            if (operator := self._peek()) in (";;", ";&", ";;&"):
                self._take(operator)
            elif self._reserved() != "esac":
                raise ShellError("no esac")

    def _group(self) -> Node:
        body = self._sequence(closed_by=("}",))
        self._at += 1
        return Compound(body, has_own_shell=False)

    def _subshell(self) -> Node:
        self._take("(")
        body = self._sequence(closed_by=(")",))
        self._take(")")
        return Compound(body, has_own_shell=True)

    def _function(self) -> Node:
        name = literal_text(self._word())
        self._skip_blanks()
        if self._peek() == "(":
            self._take("(")
            self._take(")")
        return self._function_body(name or "")

    def _function_body(self, name: str) -> Node:
        self._skip_lines()
        return Function(name, self._command())

    def _test(self) -> Node:
        """Skip ``[[ … ]]``, which has operators of its own."""
        while True:
            self._skip_lines()
            if self._reserved() == "]]":
                self._at += 2
                return NOTHING
            if self._at >= len(self._text):
                raise ShellError("no ]]")
            operator = _OPERATOR.match(self._text, self._at)
            if operator is not None:
                self._at = operator.end()
            else:
                self._word()

    def _arithmetic(self) -> Node | None:
        """Skip ``(( … ))``, if it is that."""
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
        self._take("(")
        values = []
        self._skip_lines()
        while self._peek() != ")":
            if self._at >= len(self._text) or (self._peek() is not None and not self._at_process_substitution()):
                raise ShellError("no )")
            values.append(self._word())
            self._skip_lines()
        self._take(")")
        return Assignment(match[1], tuple(values), is_array=True, is_plain=is_plain)

    # Redirections and here-documents

    def _redirection(self) -> list[str] | None:
        """Read one, if there is one; return what will hold the text of its here-document, if it has one."""
        self._skip_blanks()
        at = self._at
        while at < len(self._text) and self._text[at] in "0123456789":
            at += 1
        operator = _OPERATOR.match(self._text, at)
        if operator is None or operator[0] not in _REDIRECTIONS or self._at_process_substitution():
            return None
        self._at = operator.end()
        self._skip_blanks()
        start, body = self._at, list[str]()
        word = self._word()
        if operator[0] == "<<<" and all(isinstance(part, Literal) for part in word):
            body.append("".join(part.text for part in word if isinstance(part, Literal)))
        elif operator[0] in ("<<", "<<-"):
            delimiter = re.sub(r"[\\'\"]", "", self._text[start : self._at])
            self._heredocs.append((delimiter, operator[0] == "<<-", body))
        return body

    def _read_heredocs(self) -> None:
        """Read the here-documents whose text begins in the line that begins here."""
        pending, self._heredocs = self._heredocs, []
        for delimiter, strips_tabs, body in pending:
            lines = []
            while self._at < len(self._text):
                end = self._text.find("\n", self._at)
                end = len(self._text) if end < 0 else end
                line = self._text[self._at : end]
                self._at = min(end + 1, len(self._text))
                line = line.lstrip("\t") if strips_tabs else line
                if line == delimiter:
                    break
                lines.append(line)
            body.append("\n".join(lines))

    # Words

    def _word(self, *, is_value: bool = False) -> Word:
        """Read one word; the value of an assignment may be empty."""
        self._words += 1
        if self._words > MAX_WORDS:
            raise ShellError("it has too many words")
        self._skip_blanks(with_comments=not is_value)
        parts: list[Part] = []
        if is_value and self._at < len(self._text) and self._text[self._at] in " \t\n":
            return ()
        start = self._at
        if self._at_process_substitution():
            self._at += 2
            self._sequence(closed_by=(")",))
            self._take(")")
            parts.append(Unknown(self._text[start : self._at], quoted=True))
        if (match := _TILDE.match(self._text, self._at)) is not None:
            self._at = match.end()
            parts.append(Parameter("HOME", "~", quoted=True))
        parts += self._parts(_PLAIN, "")
        if not parts and not is_value:
            raise ShellError(f"unexpected {self._text[start : start + 8]!r}")
        return tuple(parts)

    def _parts(self, plain: re.Pattern[str], closed_by: str) -> list[Part]:
        """Read the parts of a word, up to where it ends or to what closes it."""
        quoted = closed_by == '"'
        parts: list[Part] = []
        while self._at < len(self._text):
            character = self._text[self._at]
            if closed_by and character == closed_by:
                return parts
            if (match := plain.match(self._text, self._at)) is not None:
                self._at = match.end()
                parts += _unquoted(match[0]) if not closed_by else [Literal(match[0], quoted)]
            elif character == "\\":
                escaped = self._text[self._at + 1 : self._at + 2]
                self._at += 1 + len(escaped)
                if escaped != "\n":
                    keeps_backslash = quoted and escaped not in ("$", "`", '"', "\\")
                    parts.append(Literal("\\" + escaped if keeps_backslash else escaped, quoted=True))
            elif character == "'":
                end = self._find("'", self._at + 1)
                parts.append(Literal(self._text[self._at + 1 : end], quoted=True))
                self._at = end + 1
            elif character == '"':
                self._at += 1
                parts += self._parts(_PLAIN_IN_QUOTES, '"') or [Literal("", quoted=True)]
                self._find('"', self._at)
                self._at += 1
            elif character == "`":
                end = self._at + 1
                while (end := self._find("`", end)) and self._text[end - 1] == "\\":
                    end += 1
                source = self._text[self._at : end + 1]
                parts.append(Substitution(parse_shell(source[1:-1].replace("\\`", "`"), self._depth), source, quoted))
                self._at = end + 1
            elif character == "$":
                parts.append(self._dollar(quoted=quoted or closed_by == '"'))
            else:
                break
        if closed_by:
            raise ShellError(f"no {closed_by}")
        return parts

    def _dollar(self, *, quoted: bool) -> Part:
        start = self._at
        self._at += 1
        rest = self._text[self._at : self._at + 2]
        if rest.startswith("((") and (end := self._text.find("))", self._at)) >= 0:
            self._at = end + 2
            return Unknown(self._text[start : self._at], quoted)
        if rest.startswith("("):
            self._at += 1
            body = self._sequence(closed_by=(")",))
            self._take(")")
            return Substitution(body, self._text[start : self._at], quoted)
        if rest.startswith("{"):
            return self._braces(start, quoted=quoted)
        if rest.startswith("'") and not quoted:
            match = _ANSI_QUOTED.match(self._text, self._at)
            if match is None:
                raise ShellError("no '")
            self._at = match.end()
            return Unknown(match[0], quoted=True) if "\\" in match[1] else Literal(match[1], quoted=True)
        if (name := _NAME.match(self._text, self._at)) is not None:
            self._at = name.end()
            return Parameter(name[0], self._text[start : self._at], quoted, is_list=name[0] in "@*")
        return Literal("$", quoted)

    def _braces(self, start: int, *, quoted: bool) -> Part:
        """Read ``${…}``, of which we are at the brace."""
        self._at += 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ShellError("it nests too deeply")
        match = _IN_BRACES.match(self._text, self._at)
        if match is not None:
            self._at = match.end()
        word = tuple(self._parts(_PLAIN_IN_BRACES, "}"))
        self._at += 1
        self._depth -= 1
        source = self._text[start : self._at]
        if match is None or (word and not match[3]):
            return Unknown(source, quoted)
        is_list = bool(match[2]) or match[1] in "@*"
        return Parameter(match[1], source, quoted, is_list, match[3] or "", word)

    # Characters

    def _skip_blanks(self, *, with_comments: bool = True) -> None:
        match = _BLANK.match(self._text, self._at)
        self._at = match.end() if match else self._at
        if with_comments and (comment := _COMMENT.match(self._text, self._at)) is not None:
            self._at = comment.end()

    def _skip_lines(self) -> None:
        self._skip_blanks()
        while self._text.startswith("\n", self._at):
            self._take("\n")
            self._skip_blanks()

    def _peek(self) -> str | None:
        """Return the operator that comes next."""
        self._skip_blanks()
        operator = _OPERATOR.match(self._text, self._at)
        return operator[0] if operator else None

    def _at_process_substitution(self) -> bool:
        return self._text.startswith(("<(", ">("), self._at)

    def _reserved(self) -> str:
        """Return what may be a reserved word that comes next."""
        self._skip_blanks()
        match = _RESERVED.match(self._text, self._at)
        return match[0] if match else ""

    def _take(self, operator: str) -> None:
        self._skip_blanks()
        if not self._text.startswith(operator, self._at):
            raise ShellError(f"no {operator}")
        self._at += len(operator)
        if operator == "\n":
            self._read_heredocs()

    def _find(self, text: str, start: int) -> int:
        found = self._text.find(text, start)
        if found < 0:
            raise ShellError(f"no {text}")
        return found


def _unquoted(text: str) -> list[Part]:
    """Return a plain run of characters; what the shell would make several words or files of isn't known."""
    if "*" in text or ("{" in text and "}" in text and ("," in text or ".." in text)):
        return [Unknown(text, quoted=False)]
    return [Literal(text, quoted=False)]
