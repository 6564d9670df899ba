"""Free text without anybody's names: what isn't known to be public is replaced. No I/O but for the vocabulary."""

import ipaddress
import re

from dasktop.collectors.recording.pseudonyms import Pseudonyms
from dasktop.collectors.recording.vocabulary import humps, is_public, is_reason

_ROOT = r"(?: ~[\w-]* | \.{1,2} | [A-Za-z]: )? [/\\]"
"""How a path begins."""
# In this order, since each may stand in the one before: a path holds hosts, a sentence paths.
_PLACES = rf"""
    (?P<address> [A-Za-z][\w+.-]*://[^\s'",;<>()]+ )
  | (?P<quoted> (?<=') {_ROOT} [^']+ (?=') | (?<=") {_ROOT} [^"]+ (?=") )
  | (?P<path> (?<![\w/]) (?: {_ROOT} (?: \\\s | [^\s'",:;<>()\[\]] )+ | ~[A-Za-z][\w.-]* ) )
  | (?P<nodes> (?<=Nodes:) [^\s;()]+ )
  | (?P<hosts> [A-Za-z][\w.-]* \[[0-9,-]+\] [\w.-]* )
  | (?P<time> \d{{4}}-\d\d-\d\dT\d\d:[\d:.]*\dZ? )
  | (?P<ip6> (?<![\w:]) [0-9A-Fa-f]{{0,4}}(?: : [0-9A-Fa-f]{{0,4}}){{2,7}} (?: %\w+ )? (?![\w:]) )
  | (?P<ip> (?<![\w.]) \d{{1,3}}(?:\.\d{{1,3}}){{3}} (?! \w | \.\w ) )
  | (?P<user> (?: (?<=\bby\ user\ ) | (?<=\bfor\ user\ ) | (?<=\bInvalid\ user:\ ) ) [^\W_][\w.-]* )
"""
_TAIL = r"(?: [.@] [^\W_][\w-]* )*"
"""Of a name that is known: the domain of a host, the rest of a mail address."""
_WORDS = r"(?P<word> \w+ (?:[.@/+-]+\w+)* )"
_TIME_OF_DAY = re.compile(r"[\d.]*(?::[\d.]*){2,3}")
_HOLDS_WHAT_NO_PATH_DOES = re.compile(r"""[\s'",:;<>()\[\]]""")
_NUMBER = re.compile(r"[+-]?\d[\d.,:/+-]*(?:[KMGTPEkmg]i?B?|B|ms|s|min|h|d|x)?", re.ASCII)
_NUMBERED = re.compile(r"(SLURMCluster|dask-worker|dask_mpi|utf|latin)(?:-+\d+)*", re.ASCII | re.IGNORECASE)
_NUMBERED_HOST = re.compile(r"[A-Za-z][A-Za-z_-]*(?:-\d+)+", re.ASCII)
"""``ip-10-1-2-3``, ``gpu-4``: or whatever else somebody has counted."""
_BETWEEN = re.compile(r"[.@/+_-]+")
# How the full name of a host ends, but no module nor script.
_DOMAIN = re.compile(r"[\w.-]+\.(?!py$|io$|sh$|gz$)(?:[a-z]{2}|com|edu|gov|int|internal|lan|local|mil|net|org|site)")
_MOST_CACHED = 20_000


class TextRedactor:
    """Replaces names in sentences."""

    def __init__(self, names: Pseudonyms) -> None:
        self._names = names
        self._done: dict[str, str] = {}
        self._known = 0

    def redacted(self, text: str) -> str:
        """Return the text without names."""
        if len(self._names.known) != self._known or len(self._done) >= _MOST_CACHED:
            self._known = len(self._names.known)
            self._done.clear()  # a word that stayed may be a name by now
        if text not in self._done:
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
                address = text.rstrip(".:")
                return names.address(address) + text[len(address) :]
            case "path" | "quoted":
                return names.path(text)
            case "nodes":
                return names.of("hosts", text) if set(text) & set("[,") else names.host(text)
            case "hosts":
                return names.of("hosts", text)
            case "ip":
                return names.host(text)
            case "ip6" if _is_address(text):
                return names.host(text)
            case "user":
                return names.named("user", text)
            case "time":
                return text
            case "ip6":
                return text if _TIME_OF_DAY.fullmatch(text) else names.of("word", text)
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
        within = (word for part in parts for word in (part.casefold(), *([] if is_reason(part) else humps(part))))
        has_somebodys_form = "@" in text or _DOMAIN.fullmatch(text) or _NUMBERED_HOST.fullmatch(text)
        is_somebodys = has_somebodys_form or any(word in self._known for word in within)
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
