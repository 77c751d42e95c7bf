"""The twelve columns of the ledger: their order, their valid values, and how cells are read."""

from __future__ import annotations

from tokentrack.common import timestamps
from tokentrack.errors import ValidationError

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

MAX_TOKENS = 10**12
# The `hook_trigger_type` of an execution that ended, and of one of which only the start is known.
COMPLETED = "agentExecutionCompleted"
STARTED = "agentExecutionStarted"
COLUMNS = (
    "timestamp", "prompt_text", "tokens_used", "elapsed_time", "session_id", "workspace_folder",
    "hook_trigger_type", "agent_execution_id", "file_patterns", "hook_name", "error_occurred",
    "error_message",
)  # fmt: skip

_MAX_SECONDS = 1_000_000_000  # of an execution: 31 years
_TEXT_FIELDS = (
    "prompt_text", "session_id", "workspace_folder", "hook_trigger_type", "agent_execution_id",
    "hook_name", "error_message",
)  # fmt: skip
# The largest integer that pandas and databases can hold.
_LARGEST = 2**63 - 1
_FIRST_US = -62_135_596_800_000_000  # 0001-01-01T00:00:00Z
_LAST_US = 253_402_300_799_999_999  # 9999-12-31T23:59:59.999999Z


def read_row(row: Sequence[str]) -> dict[str, Any]:
    """Return the cells of a row as the arguments of `TokenTransaction`.

    Raises:
        ValidationError: the row does not have twelve cells, or some can't be read; names each.
    """
    if len(row) != len(COLUMNS):
        raise ValidationError([f"a row has {len(COLUMNS)} cells, this one has {len(row)}"])
    values: dict[str, Any] = {}
    issues: list[str] = []
    for name, cell in zip(COLUMNS, row, strict=True):
        try:
            values[name] = _READERS.get(name, str)(cell)
        except ValueError:
            issues.append(f"{name} {_shown_cell(cell)} can't be read")
    if issues:
        raise ValidationError(issues)
    return values


def find_issues(values: dict[str, Any]) -> list[str]:
    """Return every problem of a record's fields, one sentence each.

    The sentences quote numbers only. Texts are never quoted, since any could be a prompt.
    """
    issues = [
        f"{name} must be text, not {type(values[name]).__name__}"
        for name in _TEXT_FIELDS
        if not isinstance(values[name], str)
    ]
    if values["agent_execution_id"] == "":
        issues.append("agent_execution_id must not be empty")
    tokens, elapsed = values["tokens_used"], values["elapsed_time"]
    if not _is_whole(tokens) or not 0 <= tokens <= _LARGEST:
        issues.append(f"tokens_used must be a whole number of 0 or more, not {shown(tokens)}")
    if elapsed is not None and not is_duration(elapsed):
        issues.append(f"elapsed_time must be from 0 to {_MAX_SECONDS:,} s, not {shown(elapsed)}")
    if not isinstance(values["error_occurred"], bool):
        issues.append(
            f"error_occurred must be True or False, not {shown(values['error_occurred'])}"
        )
    patterns = values["_patterns"]
    if not isinstance(patterns, tuple) or not all(isinstance(p, str) and p for p in patterns):
        issues.append("file_patterns must be a list of non-empty texts")
    return issues + _timestamp_issues(values["timestamp_us"])


def as_number(value: Any) -> Any:
    """Return a number of another package, such as `numpy.int64`, as an int or a float.

    Anything else is returned as it is; so is True, which is not meant as a number.
    """
    if isinstance(value, bool | str):
        return value
    if isinstance(value, float):
        return float(value)  # `repr` of a subclass can have any form
    return type(value).__index__(value) if hasattr(type(value), "__index__") else value


def is_duration(value: Any) -> bool:
    """Tell whether a value is a number of seconds that an execution can take."""
    number = _is_whole(value) or isinstance(value, float)
    return bool(number and 0 <= value <= _MAX_SECONDS)


def is_time(value: Any) -> bool:
    """Tell whether a value is a time since the epoch, in whole microseconds."""
    return _is_whole(value) and 0 <= value <= _LAST_US


def as_count(value: Any) -> int | None:
    """Return a whole number from 0 to `MAX_TOKENS`, or None for anything else (true, NaN, "12")."""
    value = as_number(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value <= MAX_TOKENS or value != int(value):
        return None
    return int(value)


def _timestamp_issues(at: object) -> list[str]:
    if not isinstance(at, int) or isinstance(at, bool):
        return [f"timestamp must be a datetime, not {type(at).__name__}"]
    if not _FIRST_US <= at <= _LAST_US:
        return ["timestamp must be in the years 1 to 9999"]
    return []


def shown(value: object) -> str:
    """Return a number as it is, and of anything else the type: a text could be a prompt."""
    if isinstance(value, int) and abs(value) > _LARGEST:
        return "a number beyond 64 bits"
    return repr(value) if isinstance(value, int | float | None) else type(value).__name__


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def join_list(items: Sequence[str]) -> str:
    r"""Join items by `;`, with a `\` before each `;` in an item and each `\` before a `;`."""
    if not items:
        return ""
    closed = [_escape_item(item, before_separator=True) for item in items[:-1]]
    return ";".join([*closed, _escape_item(items[-1], before_separator=False)])


def _escape_item(item: str, *, before_separator: bool) -> str:
    if ";" not in item and not item.endswith("\\"):
        return item
    out = ""
    run = 0
    for char in item:
        if char == ";":
            out += "\\" * run + "\\"
        out += char
        run = run + 1 if char == "\\" else 0
    return out + "\\" * run if before_separator else out


def split_list(text: str) -> list[str]:
    """Split a text that `join_list` made."""
    items: list[str] = []
    item = ""
    run = 0
    for char in text:
        if char == "\\":
            run += 1
            continue
        if char != ";":
            item += "\\" * run + char
        elif run % 2:
            item += "\\" * (run // 2) + ";"
        else:
            items.append(item + "\\" * (run // 2))
            item = ""
        run = 0
    item += "\\" * run
    return [*items, item] if text else []


def _shown_cell(cell: str) -> str:
    # Where a row has lost or gained a comma, any cell can be the prompt. So only cells that look
    # like a number or a time are quoted.
    is_plain = len(cell) <= 32 and not any(c.isalpha() and c not in "TZeE" for c in cell)
    return repr(cell) if is_plain else f"({len(cell)} characters)"


def _read_count(cell: str) -> int:
    if not (cell.isascii() and cell.isdigit()):
        raise ValueError(cell)
    return int(cell)


def _read_duration(cell: str) -> float | None:
    # float() alone would accept "nan", " 1", "1_0" and Arabic digits.
    if not cell:
        return None
    if not set("0123456789.eE+-").issuperset(cell):
        raise ValueError(cell)
    return float(cell)


def _read_flag(cell: str) -> bool:
    if cell.lower() not in ("true", "false"):
        raise ValueError(cell)
    return cell.lower() == "true"


_READERS: dict[str, Callable[[str], Any]] = {
    "timestamp": timestamps.parse,
    "tokens_used": _read_count,
    "elapsed_time": _read_duration,
    "file_patterns": split_list,
    "error_occurred": _read_flag,
}
