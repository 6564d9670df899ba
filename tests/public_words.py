"""The words of dasktop's own messages, which redaction keeps. ``python -m tests.public_words`` updates the list."""

import ast
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

COLLECTORS = Path(__file__).parent.parent / "collectors"
LIST = COLLECTORS / "recording" / "public_words.py"

_NO_MESSAGES = ("embedded_slurm/", "recording/public_words.py", "recording/redaction.py", "recording/pseudonyms.py")
_NO_MESSAGES += ("model/file_systems.py",)
_NO_MESSAGES += tuple(
    f"sources/slurm/{name}"
    for name in ("launchers.py", "shell_", "script_commands.py", "script_text.py", "script_workers.py")
)
"""They contain programs, options, patterns and types of file systems; their strings are not shown to users."""
_PLACEHOLDER = "\0"
_WORD = re.compile("[A-Za-z]+")
_HEAD = '''"""The words of dasktop's own messages. Written by ``python -m tests.public_words``; do not edit."""

_WORDS = """
'''
_END = '''
"""
PUBLIC_WORDS = frozenset(_WORDS.split())
'''


class Template(NamedTuple):
    """A message of dasktop."""

    place: str
    """File and line."""
    text: str
    """The text with ``7`` for each value."""

    @property
    def words(self) -> list[str]:
        """The words of the text, in their original case."""
        return _WORD.findall(self.text)


@cache
def templates() -> tuple[Template, ...]:
    """Return every string literal in `dasktop.collectors` that may be part of a message."""
    return tuple(_templates())


def _templates() -> Iterator[Template]:
    for path in sorted(COLLECTORS.rglob("*.py")):
        name = path.relative_to(COLLECTORS).as_posix()
        if not name.startswith(_NO_MESSAGES):
            for node in _strings(ast.parse(path.read_text(encoding="utf-8"))):
                text = re.sub(rf"\w*{_PLACEHOLDER}[\w{_PLACEHOLDER}]*", "7", _text(node))
                if _WORD.search(text) and (" " in text.strip() or re.fullmatch("[a-z]+", text.strip())):
                    yield Template(f"{name}:{node.lineno}", text)


def words() -> set[str]:
    """Return the words of all messages in lower case; for camel case also their parts."""
    found = {word for template in templates() for word in template.words}
    parts = {part for word in found for part in re.findall("[A-Z]+(?![a-z])|[A-Z]?[a-z]+", word)}
    return {word.lower() for word in found | parts}


def listed() -> str:
    """Return the source of the module with the list."""
    return _HEAD + textwrap.fill(" ".join(sorted(words())), 120) + _END


def _strings(tree: ast.Module) -> Iterator[ast.JoinedStr | ast.Constant]:
    skipped: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):  # a docstring
            skipped.add(node.value)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re."):  # a pattern
            skipped.update(ast.walk(node))
        if isinstance(node, ast.JoinedStr):
            skipped.update(node.values)
        if node not in skipped and (
            isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
        ):
            yield node


def _text(node: ast.JoinedStr | ast.Constant) -> str:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(str(part.value) if isinstance(part, ast.Constant) else _PLACEHOLDER for part in parts)


if __name__ == "__main__":
    LIST.write_text(listed(), encoding="utf-8")
