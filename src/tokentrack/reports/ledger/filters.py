"""Filters that look at a single record of a ledger."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from tokentrack.common import timestamps
from tokentrack.common.suggestions import meant
from tokentrack.errors import ValidationError
from tokentrack.reports.dimensions import FILTER_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokentrack.models.transaction import TokenTransaction

    RecordTest = Callable[[TokenTransaction], bool]

_COLUMN_OF = {
    "workspace_folder": "workspace_folder",
    "workspace": "workspace_folder",
    "hook_trigger_type": "hook_trigger_type",
    "hook_name": "hook_name",
    "session_id": "session_id",
}
KNOWN_FILTERS = (
    "start_date", "end_date", *_COLUMN_OF, "min_tokens", "max_tokens", "error_occurred",
    "file_pattern",
)  # fmt: skip
SPAN_FILTERS = ("since", "until", "tz")


def record_filter(filters: Mapping[str, Any] | None) -> RecordTest:
    """Return a function that tells whether a record passes all filters.

    A filter with the value None is ignored. Dates are inclusive: `end_date` as "2024-01-07" or as
    a `date` is that whole day; times without a zone are local. `file_pattern` is equal to one of
    the record's file patterns, or is a glob that matches one. Other texts must be equal.

    Raises:
        ValidationError: with every filter that is unknown or has an invalid value.
    """
    tests: list[RecordTest] = []
    issues: list[str] = []
    for name, value in filter_items(filters):
        try:
            if value is not None:
                tests.append(_test(name, value))
        except ValidationError as error:
            issues += error.issues
    if issues:
        raise ValidationError(issues)
    return lambda transaction: all(test(transaction) for test in tests)


def filter_items(filters: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """Return the names and values of filters.

    Raises:
        ValidationError: they are not a mapping.
    """
    if filters is None:
        return []
    if not hasattr(filters, "items"):
        raise ValidationError([f"filters must be a mapping, not {type(filters).__name__}"])
    return list(filters.items())


def _test(name: str, value: Any) -> RecordTest:
    if name in _COLUMN_OF:
        text, column = _text(name, value), _COLUMN_OF[name]
        return lambda t: bool(getattr(t, column) == text)
    if name in _TESTS:
        return _TESTS[name](value)
    known = dict.fromkeys([*KNOWN_FILTERS, *SPAN_FILTERS, *FILTER_NAMES])
    raise ValidationError([f"unknown filter {str(name)[:60]!r}{meant(str(name), known)}"])


def _since(value: Any) -> RecordTest:
    first = _bound("start_date", value, end=False)
    return lambda t: t.timestamp_us >= first


def _until(value: Any) -> RecordTest:
    last = _bound("end_date", value, end=True)
    return lambda t: t.timestamp_us <= last


def _at_least(value: Any) -> RecordTest:
    least = _count("min_tokens", value)
    return lambda t: t.tokens_used >= least


def _at_most(value: Any) -> RecordTest:
    most = _count("max_tokens", value)
    return lambda t: t.tokens_used <= most


def _has_error(value: Any) -> RecordTest:
    if not isinstance(value, bool):
        raise ValidationError([f"error_occurred must be True or False, not {value!r}"[:200]])
    return lambda t: t.error_occurred is value


def _has_file(value: Any) -> RecordTest:
    glob = _text("file_pattern", value)
    return lambda t: any(p == glob or fnmatchcase(p, glob) for p in t.file_patterns)


_TESTS: dict[str, Callable[[Any], RecordTest]] = {
    "start_date": _since,
    "end_date": _until,
    "min_tokens": _at_least,
    "max_tokens": _at_most,
    "error_occurred": _has_error,
    "file_pattern": _has_file,
}


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValidationError([f"{name} must be text, not {type(value).__name__}"])
    return value


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValidationError([f"{name} must be a whole number, not {type(value).__name__}"])
    return value


def _bound(name: str, value: Any, *, end: bool) -> int:
    # In microseconds since the epoch. A day lasts from one local midnight to the next.
    moment = _moment(name, value)
    try:
        if isinstance(moment, datetime):
            return timestamps.from_datetime(moment)
        day = moment + timedelta(days=1) if end else moment
        midnight = timestamps.from_datetime(datetime.combine(day, time()))
        return midnight - 1 if end else midnight
    except (OverflowError, ValueError, OSError):  # the first and the last days of the calendar
        edge = datetime.max if end else datetime.min  # noqa: DTZ901  (UTC is set at once)
        return timestamps.from_datetime(edge.replace(tzinfo=UTC))


def _moment(name: str, value: Any) -> date:
    if isinstance(value, date):
        return value
    try:
        if len(value) <= len("2024-01-01"):
            return date.fromisoformat(value)
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValidationError([
            f"{name} must be an ISO 8601 date or time, such as 2024-01-31, not {value!r}"[:200]
        ]) from None  # fmt: skip
