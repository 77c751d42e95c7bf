"""Format a report as text, as JSON, or as GitHub workflow commands."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from tokentrack.common.terminal import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tokentrack.hookfiles.check import Report
    from tokentrack.hookfiles.problems import FileFinding

SCHEMA_VERSION = 1
NOTHING_FOUND = "No hook files found."


def text(report: Report) -> Iterator[str]:
    """Yield one line per finding, and a summary."""
    for finding in report.findings:
        place = escape(finding.path) + (f":{finding.line}" if finding.line else "")
        yield f"{place}: {finding.level}: {_sentence(finding)}"
    yield summary(report)


def as_json(report: Report) -> Iterator[str]:
    """Yield one JSON document with the checked files and their findings."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "files": [{"path": file.path, "form": file.form} for file in report.files],
        "findings": [asdict(finding) for finding in report.findings],
        "summary": {
            "files": len(report.files),
            "errors": report.count("error"),
            "warnings": report.count("warning"),
        },
    }
    yield json.dumps(document, indent=2)


def github(report: Report) -> Iterator[str]:
    """Yield workflow commands, which GitHub shows next to the lines in question."""
    for finding in report.findings:
        place = f"file={_property(finding.path)}" + (
            f",line={finding.line}" if finding.line else ""
        )
        yield f"::{finding.level} {place},title=tokentrack::{_data(_sentence(finding))}"
    yield summary(report)


def summary(report: Report) -> str:
    """Return the counts as one line."""
    if not report.files:
        return NOTHING_FOUND
    errors, warnings = report.count("error"), report.count("warning")
    files = _counted(len(report.files), "file")
    if not errors + warnings:
        return f"{files} checked: no problems"
    return f"{files} checked: {_counted(errors, 'error')}, {_counted(warnings, 'warning')}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _sentence(finding: FileFinding) -> str:
    start = f"{finding.key}: " if finding.key else ""
    return f"{start}{finding.message}: {finding.fix}"


def _data(value: str) -> str:
    return escape(value).replace("%", "%25")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


REPORTERS: Mapping[str, Callable[[Report], Iterator[str]]] = {
    "text": text,
    "json": as_json,
    "github": github,
}
