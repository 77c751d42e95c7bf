"""Every field of the configuration: its type, default, bounds and meaning.

`schemas/tracker-config.schema.json` and the table in docs/configuration.md are made from this one.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from typing import Any


class Field:
    """One field; `kind` is one of bool, int, float, text, path, name, names."""

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
        self.kind = kind
        self.default = default
        self.description = description
        self.minimum = minimum
        self.maximum = maximum
        self.choices = choices


MAX_NAME = 256
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
DEFAULT_LEDGER = ".kiro/token_transactions.csv"

FIELDS = {
    "enabled": Field("bool", True, "Record executions. false turns all recording off."),
    "csv_file_path": Field(
        "path", DEFAULT_LEDGER,
        "Path of the ledger. A relative path starts at the workspace's root. A file in a workspace "
        "may only name a .csv file directly in its .kiro folder.",
    ),
    "max_prompt_length": Field(
        "int", 1000, "Maximum number of characters stored of each prompt. 0 stores no prompts.",
        0, 1_000_000,
    ),
    "backup_enabled": Field("bool", True, "Make backups automatically (never from the hook)."),
    "backup_interval_hours": Field("int", 24, "Hours between automatic backups.", 1, 8760),
    "backup_keep": Field(
        "int", 14,
        "Number of backups to keep. Each automatic backup deletes the oldest beyond that number.",
        1, 10_000,
    ),
    "auto_maintenance": Field(
        "bool", True,
        "Rotate, back up and compress what is due after `tokentrack` and `tokentrack status` on a "
        "terminal, along with the maintenance commands, and in the Python API. false leaves it to "
        "`tokentrack maintain`.",
    ),
    "compression_enabled": Field("bool", False, "Compress archives when the ledger is rotated."),
    "rotate_max_mb": Field(
        "int", 50,
        "Rotate when the ledger reaches this size in megabytes (1,000,000 bytes). 0 turns this "
        "off.",
        0, 100_000,
    ),
    "rotate_monthly": Field(
        "bool", False, "Rotate when the ledger's first row is from an earlier month.",
    ),
    "retention_days": Field(
        "int", 365, "Days after which `tokentrack prune` removes a row.", 1, 36500,
    ),
    "auto_create_directories": Field("bool", True, "Create missing folders."),
    "auto_create_hooks": Field(
        "bool", False, "Let `TokenTracker` install missing hook files when it is created.",
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
        "Maximum threads per process that may write or wait for the lock at once. Others queue "
        "for up to the lock timeout.",
        1, 1000,
    ),
    "enable_validation": Field(
        "bool", True,
        "Let the Python API apply the registered rules and refuse a context whose fields have the "
        "wrong type. A row that could not be read back is always refused.",
    ),
    "log_level": Field(
        "text", "INFO", "Lowest level of messages to log.", choices=LOG_LEVELS,
    ),
    "hook_enabled": Field("bool", True, "Record events from hooks."),
    "hook_name": Field(
        "text", "token-tracking-hook", "Hook name to store for events that do not name their hook.",
    ),
    "durability": Field(
        "text", "fsync",
        "fsync: accepted events survive a power loss. none: they survive a crash of the process, "
        "but perhaps not a power loss.",
        choices=("fsync", "none"),
    ),
    "redact_secrets": Field(
        "bool", True, "Replace recognisable secrets in texts before they are stored.",
    ),
    "estimate_tokens": Field(
        "bool", True, "Estimate tokens from the visible text if none are reported.",
    ),
    "stale_execution_hours": Field(
        "float", 24.0,
        "Hours after which an execution that never completed is recorded as an error.",
        0.01, 8760,
    ),
    "duplicate_window_seconds": Field(
        "float", 2.0,
        "Seconds within which a repeated event of one session is treated as one event reported by "
        "two installed hooks. 0 turns this off.",
        0, 60,
    ),
    "registry_enabled": Field(
        "bool", True,
        "List the ledger in your state folder, so that reports over all workspaces include it.",
    ),
    "user": Field(
        "name", None,
        "Name of the user in the usage ledger's rows. \"\" leaves it out. null means the tag "
        "`user`, else the system's name of the user. A workspace's file may only leave it out.",
    ),
    "collectors": Field(
        "names", [], "Names of the installed metadata collectors to call, in order.",
    ),
    "trusted_folders": Field(
        "names", [],
        "Patterns of workspaces whose .kiro folder may belong to another user, such as /srv/* or "
        "*. Not for a workspace's file.",
    ),
}  # fmt: skip


def check_value(name: str, value: Any) -> str:
    """Return the problem of a field's value as one sentence, "" if it is valid."""
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
    "name": f"text of at most {MAX_NAME} characters",
    "names": "a list of names",
}


def _has_kind(kind: str, value: Any) -> bool:
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "float":
        return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124  (NaN)
    if kind == "name" and (value is None or (isinstance(value, str) and len(value) > MAX_NAME)):
        return value is None
    if kind == "names":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return isinstance(value, str) and "\0" not in value


def parse_text(name: str, text: str) -> Any:
    """Return the value of a field that an environment variable's text stands for.

    Raises:
        ValueError: the text can't be converted to the field's type.
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
