"""The twelve columns of the ledger: their order and the text of each cell."""

from __future__ import annotations

from tokentrack import timestamps
from tokentrack.errors import ValidationError

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from tokentrack.models.transaction import TokenTransaction

COLUMNS = (
    "timestamp", "prompt_text", "tokens_used", "elapsed_time", "session_id", "workspace_folder",
    "hook_trigger_type", "agent_execution_id", "file_patterns", "hook_name", "error_occurred",
    "error_message",
)  # fmt: skip


def row_of(transaction: TokenTransaction) -> list[str]:
    """Return the twelve cells of a record."""
    elapsed = transaction.elapsed_time
    return [
        timestamps.format_us(transaction.timestamp_us),
        transaction.prompt_text,
        str(transaction.tokens_used),
        "" if elapsed is None else repr(elapsed),
        transaction.session_id,
        transaction.workspace_folder,
        transaction.hook_trigger_type,
        transaction.agent_execution_id,
        join_list(transaction.file_patterns),
        transaction.hook_name,
        "true" if transaction.error_occurred else "false",
        transaction.error_message,
    ]


def read_row(row: Sequence[str]) -> dict[str, Any]:
    """Return the arguments of the record that the cells hold.

    Raises:
        ValidationError: with every cell that can't be read.
    """
    if len(row) != len(COLUMNS):
        raise ValidationError([f"a record has {len(COLUMNS)} columns, this one has {len(row)}"])
    values: dict[str, Any] = {}
    issues: list[str] = []
    for name, cell in zip(COLUMNS, row, strict=True):
        try:
            values[name] = _READERS.get(name, str)(cell)
        except ValueError:
            issues.append(f"{name} {cell[:60]!r} can't be read")
    if issues:
        raise ValidationError(issues)
    return values


def join_list(items: Sequence[str]) -> str:
    r"""Join by `;`; a `;` inside an item gets a backslash, and so do the backslashes before one."""
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
    r"""Split what `join_list` joined."""
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


def _read_count(cell: str) -> int:
    if not (cell.isascii() and cell.isdigit()):
        raise ValueError(cell)
    return int(cell)


def _read_duration(cell: str) -> float | None:
    # float() alone would take "nan", " 1", "1_0" and Arabic digits.
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
