"""A configuration that changes while it is in use: each change as a whole or not at all."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tokentrack.config.fields import FIELDS
from tokentrack.config.schema import property_schema
from tokentrack.config.sources import CONFIG_NAME, is_confined
from tokentrack.config.tracker_config import TrackerConfig, read_json_object
from tokentrack.errors import TokenTrackError, ValidationError
from tokentrack.store.paths import workspace_paths

if TYPE_CHECKING:
    from collections.abc import Callable


class HookConfiguration:
    """Holds a valid configuration; what would make it invalid is refused with a logged reason."""

    def __init__(self, config: TrackerConfig) -> None:
        """Start with a valid configuration of one's own."""
        self._lock = threading.RLock()
        self._config = config
        self._refused: list[str] = []

    def get_configuration(self) -> dict[str, Any]:
        """Return all fields and what a newer version's file brought, as a copy."""
        return copy.deepcopy(self._snapshot().to_dict())

    def update_configuration(self, new_config: TrackerConfig) -> bool:
        """Take a whole configuration; return whether it is in force.

        An invalid one changes nothing; `validate_configuration` says what was wrong with it.
        """
        return self._change(lambda: _checked(new_config))

    def apply_configuration_changes(self, changes: Mapping[str, Any]) -> bool:
        """Change some fields, all or none of them; return whether they are in force.

        An unknown field or an invalid value changes nothing; `validate_configuration` says what
        was wrong.
        """
        return self._change(lambda: _changed(self._config, changes))

    def reset_to_default_configuration(self) -> bool:
        """Take the defaults; return whether they are in force."""
        return self._change(TrackerConfig)

    def save_configuration_to_file(
        self, config_file_path: str | os.PathLike[str] | None = None
    ) -> bool:
        """Write the configuration as JSON, whole or not at all; return whether it is written.

        Args:
            config_file_path: without one, the file that every hook of the workspace reads,
                `.kiro/token_tracker_config.json`, or the user's where there is no workspace.
        """
        config = self._snapshot()
        try:
            if config_file_path is None:
                self._save_to_default(config)
            else:
                config.save_to_file(config_file_path)
        except OSError as error:
            self._refuse([f"the configuration can't be saved ({type(error).__name__})"])
            return False
        return True

    def reload_configuration_from_file(
        self, config_file_path: str | os.PathLike[str] | None = None
    ) -> bool:
        """Take a file's configuration; return whether it is in force.

        A file that is missing, damaged or invalid changes nothing. One below the workspace's
        `.kiro` may name a ledger there only: a cloned workspace is not the user.

        Args:
            config_file_path: the file; without one, where `save_configuration_to_file` writes.
        """
        return self._change(lambda: self._load(config_file_path))

    def validate_configuration(self) -> dict[str, Any]:
        """Return `valid` and `issues` of the configuration in force, and the last refusal.

        `refused` lists what was wrong with the last change that was not made, [] after one that
        was. `unknown_fields` names what a newer version's file brought.
        """
        with self._lock:
            issues = self._config.validate()
            unknown, refused = sorted(self._config.unknown), list(self._refused)
        return {
            "valid": not issues,
            "issues": issues,
            "refused": refused,
            "unknown_fields": unknown,
        }

    def get_configuration_schema(self) -> dict[str, dict[str, Any]]:
        """Return by field its JSON Schema: type, bounds, `enum`, `default`, `description`.

        The same table makes `schemas/tracker-config.schema.json`.
        """
        return {name: copy.deepcopy(property_schema(field)) for name, field in FIELDS.items()}

    def enable(self) -> None:
        """Record events from now on, in this process: see `save_configuration_to_file`."""
        self._change(lambda: self._config.copy(hook_enabled=True))

    def disable(self) -> None:
        """Record no events from now on, in this process; every other setting stays as it is."""
        self._change(lambda: self._config.copy(hook_enabled=False))

    def is_enabled(self) -> bool:
        """Tell whether events are recorded: `enabled` and `hook_enabled` are both true."""
        with self._lock:
            return self._config.enabled and self._config.hook_enabled

    def _snapshot(self) -> TrackerConfig:
        with self._lock:
            return self._config.copy()

    def _change(self, make: Callable[[], TrackerConfig]) -> bool:
        with self._lock:
            try:
                self._apply(make())
            except ValidationError as error:
                self._refuse(error.issues)
            except (TokenTrackError, OSError) as error:
                self._refuse([f"the configuration can't be changed ({type(error).__name__})"])
            else:
                self._refused = []
                return True
            return False

    def _refuse(self, issues: list[str]) -> None:
        with self._lock:
            self._refused = list(issues)
        self._log([f"a change of the configuration is refused: {issue}" for issue in issues])

    def _apply(self, config: TrackerConfig) -> None:
        self._config = config

    def _log(self, messages: list[str]) -> None:
        raise NotImplementedError

    def _default_file(self) -> tuple[str, str]:
        # A trusted folder, and the folder below it, "" for none, that the file is in.
        raise NotImplementedError

    def _save_to_default(self, config: TrackerConfig) -> None:
        base, folder = self._default_file()
        name = os.path.join(folder, CONFIG_NAME)
        with workspace_paths(base, name).open_folder(create=True) as directory:
            directory.replace(CONFIG_NAME, config.to_json(), durable=True)

    def _load(self, path: str | os.PathLike[str] | None) -> TrackerConfig:
        base, folder = self._default_file()
        file = os.path.join(base, folder, CONFIG_NAME) if path is None else os.fspath(path)
        config = _checked(TrackerConfig.from_dict(read_json_object(file)))
        owned = os.path.realpath(os.path.join(base, folder)) + os.sep if folder else ""
        inside = bool(owned) and os.path.realpath(file).startswith(owned)
        if inside and not is_confined(config.ledger_path):
            raise ValidationError(
                ["csv_file_path must be .kiro/NAME.csv in a workspace's own file"]
            )
        return config


def _checked(config: object) -> TrackerConfig:
    if not isinstance(config, TrackerConfig):
        raise ValidationError([f"a TrackerConfig is needed, not {type(config).__name__}"])
    issues = config.validate()
    if issues:
        raise ValidationError(issues)
    return config.copy()


def _changed(config: TrackerConfig, changes: object) -> TrackerConfig:
    if not isinstance(changes, Mapping):
        raise ValidationError([f"changes must be a mapping, not {type(changes).__name__}"])
    unknown = [f"{name!r} is no field" for name in changes if name not in FIELDS]
    known = {name: value for name, value in changes.items() if name in FIELDS}
    changed = config.copy(**known)
    issues = [*unknown, *changed.validate()]
    if issues:
        raise ValidationError(issues)
    return changed.copy()
