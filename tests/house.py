"""Measures of the structure of the code, printed by ``make house``: file sizes, imports, cycles.

It parses the source files, and imports a module only to count the modules that this loads.
"""

import ast
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
FOLDERS = ("collectors", "tui")
PREFIX = "dasktop."
LIGHT = "dasktop.collectors.model.options"
LOADED = (
    f"import sys, {LIGHT}; "
    "ours = [module for name, module in sys.modules.items() if name.startswith('dasktop.')]; "
    "print(sum(not hasattr(module, '__path__') for module in ours))"
)

REGISTERED = {
    "families of findings": (r"collectors\.analysis\.findings\.(?!evaluate)", r"collectors\.analysis\.findings"),
    "commands of the embedded SLURM": (
        r"collectors\.embedded_slurm\.commands\.",
        r"collectors\.embedded_slurm\.session",
    ),
    "subcommands": (r"tui\.cli\.", r"tui\.cli\.main"),
    "dialogs": (r"tui\.dialogs\.(?!pages)", r"tui\.(app|dialogs\.pages)"),
}
"""Kinds of modules that have one importer by design, which registers or opens them: patterns of their names (the
beginning), and of the importer's."""

SHORT = 100
"""Lines; a module that is shorter and has one importer could be part of it."""

Edges = Mapping[str, set[str]]


def modules() -> dict[str, Path]:
    """Return the files of our modules by name; that of a package is its ``__init__``."""
    files = (file for folder in FOLDERS for file in sorted((REPOSITORY / folder).rglob("*.py")))
    return {module_name(file.relative_to(REPOSITORY)): file for file in files}


def module_name(file: Path) -> str:
    """Return the name under which a file is imported."""
    parts = file.with_suffix("").parts
    return PREFIX + ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(known: Mapping[str, Path]) -> dict[str, set[str]]:
    """Return for each module which of our modules it imports, anywhere in its file."""
    return {name: set(_imported(file, known)) - {name} for name, file in known.items()}


def _imported(file: Path, known: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                full_name = f"{node.module}.{alias.name}"
                yield full_name if full_name in known else node.module
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (full_name for alias in node.names if (full_name := f"{node.module}.{alias.name}") in known)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)


def cycles(edges: Edges) -> list[list[str]]:
    """Return the strongly connected components of more than one node, the largest first (Tarjan's algorithm)."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        number[node] = low[node] = len(number)
        stack.append(node)
        for target in sorted(edges.get(node, ())):
            if target not in number:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], number[target])
        if low[node] == number[node]:
            at = stack.index(node)
            component, stack[at:] = stack[at:], []
            if len(component) > 1:
                found.append(sorted(component))

    for node in sorted(edges):
        if node not in number:
            visit(node)
    return sorted(found, key=len, reverse=True)


def imports_within(edges: Edges, parent: str) -> dict[str, set[str]]:
    """Return the imports between the modules and subpackages directly in a package."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, targets in edges.items():
        if (child := _child(name, parent)) is not None:
            found[child] |= {other for target in targets if (other := _child(target, parent)) is not None} - {child}
    return dict(found)


def _child(name: str, parent: str) -> str | None:
    return name[len(parent) + 1 :].partition(".")[0] if name.startswith(f"{parent}.") else None


def used_once(edges: Edges) -> list[str]:
    """Return the modules that exactly one other module imports."""
    importers = Counter(target for targets in edges.values() for target in targets)
    return sorted(name for name, count in importers.items() if count == 1)


def kinds_used_once(edges: Edges) -> dict[str, str | None]:
    """Return the modules that exactly one other module imports, with their kind in `REGISTERED`."""
    importer = {target: name.removeprefix(PREFIX) for name, targets in edges.items() for target in targets}
    return {name: _kind(name.removeprefix(PREFIX), importer[name]) for name in used_once(edges)}


def _kind(name: str, importer: str) -> str | None:
    for kind, (names, importers) in REGISTERED.items():
        if re.match(names, name) and re.fullmatch(importers, importer):
            return kind
    return None


def loaded_by_options() -> int:
    """Return how many of our modules, without packages, an import of the options loads."""
    printed = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True).stdout
    return int(printed)


def measures() -> Iterable[tuple[str, str, str]]:
    """Yield each measure with its value and its target."""
    known = modules()
    edges = imports(known)
    sizes = {name: len(file.read_text(encoding="utf-8").splitlines()) for name, file in known.items()}
    lines = list(sizes.values())
    inits = sum(file.name == "__init__.py" for file in known.values())
    yield "files", f"{len(lines)}, of them {inits} __init__.py", "about 230"
    yield "mean lines per file, without __init__.py", f"{sum(lines) / (len(lines) - inits):.0f}", "150 to 250"
    yield "longest file", f"{max(lines)} lines", "at most 400"
    once = kinds_used_once(edges)
    yield "modules imported by exactly one other module", str(len(once)), "below 40"
    for kind, count in Counter(once.values()).items():
        if kind is not None:
            yield f"  of these by design: {kind}", str(count), "any"
    others = [sizes[name] for name, kind in once.items() if kind is None]
    yield "  the others", str(len(others)), "few"
    yield f"    of these shorter than {SHORT} lines", str(sum(size < SHORT for size in others)), "few"
    parents = [name for name, file in known.items() if file.name == "__init__.py"]
    found = [one for parent in parents for one in cycles(imports_within(edges, parent))]
    yield "import cycles in a folder", "; ".join(map(" ".join, found)) or "none", "none"
    for folder in FOLDERS:
        inside = imports_within(edges, PREFIX + folder)
        yield f"modules and packages directly in {folder}/", str(len(inside)), "at most 16"
        yield f"imports between those in {folder}/", str(sum(map(len, inside.values()))), "about 65"
    yield f"our modules loaded by {LIGHT}", str(loaded_by_options()), "at most 3"


def main() -> None:
    """Print the table."""
    for what, figure, target in measures():
        print(f"{what:<62} {figure:<28} (target: {target})")


if __name__ == "__main__":
    main()
