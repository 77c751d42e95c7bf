"""Every field of the configuration: type, default, bounds and meaning, written down once.

`schemas/tracker-config.schema.json` is made from this table, and a test holds them together.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from typing import Any


class Field:
    """One field; `kind` is one of bool, int, float, text, path, names."""

    __slots__ = ("choices", "default", "description", "kind", "maximum", "minimum")

    def __init__(
        self,
        kind: str,
        default: Any,
        description: str,
        minimum: float | None = None,
        maximum: float | None = None,
        choices: tuple[str, ...] = (),
    ) -> None:
        """Keep a row of the table."""
        self.kind = kind
        self.default = default
        self.description = description
        self.minimum = minimum
        self.maximum = maximum
        self.choices = choices


LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
DEFAULT_LEDGER = ".kiro/token_transactions.csv"

FIELDS = {
    "enabled": Field("bool", True, "Whether anything is recorded."),
    "csv_file_path": Field(
        "path", DEFAULT_LEDGER,
        "The ledger's path. A relative path is below the workspace's root; a workspace's own "
        "file may only name a .csv directly in its .kiro folder.",
    ),
    "max_prompt_length": Field(
        "int", 1000, "Characters of the prompt that are stored; 0 stores no prompt.",
        0, 1_000_000,
    ),
    "backup_enabled": Field(
        "bool", True, "Whether backups are made by themselves, never in the hook's time.",
    ),
    "backup_interval_hours": Field(
        "int", 24, "Hours between two backups that are made by themselves.", 1, 8760,
    ),
    "backup_keep": Field(
        "int", 14, "Backups that are kept; the oldest go when a new one is made by itself.",
        1, 10_000,
    ),
    "compression_enabled": Field("bool", False, "Whether rotated archives are compressed."),
    "rotate_max_mb": Field(
        "int", 50,
        "Megabytes of 1,000,000 bytes from which the ledger becomes an archive; 0 is never.",
        0, 100_000,
    ),
    "rotate_monthly": Field(
        "bool", False, "Whether a ledger whose first row is of an earlier month becomes one too.",
    ),
    "retention_days": Field(
        "int", 365, "Days after which `tokentrack prune` removes a row.", 1, 36500,
    ),
    "auto_create_directories": Field("bool", True, "Whether missing folders are made."),
    "auto_create_hooks": Field(
        "bool", False, "Whether the Python API installs missing hook files on first use.",
    ),
    "file_lock_timeout_seconds": Field(
        "float", 5.0, "Seconds that the Python API and the commands wait for the ledger's lock.",
        0, 3600,
    ),
    "hook_lock_timeout_ms": Field(
        "int", 50,
        "Milliseconds that the hook waits for the ledger's lock before it leaves the event in "
        "the spool.",
        0, 1000,
    ),
    "max_concurrent_writes": Field(
        "int", 10,
        "Threads of one process that write to a ledger, or wait for its lock, at a time; the "
        "others wait for their turn, as long as for the lock.",
        1, 1000,
    ),
    "enable_validation": Field(
        "bool", True,
        "Whether the Python API asks the registered rules and refuses a context that has fields "
        "of the wrong type. A row that could not be read back is never stored.",
    ),
    "log_level": Field("text", "INFO", "The least level that is logged.", choices=LOG_LEVELS),
    "hook_enabled": Field("bool", True, "Whether the hook records events."),
    "hook_name": Field(
        "text", "token-tracking-hook", "The hook's name where an event names none.",
    ),
    "durability": Field(
        "text", "fsync",
        "fsync: an accepted event survives a power loss. none: it survives a crash of the "
        "process.",
        choices=("fsync", "none"),
    ),
    "redact_secrets": Field(
        "bool", True, "Whether recognisable secrets are taken out of texts before they are stored.",
    ),
    "estimate_tokens": Field(
        "bool", True, "Whether tokens that nobody reports are estimated from the visible text.",
    ),
    "stale_execution_hours": Field(
        "float", 24.0, "Hours after which an execution that never completed becomes an error row.",
        0.01, 8760,
    ),
    "duplicate_window_seconds": Field(
        "float", 2.0,
        "Seconds in which the same event of the same session counts as the same hook installed "
        "twice; 0 turns that off.",
        0, 60,
    ),
    "collectors": Field(
        "names", [], "Names of the installed metadata collectors that are asked, in order.",
    ),
}  # fmt: skip


def check_value(name: str, value: Any) -> str:
    """Return what is wrong with a field's value as one sentence, "" when nothing is."""
    field = FIELDS[name]
    if not _has_kind(field.kind, value):
        return f"{name} must be {KIND_NAMES[field.kind]}, not {value!r}"[:300]
    if field.choices and value not in field.choices:
        return f"{name} must be one of {', '.join(field.choices)}, not {value!r}"[:300]
    if field.minimum is not None and field.maximum is not None:
        if not field.minimum <= value <= field.maximum:
            bounds = f"{field.minimum:,} to {field.maximum:,}"
            return f"{name} must be from {bounds}, not {value!r}"[:300]
    elif field.kind in ("text", "path") and not value:
        return f"{name} must not be empty"
    elif field.kind == "path" and value.replace("\\", "/").rpartition("/")[2] in ("", ".", ".."):
        return f"{name} must name a file, not a folder"
    return ""


KIND_NAMES = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "text": "text",
    "path": "a path",
    "names": "a list of names",
}


def _has_kind(kind: str, value: Any) -> bool:
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "float":
        return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124  (NaN)
    if kind == "names":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, str) and "\0" not in value


def parse_text(name: str, text: str) -> Any:
    """Return the value that an environment variable's text means for a field.

    Raises:
        ValueError: the text is no such value.
    """
    kind = FIELDS[name].kind
    if kind == "bool":
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("0", "false", "no", "off"):
            return False
        raise ValueError(text)
    if kind == "int":
        return int(text)
    if kind == "float":
        return float(text)
    if kind == "names":
        return [item.strip() for item in text.split(",") if item.strip()]
    return text.upper() if name == "log_level" else text
