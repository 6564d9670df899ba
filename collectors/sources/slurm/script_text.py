"""Read the options in a batch script's ``#SBATCH`` lines, and options of commands in general. Pure, and bounded."""

import re
import shlex
from collections.abc import Sequence
from typing import NamedTuple

_MAX_LINE = 1024
_MAX_DIRECTIVES = 256


class Option(NamedTuple):
    """An option in a script."""

    words: str
    """The option with its value, as written: ``--mem=15G``, ``-n 1``."""
    value: str


def directives(text: str) -> list[str]:
    """Return the words of all ``#SBATCH`` lines; sbatch ignores those after the first command."""
    words: list[str] = []
    found = 0
    for line in map(str.strip, text.splitlines()):
        if (line and not line.startswith("#")) or found == _MAX_DIRECTIVES:
            break
        if line.startswith("#SBATCH"):
            found += 1
            words += _words(line[:_MAX_LINE])[1:]
    return words


def options(words: Sequence[str], *names: str) -> list[Option]:
    """Return these options, in order: ``--name X`` and ``--name=X``, ``-n X`` and ``-nX``."""
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
    """Return the values of these options."""
    return [option.value for option in options(words, *names)]


def _words(line: str) -> list[str]:
    """Return the words of a line, without its comment."""
    try:
        words = shlex.split(line)
    except ValueError:  # unclosed quote
        words = line.replace('"', " ").replace("'", " ").split()
    comment = next((at for at, word in enumerate(words[1:], 1) if word.startswith("#")), len(words))
    return words[:comment]
