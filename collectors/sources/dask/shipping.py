"""Packs source text that a scheduler or worker compiles and runs. Never packs bytecode: Python versions may differ.

A packed module is a pickle that calls ``eval``. dask's own clients also send code as pickles.
"""

import pickle
import re
from functools import cache
from importlib.resources import files

ENTRY = "dasktop_install"
_OLDEST_COMMON_PROTOCOL = 4
_MODULE = "dasktop_shipped"
_OUR_IMPORT = re.compile(r"^from (?P<module>dasktop\.[\w.]+) import (?:\([^)]*\)|[^\n(]*)\n", re.MULTILINE)


class _Shipped:
    """Is pickled as a call that compiles the source text and returns the function that it defines."""

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
    """Return `ENTRY` of a dasktop module, packed together with the dasktop modules that it imports.

    All run in one namespace, without these imports: the other side cannot import dasktop. So these modules must use
    ``from dasktop… import NAME`` at the top level only, without renaming, and must not define the same name twice.
    """
    # Each is compiled separately, since each begins with `from __future__`.
    sources = _sources(module, {}).values()
    return pack_source("\n".join(f"exec(compile({source!r}, '<{_MODULE}>', 'exec'))" for source in sources))


def _sources(module: str, found: dict[str, str]) -> dict[str, str]:
    """Add a module's source text, after the modules that it imports, each without its imports of dasktop modules."""
    if module not in found:
        package, _, name = module.rpartition(".")
        source = files(package).joinpath(f"{name}.py").read_text(encoding="utf-8")
        for match in _OUR_IMPORT.finditer(source):
            _sources(match["module"], found)
        found[module] = _OUR_IMPORT.sub("", source)
    return found
