"""Generate docs/api.md from the docstrings of the public API.

With --check, write nothing, and exit with 1 if the file is not up to date or a public name has no
docstring.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tokentrack

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs" / "api.md"
HEAD = """# The Python API

Generated from the docstrings by `scripts/make_api_docs.py`. [python.md](python.md) has examples.
Times are in seconds unless another unit is named, and timestamps are in UTC.
"""
# Public names that `tokentrack` itself does not export.
MORE = {
    "tokentrack.error_handler": ("Decision", "Action"),
    "tokentrack.config.error_policy": ("ErrorPolicy",),
    "tokentrack.errors": ("CollectorError", "MissingExtraError"),
    "tokentrack.models.rules": (
        "register_rule", "remove_rule", "registered_rules", "rule_in_force",
    ),
    "tokentrack.reports": ("Answer", "Query", "query"),
}  # fmt: skip


def public_objects() -> Iterator[tuple[str, Any]]:
    """Yield the public names with the module to import them from, and what they are."""
    for name in tokentrack.__all__:
        yield f"tokentrack.{name}", getattr(tokentrack, name)
    for module, names in MORE.items():
        for name in names:
            yield f"{module}.{name}", getattr(importlib.import_module(module), name)


def render(missing: list[str]) -> str:
    """Return the page; add the names that have no docstring to `missing`."""
    parts = [HEAD]
    for path, found in sorted(public_objects(), key=lambda pair: pair[0].lower()):
        name = path.rpartition(".")[2]
        module = path.rpartition(".")[0]
        parts.append(f"## `{name}`\n\n`from {module} import {name}`\n")
        if isinstance(found, type):
            parts += _class(name, found, missing)
        elif inspect.isroutine(found):
            parts += _routine(name, found, missing)
        else:
            parts.append(f"A value of type `{type(found).__name__}`.\n")
    return "\n".join(parts)


def _class(name: str, cls: type, missing: list[str]) -> Iterator[str]:
    yield _text(cls.__doc__, name, missing)
    if issubclass(cls, enum.Enum):
        yield f"Members: {', '.join(f'`{member.value}`' for member in cls)}.\n"
        return
    # Their arguments are the fields, which the class documents.
    plain = issubclass(cls, tuple) or dataclasses.is_dataclass(cls)
    for member, found in _members(cls):
        if member == "__init__":
            if not plain and not issubclass(cls, Exception):
                yield from _routine(name, found, missing, of=cls)
        elif isinstance(found, property):
            yield f"### `{name}.{member}`\n"
            yield _text(found.__doc__, f"{name}.{member}", missing)
        else:
            yield from _routine(f"{name}.{member}", found, missing, of=cls)


def _members(cls: type) -> list[tuple[str, Any]]:
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if not base.__module__.startswith("tokentrack"):
            continue
        for name, value in vars(base).items():
            described = inspect.isroutine(value) or isinstance(
                value, property | classmethod | staticmethod
            )
            if described and (name == "__init__" or not name.startswith("_")):
                found[name] = value
    return sorted(found.items(), key=lambda pair: pair[0] != "__init__")


def _routine(name: str, found: Any, missing: list[str], of: type | None = None) -> Iterator[str]:
    function = found.__func__ if isinstance(found, classmethod | staticmethod) else found
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())
    if of is not None and not isinstance(found, staticmethod) and parameters:
        parameters = parameters[1:]
    if function.__name__ == "__init__":
        signature = signature.replace(return_annotation=inspect.Signature.empty)
    shown = re.sub(r"'([^']*)'", r"\1", str(signature.replace(parameters=parameters)))
    yield f"### `{name}{shown}`\n"
    yield _text(function.__doc__, name, missing)


def _text(doc: str | None, name: str, missing: list[str]) -> str:
    if not doc:
        missing.append(name)
        return ""
    lines: list[str] = []
    for line in inspect.cleandoc(doc).splitlines():
        section = re.fullmatch(r"(Args|Returns|Raises|Yields|Attributes):", line)
        item = re.fullmatch(r"    (\w[\w.]*): (.*)", line)
        if section:
            lines += [f"**{section[1]}**", ""]
        elif item:
            lines.append(f"* `{item[1]}`: {item[2]}")
        elif line.startswith("    "):
            lines.append(f"  {line.strip()}")
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write or check the page."""
    missing: list[str] = []
    text = render(missing).rstrip("\n") + "\n"
    for name in missing:
        print(f"{name} has no docstring")
    if sys.argv[1:] == ["--check"]:
        stale = not DOCS.exists() or DOCS.read_text(encoding="utf-8") != text
        if stale:
            print(f"{DOCS.relative_to(ROOT)} is stale: run scripts/make_api_docs.py")
        return 1 if stale or missing else 0
    DOCS.write_text(text, encoding="utf-8")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
