"""Free text without anybody's names: what isn't known to be public is replaced. No I/O but for the vocabulary."""

import ipaddress
import re

from dasktop.collectors.recording.pseudonyms import Pseudonyms
from dasktop.collectors.recording.vocabulary import is_public

# In this order, since each may stand in the one before: a path holds hosts, a sentence paths.
_PLACES = r"""
    (?P<address> [A-Za-z][\w+.-]*://[^\s'",;<>()]+ )
  | (?P<path> (?<![\w/]) (?: (?:~[\w-]*|\.{1,2}|[A-Za-z]:)? [/\\] [^\s'",:;<>()\[\]]+ | ~[A-Za-z][\w.-]* ) )
  | (?P<hosts> [A-Za-z][\w.-]* \[[0-9,-]+\] [\w.-]* )
  | (?P<time> \d{4}-\d\d-\d\dT\d\d:[\d:.]*\dZ? )
  | (?P<ip6> (?<![\w:]) [0-9A-Fa-f]{0,4}(?: : [0-9A-Fa-f]{0,4}){2,7} (?: %\w+ )? (?![\w:]) )
  | (?P<ip> (?<![\w.]) \d{1,3}(?:\.\d{1,3}){3} (?! \w | \.\w ) )
  | (?P<user> (?<=\bby\ user\ ) [^\W_][\w.-]* )
"""
_TAIL = r"(?: [.@] [^\W_][\w-]* )*"
"""Of a name that is known: the domain of a host, the rest of a mail address."""
_WORDS = r"(?P<word> \w+ (?:[.@/+-]+\w+)* )"
_HOLDS_WHAT_NO_PATH_DOES = re.compile(r"""[\s'",:;<>()\[\]]""")
_NUMBER = re.compile(r"[+-]?\d[\d.,:/+-]*(?:[KMGTPEkmg]i?B?|B|ms|s|min|h|d|x)?", re.ASCII)
_NUMBERED = re.compile(r"(SLURMCluster|dask-worker)(?:-+\d+)*", re.ASCII)
_BETWEEN = re.compile(r"[.@/+_-]+")
# How the full name of a host ends, but no module nor script.
_DOMAIN = re.compile(r"[\w.-]+\.(?!py$|io$|sh$|gz$)(?:[a-z]{2}|com|edu|gov|int|internal|lan|local|mil|net|org|site)")
_MOST_CACHED = 20_000


class TextRedactor:
    """Replaces names in sentences."""

    def __init__(self, names: Pseudonyms) -> None:
        self._names = names
        self._done: dict[str, str] = {}

    def redacted(self, text: str) -> str:
        """Return the text without names."""
        if text not in self._done:
            if len(self._done) >= _MOST_CACHED:
                self._done.clear()
            self._done[text] = _Sentence(text, self._names).redacted()
        return self._done[text]


class _Sentence:
    """One text, and the known names in it, in whatever case they are written."""

    def __init__(self, text: str, names: Pseudonyms) -> None:
        self._text = text
        self._names = names
        folded = text.casefold()
        self._known = {
            name.casefold(): stands_for for name, stands_for in names.known.items() if name.casefold() in folded
        }

    def redacted(self) -> str:
        known = sorted(self._known, key=len, reverse=True)
        odd = [name for name in known if _HOLDS_WHAT_NO_PATH_DOES.search(name)]
        pattern = "|".join(
            (
                f"(?P<odd> {_alternatives(odd)} )",
                _PLACES,
                f"(?P<known> {_alternatives(known)} ) (?P<tail> {_TAIL} )",
                _WORDS,
            )
        )
        return re.sub(pattern, self._stand_in, self._text, flags=re.VERBOSE | re.IGNORECASE)

    def _stand_in(self, token: re.Match[str]) -> str:
        text, names = token[0], self._names
        if token["known"] is not None:
            return self._of_known(token["known"], token["tail"])
        match token.lastgroup:
            case "odd":
                return self._known.get(text.casefold()) or names.of("word", text)
            case "address":
                return names.address(text)
            case "path":
                return f"/{names.of('path', text)}"
            case "hosts":
                return names.of("hosts", text)
            case "ip":
                return names.host(text)
            case "ip6" if _is_address(text):
                return names.host(text)
            case "user":
                return names.user(text)
            case "time":
                return text
            case "ip6":  # a time of day, or whatever else has colons in it
                return re.sub(_WORDS, lambda part: self._of_word(part[0]), text, flags=re.VERBOSE)
        return self._of_word(text)

    def _of_known(self, name: str, tail: str) -> str:
        stands_for = self._known.get(name.casefold()) or self._names.of("word", name)
        if not tail:
            return stands_for
        if tail.startswith(".") and self._names.is_host(stands_for):
            return self._names.host(name + tail)
        return f"{stands_for}{tail[0]}{self._names.of('word', tail[1:])}"

    def _of_word(self, text: str) -> str:
        if _NUMBER.fullmatch(text) or _NUMBERED.fullmatch(text):
            return text
        parts = [part for part in _BETWEEN.split(text) if part]
        is_somebodys = "@" in text or _DOMAIN.fullmatch(text) or any(part.casefold() in self._known for part in parts)
        if not is_somebodys and all(part.isdecimal() or is_public(part) for part in parts):
            return text
        return self._names.of("word", text)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _alternatives(names: list[str]) -> str:
    """Return a pattern of these names, each as a word of its own; of one that is never found if there are none."""
    words = [("(?<![^\\W_])" if name[0].isalnum() else "") + re.escape(name) + "(?![^\\W_])" for name in names]
    return " | ".join(words) or "(?!)"
