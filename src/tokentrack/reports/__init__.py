"""From rows to answers: `query` asks all ledgers of the user, or files."""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` would be loaded by everything below
if TYPE_CHECKING:
    from tokentrack.reports.answer import Answer, Query
    from tokentrack.reports.question import query

__all__ = ["Answer", "Query", "query"]

_HOMES = {"Answer": "answer", "Query": "answer", "query": "question"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'tokentrack.reports' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"tokentrack.reports.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
