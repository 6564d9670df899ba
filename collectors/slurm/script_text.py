"""A batch script's text as lines, commands and words, and the values of options among those. Pure, and bounded.

It reads the text as a person would; it never runs or expands anything of it.
"""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

MAX_CHARACTERS = 1 << 16

_SEPARATORS = frozenset({"&", "&&", "|", "||", ";", "(", ")", "|&", ";;"})


class Option(NamedTuple):
    """An option as it stands in a script."""

    words: str
    """``--mem=15G``, ``-n 1``."""
    value: str


def logical_lines(text: str) -> list[str]:
    """Return the lines, those that end in a backslash joined to the next; a comment can't be continued."""
    lines: list[str] = []
    is_continued = False
    for line in text[:MAX_CHARACTERS].replace("\r\n", "\n").split("\n"):
        if is_continued:
            lines[-1] = lines[-1][:-1] + " " + line.lstrip()
        else:
            lines.append(line.strip())
        is_continued = lines[-1].endswith("\\") and not lines[-1].startswith("#")
    return lines


def commands(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield the simple commands, each as its words."""
    for line in lines:
        if not line.startswith("#"):
            yield from _commands_of(line)


def directives(lines: Iterable[str]) -> list[str]:
    """Return the words of all ``#SBATCH`` lines; sbatch reads none behind the first command."""
    words: list[str] = []
    for line in lines:
        if line and not line.startswith("#"):
            break
        if line.startswith("#SBATCH"):
            words += _uncommented(_words(line)[1:])
    return words


def options(words: Sequence[str], *names: str) -> list[Option]:
    """Return these options, in their order: ``--name X`` and ``--name=X``, ``-n X`` and ``-nX``."""
    found = []
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in names and equals:
            found.append(Option(word, value))
        elif word in names and at + 1 < len(words):
            found.append(Option(f"{word} {words[at + 1]}", words[at + 1]))
        elif word[:2] in names and re.fullmatch(r"-[A-Za-z][0-9].*", word, re.ASCII):
            found.append(Option(word, word[2:]))
    return found


def values(words: Sequence[str], *names: str) -> list[str]:
    """Return what stands behind these options."""
    return [option.value for option in options(words, *names)]


def _commands_of(line: str) -> Iterator[list[str]]:
    command: list[str] = []
    for word in _uncommented(_words(line)):
        if word in _SEPARATORS:
            yield command
            command = []
        else:
            command.append(word)
    yield command


def _uncommented(words: Sequence[str]) -> list[str]:
    """Return the words in front of a comment."""
    comment = next((at for at, word in enumerate(words) if word.startswith("#")), len(words))
    return list(words[:comment])


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:  # a quotation that goes on in the next line
        words = line.replace('"', " ").replace("'", " ").split()
    # Look into ``bash -c 'dask worker …'`` too.
    return [part.strip("'\"") for word in words for part in (word.split() if "dask" in word else [word])]
