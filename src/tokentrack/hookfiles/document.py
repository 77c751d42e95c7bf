"""A decoded hook file, and how to look into it whatever its parts turn out to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.hookfiles.findings import KeyPath
    from tokentrack.hookfiles.triggers import Form


# More than any person writes into a hook file; what comes after them is held against the schema.
_MOST_ITEMS = 1000


@dataclass(frozen=True, slots=True)
class Document:
    """A decoded hook file; `ide_major` is the version of the IDE that was detected, if any."""

    path: str
    form: Form
    value: dict[str, Any]
    ide_major: int | None = None


def as_dict(value: Any) -> dict[str, Any]:
    """Return an object as it is, and anything else as an empty one."""
    return value if isinstance(value, dict) else {}


def texts(value: Any) -> list[tuple[int, str]]:
    """Return the texts of a list, each with its index."""
    items = value[:_MOST_ITEMS] if isinstance(value, list) else []
    return [(i, item) for i, item in enumerate(items) if isinstance(item, str)]


def v1_hooks(document: Document) -> Iterator[tuple[KeyPath, dict[str, Any]]]:
    """Yield each hook of a v1 file with its place."""
    hooks = document.value.get("hooks")
    for i, hook in enumerate(hooks[:_MOST_ITEMS] if isinstance(hooks, list) else []):
        if isinstance(hook, dict):
            yield ("hooks", i), hook


def ide0_trigger(document: Document) -> str:
    """Return the trigger of an IDE 0.x hook, or nothing."""
    name = as_dict(document.value.get("when")).get("type")
    return name if isinstance(name, str) else ""
