"""A configuration that can be changed while it is in use: each change completely or not at all."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tokentrack.config.fields import FIELDS
from tokentrack.config.json_file import CONFIG_NAME, parse_json_object, read_small_file
from tokentrack.config.schema import property_schema
from tokentrack.config.sources import load_config, without_looser
from tokentrack.config.tracker_config import TrackerConfig
from tokentrack.config.trust import is_trusted, trust_saved
from tokentrack.errors import TokenTrackError, ValidationError
from tokentrack.store.paths import workspace_paths
from tokentrack.workspace import kiro_home

if TYPE_CHECKING:
    from collections.abc import Callable


class HookConfiguration:
    """A valid configuration. An invalid change is refused, with its problems in the log."""

    _environ: Mapping[str, str] = os.environ

    def __init__(self, config: TrackerConfig) -> None:
        """Start with a valid configuration, which no other object may change."""
        self._lock = threading.RLock()
        self._config = config
        self._refused: list[str] = []

    def get_configuration(self) -> dict[str, Any]:
        """Return a copy of all fields, with the unknown fields of a newer version's file."""
        return copy.deepcopy(self._snapshot().to_dict())

    def update_configuration(self, new_config: TrackerConfig) -> bool:
        """Replace the whole configuration; return whether it was replaced.

        An invalid one is refused; `validate_configuration` returns its problems.
        """
        return self._change(lambda: _checked(new_config))

    def apply_configuration_changes(self, changes: Mapping[str, Any]) -> bool:
        """Change some fields, all or none of them; return whether they were changed.

        An unknown field or an invalid value refuses the change; `validate_configuration` returns
        the problems.
        """
        return self._change(lambda: _changed(self._config, changes))

    def reset_to_default_configuration(self) -> bool:
        """Reset all fields to their defaults; return whether they were reset."""
        return self._change(TrackerConfig)

    def save_configuration_to_file(
        self, config_file_path: str | os.PathLike[str] | None = None
    ) -> bool:
        """Write the configuration as JSON, replacing the file atomically; return whether it worked.

        Args:
            config_file_path: the file. Without one, `.kiro/token_tracker_config.json`, which every
                hook of the workspace reads, or the user's file where there is no workspace.
        """
        config = self._snapshot()
        try:
            if config_file_path is None:
                self._save_to_default(config)
            else:
                config.save_to_file(config_file_path, environ=self._environ)
        except OSError as error:
            self._refuse([f"can't save the configuration ({type(error).__name__})"])
            return False
        return True

    def reload_configuration_from_file(
        self, config_file_path: str | os.PathLike[str] | None = None
    ) -> bool:
        """Load the configuration from a file; return whether it was loaded.

        A missing, damaged or invalid file changes nothing. In a file in the workspace's `.kiro`
        that is not trusted, values that make recording looser are ignored.

        Args:
            config_file_path: the file. Without one, the file that `save_configuration_to_file`
                writes.
        """
        return self._change(lambda: self._load(config_file_path))

    def validate_configuration(self) -> dict[str, Any]:
        """Return whether the configuration is valid, and the problems of the last refused change.

        `valid` and `issues` are of the current configuration. `refused` lists the problems of the
        last change, [] if it was made. `unknown_fields` names the fields of a newer version's
        file.
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
        """Return the JSON Schema of each field: type, bounds, `enum`, `default`, `description`.

        `schemas/tracker-config.schema.json` has the same.
        """
        return {name: copy.deepcopy(property_schema(field)) for name, field in FIELDS.items()}

    def enable(self) -> None:
        """Record events from now on, in this process: `enabled` and `hook_enabled` become true.

        Save the configuration to enable recording for good.
        """
        self._change(lambda: self._config.copy(enabled=True, hook_enabled=True))

    def disable(self) -> None:
        """Record no events from now on, in this process; no other field changes.

        Save the configuration to disable recording for good.
        """
        self._change(lambda: self._config.copy(hook_enabled=False))

    def is_enabled(self) -> bool:
        """Tell whether events are recorded, that is, `enabled` and `hook_enabled` are both true."""
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
                self._refuse([f"can't change the configuration ({type(error).__name__})"])
            else:
                self._refused = []
                return True
            return False

    def _refuse(self, issues: list[str]) -> None:
        with self._lock:
            self._refused = list(issues)
        self._log([f"configuration change refused: {issue}" for issue in issues])

    def _apply(self, config: TrackerConfig) -> None:
        self._config = config

    def _log(self, messages: list[str]) -> None:
        raise NotImplementedError

    def _default_file(self) -> tuple[str, str]:
        # A trusted folder, and the file's folder below it ("" if it is the trusted folder itself).
        raise NotImplementedError

    def _save_to_default(self, config: TrackerConfig) -> None:
        base, folder = self._default_file()
        name = os.path.join(folder, CONFIG_NAME)
        with workspace_paths(base, name).open_folder(create=True) as directory:
            data = config.to_json()
            directory.replace(CONFIG_NAME, data, durable=True)
        trust_saved(os.path.join(base, name), data, self._environ)

    def _load(self, path: str | os.PathLike[str] | None) -> TrackerConfig:
        base, folder = self._default_file()
        file = os.path.join(base, folder, CONFIG_NAME) if path is None else os.fspath(path)
        data = read_small_file(file)
        values = parse_json_object(data, os.path.basename(file))
        owned = os.path.realpath(os.path.join(base, folder)) + os.sep if folder else ""
        inside = bool(owned) and os.path.realpath(file).startswith(owned)
        if inside and not is_trusted(file, data, self._environ):
            _checked(TrackerConfig.from_dict(values))
            own = load_config("", kiro_home(self._environ), self._environ)[0]
            values, ignored = without_looser(values, own.to_dict())
            self._log(ignored)
        return _checked(TrackerConfig.from_dict(values))


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
    unknown = [f"unknown field {name!r}" for name in changes if name not in FIELDS]
    known = {name: value for name, value in changes.items() if name in FIELDS}
    changed = config.copy(**known)
    issues = [*unknown, *changed.validate()]
    if issues:
        raise ValidationError(issues)
    return changed.copy()
