"""Read the words of a shell script: quoting, expansions, redirections and here-documents. Pure, and bounded."""

import re
from abc import ABC, abstractmethod
from collections.abc import Collection

from dasktop.collectors.sources.slurm.shell_syntax import (
    Literal,
    Parameter,
    Part,
    Sequence,
    ShellError,
    Substitution,
    Unknown,
    Word,
)

MAX_DEPTH = 40
MAX_WORDS = 8_000

_BLANK = re.compile(r"(?:[ \t\r]|\\\r?\n)*")
_COMMENT = re.compile(r"#[^\n]*")
OPERATOR = re.compile(r";;&|;;|;&|&&|&>>|&>|\|\||\|&|<<<|<<-|<<|<>|<&|>>|>&|>\||[;&|()<>\n]")
_PLAIN = re.compile(r"[^\s'\"\\$`;&|()<>]+")
_PLAIN_IN_QUOTES = re.compile(r"[^\"\\$`]+")
_PLAIN_IN_BRACES = re.compile(r"[^'\"\\$`}]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]", re.ASCII)
_IN_BRACES = re.compile(r"([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*])(\[[@*]\])?(:?[-=+?])?", re.ASCII)
_TILDE = re.compile(r"~(?=[/\s;&|()<>:]|$)")
_ANSI_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_REDIRECTIONS = frozenset({"&>>", "&>", "<<<", "<<-", "<<", "<>", "<&", ">>", ">&", ">|", "<", ">"})
_RESERVED = re.compile(r"(?:[a-z]+|[!{}]|\[\[|\]\])(?=[\s;&|()<>]|$)", re.ASCII)


class WordReader(ABC):
    """Reads words from a position in a script. A subclass reads the commands inside ``$(…)``."""

    def __init__(self, text: str, depth: int) -> None:
        self._text = text
        self._at = 0
        self._depth = depth
        self._heredocs: list[tuple[str, bool, list[str]]] = []
        self._words = 0

    @abstractmethod
    def _sequence(self, *, closed_by: Collection[str] = ()) -> Sequence:
        """Read commands up to an operator or reserved word that ends them."""

    @abstractmethod
    def _nested_script(self, text: str) -> Sequence:
        """Parse the text between backticks."""

    # Redirections and here-documents

    def _redirection(self) -> list[str] | None:
        """Read a redirection; return the list for the text of its here-document. ``None``: there is no redirection."""
        self._skip_blanks()
        at = self._at
        while at < len(self._text) and self._text[at] in "0123456789":
            at += 1
        operator = OPERATOR.match(self._text, at)
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
        """Read the here-documents whose text starts at this line."""
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
            raise ShellError("the script has too many words")
        self._skip_blanks(with_comments=not is_value)
        parts: list[Part] = []
        if is_value and self._at < len(self._text) and self._text[self._at] in " \t\n":
            return ()
        start = self._at
        if self._at_process_substitution():
            self._at += 2
            self._sequence(closed_by=(")",))
            self._expect(")")
            parts.append(Unknown(self._text[start : self._at], quoted=True))
        if (match := _TILDE.match(self._text, self._at)) is not None:
            self._at = match.end()
            parts.append(Parameter("HOME", "~", quoted=True))
        parts += self._parts(_PLAIN, "")
        if not parts and not is_value:
            raise ShellError(f"unexpected {self._text[start : start + 8]!r}")
        return tuple(parts)

    def _parts(self, plain: re.Pattern[str], closed_by: str) -> list[Part]:
        """Read the parts of a word, up to its end or to the closing character."""
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
                parts.append(Substitution(self._nested_script(source[1:-1].replace("\\`", "`")), source, quoted))
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
            self._expect(")")
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
        """Read ``${…}``, from the brace on."""
        self._at += 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ShellError("the script nests too deeply")
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
            self._expect("\n")
            self._skip_blanks()

    def _peek(self) -> str | None:
        """Return the next operator, without reading it."""
        self._skip_blanks()
        operator = OPERATOR.match(self._text, self._at)
        return operator[0] if operator else None

    def _at_process_substitution(self) -> bool:
        return self._text.startswith(("<(", ">("), self._at)

    def _reserved(self) -> str:
        """Return the next word if it may be a reserved word, else ``""``."""
        self._skip_blanks()
        match = _RESERVED.match(self._text, self._at)
        return match[0] if match else ""

    def _expect(self, operator: str) -> None:
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
    """Return unquoted text as a part; it is unknown if the shell would expand it to several words or files."""
    if "*" in text or ("{" in text and "}" in text and ("," in text or ".." in text)):
        return [Unknown(text, quoted=False)]
    return [Literal(text, quoted=False)]
