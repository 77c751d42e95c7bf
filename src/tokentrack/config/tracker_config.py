"""The tracker's configuration: values of its fields, their validation, and its JSON file."""

from __future__ import annotations

import os

from tokentrack.config.fields import FIELDS, check_value
from tokentrack.config.json_file import CONFIG_NAME, ERROR_HANDLING, PLAN, read_json_object
from tokentrack.store.directory import Directory

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any, Self, TypedDict, Unpack

    class Fields(TypedDict, total=False):
        """The arguments of `TrackerConfig`; a test compares them with `FIELDS`."""

        auto_create_directories: bool
        auto_create_hooks: bool
        auto_maintenance: bool
        backup_enabled: bool
        backup_interval_hours: int
        backup_keep: int
        collectors: list[str]
        compression_enabled: bool
        csv_file_path: str | os.PathLike[str]
        duplicate_window_seconds: float
        durability: str
        enable_validation: bool
        enabled: bool
        estimate_tokens: bool
        file_lock_timeout_seconds: float
        hook_enabled: bool
        hook_lock_timeout_ms: int
        hook_name: str
        log_level: str
        max_concurrent_writes: int
        max_prompt_length: int
        redact_secrets: bool
        registry_enabled: bool
        retention_days: int
        rotate_max_mb: int
        rotate_monthly: bool
        stale_execution_hours: float
        trusted_folders: list[str]
        user: str | None


class TrackerConfig:
    """How executions are recorded. docs/configuration.md has the fields and their bounds.

    An invalid value is kept and reported by `validate`, so that all problems can be shown at once.
    `unknown` holds the fields of a newer version's file, so that saving does not lose them.
    """

    auto_create_directories: bool
    auto_create_hooks: bool
    auto_maintenance: bool
    backup_enabled: bool
    backup_interval_hours: int
    backup_keep: int
    collectors: list[str]
    compression_enabled: bool
    duplicate_window_seconds: float
    durability: str
    enable_validation: bool
    enabled: bool
    estimate_tokens: bool
    file_lock_timeout_seconds: float
    hook_enabled: bool
    hook_lock_timeout_ms: int
    hook_name: str
    log_level: str
    max_concurrent_writes: int
    max_prompt_length: int
    redact_secrets: bool
    registry_enabled: bool
    retention_days: int
    rotate_max_mb: int
    rotate_monthly: bool
    stale_execution_hours: float
    trusted_folders: list[str]
    user: str | None

    __slots__ = (
        *[name for name in FIELDS if name != "csv_file_path"], "__weakref__", "ledger_path",
        "unknown",
    )  # fmt: skip

    def __init__(self, **values: Unpack[Fields]) -> None:
        """Create a configuration from fields by name; the others get their defaults.

        Raises:
            TypeError: a name is not a field.
        """
        for name in values:
            if name not in FIELDS:
                raise TypeError(f"TrackerConfig has no field {name!r}")
        self.unknown: dict[str, Any] = {}
        for name, field in FIELDS.items():
            default = list(field.default) if field.kind == "names" else field.default
            setattr(self, name, values.get(name, default))

    @property
    def csv_file_path(self) -> Path:
        """The ledger's path; a relative one starts at the workspace's root."""
        from pathlib import Path

        return Path(self.ledger_path)

    @csv_file_path.setter
    def csv_file_path(self, path: str | os.PathLike[str]) -> None:
        # A value that is not a path is kept, for `validate` to report.
        self.ledger_path: str = path.__fspath__() if hasattr(path, "__fspath__") else path

    @classmethod
    def create_default(cls) -> Self:
        """Return a configuration with all defaults."""
        return cls()

    @classmethod
    def create_for_testing(cls) -> Self:
        """Return a configuration for development: detailed log, no backups, short retention."""
        return cls(log_level="DEBUG", backup_enabled=False, retention_days=30,
                   max_prompt_length=2000, file_lock_timeout_seconds=10.0)  # fmt: skip

    @classmethod
    def create_for_production(cls) -> Self:
        """Return a configuration for production: quiet log, two backups a day, compression."""
        return cls(log_level="WARNING", backup_interval_hours=12, compression_enabled=True,
                   max_prompt_length=500)  # fmt: skip

    def validate(self) -> list[str]:
        """Return every problem, one sentence each; an empty list means that it is valid."""
        problems = [check_value(name, value) for name, value in self._values().items()]
        return [problem for problem in problems if problem]

    def copy(self, **changes: Unpack[Fields]) -> Self:
        """Return a copy with some fields changed.

        Raises:
            TypeError: a name is not a field.
        """
        values: Any = {n: list(v) if type(v) is list else v for n, v in self._values().items()}
        config = type(self)(**{**values, **changes})
        config.unknown = dict(self.unknown)
        return config

    def sanitized(self) -> Self:
        """Return the configuration with each invalid value replaced by the field's default.

        The logger `tokentrack` warns of each. A valid configuration is returned itself, not as a
        copy.
        """
        problems = {n: p for n, value in self._values().items() if (p := check_value(n, value))}
        if not problems:
            return self
        import logging

        for problem in problems.values():
            logging.getLogger("tokentrack").warning("%s; using the default", problem)
        return self.copy(**{name: FIELDS[name].default for name in problems})

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON values, with the unknown fields of a newer version's file."""
        return {**self._values(), **self.unknown}

    def _values(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in FIELDS if name != "csv_file_path"}
        return {"csv_file_path": self.ledger_path, **values}

    @classmethod
    def from_dict(cls, config_dict: Mapping[str, Any]) -> Self:
        """Return the configuration in a dictionary; unknown fields are kept for the next save.

        A newer version may have written them. The logger `tokentrack` warns of them.
        """
        config = cls(**{name: value for name, value in config_dict.items() if name in FIELDS})
        config.unknown = {n: value for n, value in config_dict.items() if n not in FIELDS}
        unknown = sorted({*config.unknown} - {PLAN, ERROR_HANDLING})
        if unknown:
            import logging

            logging.getLogger("tokentrack").warning(
                "unknown fields in the configuration (ignored, but kept when it is saved): %s",
                ", ".join(unknown),
            )
        return config

    def save_to_file(
        self, path: str | os.PathLike[str], *, environ: Mapping[str, str] | None = None
    ) -> None:
        """Write the configuration as JSON, replacing the file atomically.

        The file is trusted, as by `tokentrack trust`, until its content changes.

        Args:
            path: the file.
            environ: says where the user's state folder is; by default, that of the process.

        Raises:
            OSError: the file can't be written.
        """
        data = self.to_json()
        with Directory.of_file(path, create=True) as (directory, name):
            directory.replace(name, data, durable=True)
        if name == CONFIG_NAME:
            from tokentrack.config.trust import trust_saved

            trust_saved(path, data, os.environ if environ is None else environ)

    def to_json(self) -> bytes:
        """Return the bytes that `save_to_file` writes."""
        import json

        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"
        return text.encode("utf-8", "backslashreplace")  # the JSON escape of a lone surrogate

    @classmethod
    def load_from_file(cls, path: str | os.PathLike[str]) -> Self:
        """Return the configuration in a JSON file.

        Raises:
            OSError: the file can't be read.
            ValidationError: the file does not hold a JSON object.
        """
        return cls.from_dict(read_json_object(path))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TrackerConfig) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]  # mutable: not for sets

    def __repr__(self) -> str:
        # Only the fields that differ from the defaults.
        changed = {n: v for n, v in self._values().items() if v != FIELDS[n].default}
        return f"TrackerConfig({', '.join([f'{n}={v!r}' for n, v in changed.items()])})"
