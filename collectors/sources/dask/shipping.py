"""Packs our source text so that a scheduler or worker compiles and runs it. Never packs bytecode: versions may differ.

What is packed this way is a call of ``eval``, as every pickle is a little program; so is all that dask's clients send.
"""

import pickle
from functools import cache
from importlib.resources import files

ENTRY = "dasktop_install"
_OLDEST_COMMON_PROTOCOL = 4
_MODULE = "dasktop_shipped"


class _Shipped:
    """Unpickles, wherever that happens, as the function that the source text defines."""

    def __init__(self, source: str, entry: str) -> None:
        self.source = source
        self.entry = entry

    def __reduce__(self) -> tuple[object, tuple[str]]:
        compiled = f"compile({self.source!r}, {f'<{_MODULE}>'!r}, 'exec')"
        expression = f"(lambda names: (exec({compiled}, names), names[{self.entry!r}])[1])({{'__name__': {_MODULE!r}}})"
        return eval, (expression,)


def pack_source(source: str, entry: str = ENTRY) -> bytes:
    """Return a pickle that unpickles as the function ``entry`` of the source text, on Python 3.8 and newer."""
    return pickle.dumps(_Shipped(source, entry), protocol=_OLDEST_COMMON_PROTOCOL)


@cache
def packed(module: str) -> bytes:
    """Return the installing function of ``shipped_scheduler`` or ``shipped_worker``, packed."""
    return pack_source(files(__package__).joinpath(f"{module}.py").read_text(encoding="utf-8"))
