"""What the heading of an answer says: which time, which ledgers, which filters."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tokentrack.cli.answers import filters_of
from tokentrack.common.formatting import counted
from tokentrack.common.terminal import escape
from tokentrack.reports.credit_texts import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.reports.answer import Answer

_FAILED = {"true": "failed turns only", "false": "without failed turns"}


def heading_of(about: str, answer: Answer, options: dict[str, Any]) -> list[str]:
    """Return a heading in parts, of which none can steer a terminal.

    Args:
        about: its first part.
        answer: the answer.
        options: what the options of answers added.
    """
    parts = [about, period_of(answer), *choice_of(answer, options), answer.tz]
    if answer.query.rates is not None and "cost" in answer.query.metrics:
        parts += answer.cost_basis
    return [escape(part) for part in parts if part]


def period_of(answer: Answer) -> str:
    """Return the days that an answer is about, and those that it is compared with."""
    from tokentrack.common.timestamps import now_us
    from tokentrack.reports.render.dates import period_text, span_text
    from tokentrack.reports.zones import Zone

    compared = answer.comparison
    if compared is not None:
        times = [span_text(days.first, days.last) for days in (compared.days, compared.before)]
        return " against ".join(times)
    return period_text(answer.since, answer.until, Zone(answer.query.tz), now_us())


def choice_of(answer: Answer, options: dict[str, Any]) -> list[str]:
    """Return which ledgers and turns an answer is about, by the filters that the user gave."""
    given = filters_of(options)["where"]
    filters = list(_filters(answer, [name for name in answer.query.where if name in given]))
    if options["files"] or options["here"] or not filters:
        return [_source(options), *filters]
    return filters


def _filters(answer: Answer, names: list[str]) -> Iterator[str]:
    for name in names:
        values = answer.query.where[name]
        # As in the tables, a dash is an unknown value.
        shown = [value + UNKNOWN if value in {"", "!"} else value for value in values]
        yield _FAILED[values[0]] if name == "failed" else f"{name} {', '.join(shown)}"


def _source(options: dict[str, Any]) -> str:
    if options["files"] and options["redact"]:
        return f"only {counted(len(options['files']), 'path')}"
    if options["files"]:
        names = [os.path.basename(os.path.abspath(path)) or path for path in options["files"]]
        return f"only {', '.join(names)}"
    return "this workspace" if options["here"] else "all workspaces"
