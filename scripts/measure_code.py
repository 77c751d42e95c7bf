"""Measure the package's source, and print one column for each checkout.

    python scripts/measure_code.py              # this checkout
    python scripts/measure_code.py OLD NEW      # two of them, side by side

A function is measured from its `def` to its end: docstrings and nested functions count, decorators
do not. A folder is a package below src/tokentrack, or a module at its root.
"""

from __future__ import annotations

import argparse
import ast
import statistics
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

HERE = Path(__file__).parents[1]
NOT_COUNTED = {"py.typed", "_data", "__pycache__"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BROAD = {"Exception", "BaseException"}


class Code:
    """The modules of a checkout, by their paths below src/tokentrack."""

    def __init__(self, checkout: Path) -> None:
        self.package = checkout / "src" / "tokentrack"
        self.sources = {
            path.relative_to(self.package): path.read_text("utf-8")
            for path in sorted(self.package.rglob("*.py"))
        }
        if not self.sources:
            sys.exit(f"measure_code: no Python files in {self.package}: name a checkout")
        self.trees = {path: ast.parse(source) for path, source in self.sources.items()}
        self._paths = {_dotted(path): path for path in self.sources}

    def root_entries(self) -> list[str]:
        """Return the names at the package's root, without data and caches."""
        return sorted({path.name for path in self.package.iterdir()} - NOT_COUNTED)

    def module_lines(self) -> dict[Path, int]:
        """Return how many lines each module has."""
        return {path: source.count("\n") for path, source in self.sources.items()}

    def function_lines(self) -> list[int]:
        """Return how many lines each function has."""
        return [
            (node.end_lineno or node.lineno) - node.lineno + 1
            for tree in self.trees.values()
            for node in ast.walk(tree)
            if isinstance(node, _FUNCTIONS)
        ]

    def repeated_names(self) -> dict[str, list[Path]]:
        """Return the file names that occur more than once outside cli/, with their paths.

        Every command has a file in cli/ that is named like the module which does the work.
        """
        paths = [p for p in self.sources if p.parts[0] != "cli" and p.stem != "__init__"]
        counted = Counter(path.name for path in paths)
        return {
            name: [path for path in paths if path.name == name]
            for name, count in sorted(counted.items())
            if count > 1
        }

    def broad_excepts(self) -> list[tuple[Path, str]]:
        """Return the module and the function of each `except` that catches everything."""
        return [(path, name) for path, tree in self.trees.items() for name in _broad_excepts(tree)]

    def folder_edges(self) -> set[tuple[str, str]]:
        """Return which folder imports which other one; lazy and type-only imports count."""
        folders = {path: _folder(path) for path in self.sources}
        return {
            (folders[path], folders[target])
            for path, tree in self.trees.items()
            for target in self._imported(tree)
            if folders[path] != folders[target]
        }

    def _imported(self, tree: ast.AST) -> Iterator[Path]:
        for imported in _imported_names(tree):
            name = imported
            while name not in self._paths:
                name = name.rpartition(".")[0]
            yield self._paths[name]


def _dotted(path: Path) -> str:
    return ".".join(("tokentrack", *path.with_suffix("").parts)).removesuffix(".__init__")


def _folder(path: Path) -> str:
    return path.parent.as_posix() if len(path.parts) > 1 else path.stem


def _imported_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.startswith("tokentrack."))


def _broad_excepts(node: ast.AST, function: str = "") -> Iterator[str]:
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.ExceptHandler) and _is_broad(inner.type):
            yield function
        name = inner.name if isinstance(inner, (*_FUNCTIONS, ast.ClassDef)) else ""
        yield from _broad_excepts(inner, ".".join(filter(None, (function, name))))


def _is_broad(caught: ast.expr | None) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(_is_broad(one) for one in caught.elts)
    return caught is None or (isinstance(caught, ast.Name) and caught.id in _BROAD)


def spread(values: Iterable[int]) -> str:
    """Return the median, the 90th percentile and the maximum of some values."""
    ordered = sorted(values)
    p90 = ordered[min(len(ordered) * 9 // 10, len(ordered) - 1)]
    return f"{statistics.median(ordered):g} / {p90} / {ordered[-1]}"


def measures(code: Code) -> dict[str, str]:
    """Return the row of each measure."""
    lines = code.module_lines()
    edges = code.folder_edges()
    return {
        "modules": str(len(lines)),
        "lines": str(sum(lines.values())),
        "entries at the root": str(len(code.root_entries())),
        "lines of a module, median / p90 / max": spread(lines.values()),
        "functions": str(len(code.function_lines())),
        "lines of a function, median / p90 / max": spread(code.function_lines()),
        "folders": str(len({_folder(path) for path in lines})),
        "imports between folders": str(len(edges)),
        "file names that occur twice, without cli": str(len(code.repeated_names())),
        "broad except": str(len(code.broad_excepts())),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure the package's source.")
    parser.add_argument("checkout", nargs="*", type=Path, default=[HERE],
                        help="a checkout of tokentrack (default: this one)")  # fmt: skip
    checkouts = parser.parse_args(arguments).checkout
    columns = [measures(Code(checkout)) for checkout in checkouts]
    print("| measure |", " | ".join(str(checkout) for checkout in checkouts), "|")
    print("|---|" + "--:|" * len(columns))
    for name in columns[0]:
        print(f"| {name} |", " | ".join(column[name] for column in columns), "|")
    return 0


if __name__ == "__main__":
    sys.exit(main())
