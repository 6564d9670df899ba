"""Generate invalid input for readers of external data, and check that their output is clean."""

import random
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from enum import Enum
from typing import Any, NamedTuple

import msgspec

ODD_BYTES = (
    b"",
    b"\0",
    b"\n",
    b"\r\n\n",
    b"\t",
    b"\x1b[31m",
    b"\x1b]0;title\x07",
    b"\x7f",
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",  # a lone surrogate
    "\u202e\u2066".encode(),  # text that changes its direction
    "\u200b\u2028\ufeff".encode(),
    "\u0085".encode(),
    "ß🙂".encode(),
    b"9" * 40,
    b"-1",
    b"1e999",
    b"0x10",
    b"(null)",
    b"N/A",
    b"Unknown",
    b"[0-9]",
    b"[1-99999999]",
    b"[",
    b"'",
    b'"',
    b"\\",
    b"$(",
    b"|",
    b"=",
    b",",
    b":",
    b" by ",
    b"\x1f",
    b"x" * 5000,
)
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2**63,
    2**64 - 1,
    1e308,
    -0.5,
    float("nan"),
    float("inf"),
    "",
    "\x1b[31mred\x1b[0m",
    "\u202eabc\u2066",
    "a\nb\rc\td\0e",
    "9" * 5000,
    "tcp://[::1]:99999",
    b"\xff\x00",
    [],
    [[]],
    [None] * 40,
    {},
    {"": None},
    {"\x1b[2J": "\x1b[2J"},
    {"a": {"b": {"c": []}}},
)

_NEVER = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
MOST_TEXTS = 100_000
MOST_CHARACTERS = 16 << 20


class Reader(NamedTuple):
    """A reader of external data.

    Attributes
    ----------
    seeds
        Valid input.
    read
        Returns all that it read.
    errors
        Its documented errors, whose message is one clean line.
    as_values
        Encodes the seeds, if they are plain data.
    specimens
        Invalid input that once caused a failure.
    """

    name: str
    seeds: tuple[Any, ...]
    read: Callable[[bytes], object]
    errors: tuple[type[Exception], ...] = ()
    as_values: Callable[[Any], bytes] | None = None
    specimens: tuple[bytes, ...] = ()

    def inputs(self, examples: int) -> Iterator[bytes]:
        """Yield the seeds, the specimens and `examples` mutated inputs, the same ones each time."""
        yield from (seed if self.as_values is None else self.as_values(seed) for seed in self.seeds)
        yield from self.specimens
        for number in range(examples):
            dice = random.Random(f"{self.name} {number}")
            seed = dice.choice(self.seeds)
            if self.as_values is None:
                yield odd_bytes(seed, dice)
            elif number % 3:
                yield self.as_values(odd_value(seed, dice))
            else:
                yield odd_bytes(self.as_values(seed), dice)


def odd_bytes(good: bytes, dice: random.Random) -> bytes:
    """Return valid input with some bytes replaced, removed, inserted, repeated or moved, or truncated."""
    changed = good
    for _ in range(dice.choice((1, 1, 1, 2, 4, 8))):
        start = dice.randrange(len(changed) + 1)
        end = min(len(changed), start + dice.choice((0, 0, 1, 2, 8, 64)))
        match dice.randrange(8):
            case 0:
                middle = changed[start:end] * dice.choice((2, 50))
            case 1:
                middle = bytes([dice.randrange(256)])
            case 2:
                other = dice.randrange(len(changed) + 1)
                middle = changed[other : other + dice.randrange(64)]
            case 3 if dice.randrange(4) == 0:
                middle, end = b"", len(changed)
            case _:
                middle = dice.choice(ODD_BYTES)
        changed = changed[:start] + middle + changed[end:]
    return changed


def odd_value(good: Any, dice: random.Random) -> Any:
    """Return plain data with some of its values, at any depth, replaced."""
    changed = good
    for _ in range(dice.choice((1, 1, 2, 5))):
        changed = _with_one_odd(changed, dice)
    return changed


def _with_one_odd(value: Any, dice: random.Random) -> Any:
    if isinstance(value, dict) and value and dice.randrange(8):
        key = dice.choice(list(value))
        match dice.randrange(10):
            case 0:
                return {other: held for other, held in value.items() if other != key}
            case 1:
                return {**value, dice.choice(("", "\x1b[31m\u202e", "9" * 400, key)): value[key]}
        return {**value, key: _with_one_odd(value[key], dice)}
    if isinstance(value, list) and value and dice.randrange(8):
        at = dice.randrange(len(value))
        match dice.randrange(10):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return [*value, value[at]]
        return [*value[:at], _with_one_odd(value[at], dice), *value[at + 1 :]]
    return dice.choice(ODD_VALUES)


def faults_of(read: object) -> list[str]:
    """Return the faults of the output of a reader: control or bidi characters, or too much text."""
    texts = list(_texts(read))
    faults = [f"not clean: {text!r}"[:200] for text in texts if _NEVER.search(text)]
    if len(texts) > MOST_TEXTS or sum(map(len, texts)) > MOST_CHARACTERS:
        faults.append(f"too much: {len(texts):,} texts")
    return faults


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str) and not isinstance(value, Enum):
        yield value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _texts(getattr(value, name))
    elif isinstance(value, Mapping):
        for key, held in value.items():
            yield from _texts(key)
            yield from _texts(held)
    elif isinstance(value, tuple | list | set | frozenset):
        for item in value:
            yield from _texts(item)
    elif hasattr(value, "__dataclass_fields__"):
        yield from _texts(vars(value))
    else:
        assert value is None or isinstance(value, bool | int | float | date | bytes | type), type(value)
