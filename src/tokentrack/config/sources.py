"""Load the configuration from its sources, and limit what a workspace may set.

Arguments > environment (`KIRO_TOKEN_TRACKER_<FIELD>`) > the workspace's file > the hook file's
`configuration` block > the user's file > defaults. An invalid value is reported and falls back to
the next source, so that recording goes on.
"""

from __future__ import annotations

import os

from tokentrack.common import fastjson
from tokentrack.config.fields import DEFAULT_LEDGER, FIELDS, KIND_NAMES, check_value, parse_text
from tokentrack.config.json_file import (
    CONFIG_NAME,
    ERROR_HANDLING,
    PLAN,
    parse_json_object,
    read_small_file,
)
from tokentrack.config.tracker_config import TrackerConfig
from tokentrack.errors import ValidationError
from tokentrack.store.paths import LedgerPaths, user_paths, workspace_paths
from tokentrack.workspace import kiro_home

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

HOOK_FILE = "token-tracking.kiro.hook"
# How the names of tokentrack's own files begin.
_OWN_NAMES = ("token_transactions", "token_usage")
# What a file of a workspace that is not trusted may set: these fields only to these values, and
# the others not at all. It may also make `max_prompt_length` smaller.
_STRICTEST = {
    "redact_secrets": True,
    "auto_maintenance": False,
    "durability": "fsync",
    "enabled": False,
    "hook_enabled": False,
    "user": "",
}
_USERS_ONLY = ("backup_keep", "collectors", "retention_days", "trusted_folders")
_USERS = "the user's configuration"
_ENVIRONMENT_PREFIX = "KIRO_TOKEN_TRACKER_"


def load_config(
    root: str,
    user_folder: str,
    environ: Mapping[str, str],
    arguments: Mapping[str, Any] | None = None,
) -> tuple[TrackerConfig, list[str]]:
    """Return a workspace's configuration, and every problem found in its sources.

    Args:
        root: the workspace's root, "" if there is no workspace.
        user_folder: the user's Kiro folder.
        environ: the environment.
        arguments: fields given on the command line or by a caller.
    """
    return _load(root, user_folder, environ, arguments)[:2]


def ignored_values(root: str, user_folder: str, environ: Mapping[str, str]) -> list[str]:
    """Return a sentence for each value that is ignored, since the user does not trust its file."""
    return _load(root, user_folder, environ, None)[2]


def trusted_blocks(name: str, root: str, user_folder: str, environ: Mapping[str, str]) -> list[Any]:
    """Return a key's values in the files that the user trusts, the weakest first."""
    return [
        source.fields[name]
        for source in _sources(root, user_folder, {}, None, [])
        if name in source.fields and (not source.path or _is_trusted(source, environ))
    ]


def workspace_files(root: str) -> tuple[str, str]:
    """Return the paths of a workspace's files that may have settings, the weakest first."""
    kiro = os.path.join(root, ".kiro")
    return os.path.join(kiro, "hooks", HOOK_FILE), os.path.join(kiro, CONFIG_NAME)


def _load(
    root: str,
    user_folder: str,
    environ: Mapping[str, str],
    arguments: Mapping[str, Any] | None,
) -> tuple[TrackerConfig, list[str], list[str]]:
    values: dict[str, Any] = {}
    problems: list[str] = []
    ignored: list[str] = []
    unknown: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for source in _sources(root, user_folder, environ, arguments, problems):
        valid, others = _checked(source, problems)
        if source.path:
            confined, refused = without_looser(valid, own)
            if ERROR_HANDLING in others:
                refused.append(f"{ERROR_HANDLING} is ignored: the file is not trusted")
            if refused and not _is_trusted(source, environ):
                ignored += [f"{source.label}: {sentence}" for sentence in refused]
                valid = confined
        values.update(valid)
        if source.label == _USERS:
            own = valid
        if source.label != _USERS or not root:
            unknown.update(others)  # so that the file keeps them when it is saved
    config = TrackerConfig(**values)
    config.unknown = unknown
    return config, problems, ignored


def own_root(root: str, environ: Mapping[str, str]) -> str:
    """Return a workspace's root, or "" for the user's own ledger if its `.kiro` is not the user's.

    The owner of a folder can replace every file in it, also under an administrator's hook.
    `trusted_folders` in the user's configuration or the environment has patterns of such roots
    that are used all the same.
    """
    try:
        owner = os.stat(os.path.join(root, ".kiro")).st_uid if root else -1
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return root
    if owner < 0 or not hasattr(os, "geteuid") or owner == os.geteuid():
        return root
    from fnmatch import fnmatchcase

    patterns = load_config("", kiro_home(environ), environ)[0].trusted_folders
    return root if any(fnmatchcase(root, p.rstrip("/") or "/") for p in patterns) else ""


def ledger_paths(root: str, config: TrackerConfig, environ: Mapping[str, str]) -> LedgerPaths:
    """Return where a workspace's ledger is; for a root of "", where the user's ledger is."""
    if root or os.path.isabs(config.ledger_path):
        return workspace_paths(root, config.ledger_path)
    return user_paths(kiro_home(environ))


def _checked(source: _Source, problems: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    # The valid fields of a source, and what else is in it.
    valid: dict[str, Any] = {}
    others: dict[str, Any] = {}
    number = 0
    for name, value in source.fields.items():
        if name not in FIELDS:
            others[name] = value
            number += name != ERROR_HANDLING and (name != PLAN or source.label != _USERS)
        elif problem := check_value(name, value):
            problems.append(f"{source.label}: {problem}")
        else:
            valid[name] = value
    if number:
        # Their names stay out of the log: the file may be a link to any other.
        unknown = "1 unknown field" if number == 1 else f"{number:,} unknown fields"
        problems.append(f"{source.label}: {unknown}: ignored, but kept when the file is saved")
    return valid, others


class _Source:
    # A source's name and fields. One that is a file of the workspace has its path and bytes too.
    __slots__ = ("data", "fields", "label", "path")

    def __init__(
        self, label: str, fields: Mapping[str, Any], path: str = "", data: bytes = b""
    ) -> None:
        self.label = label
        self.fields = fields
        self.path = path
        self.data = data


def _sources(
    root: str,
    user_folder: str,
    environ: Mapping[str, str],
    arguments: Mapping[str, Any] | None,
    problems: list[str],
) -> list[_Source]:
    # The weakest source comes first.
    _, fields = _read(_USERS, os.path.join(user_folder, CONFIG_NAME), problems)
    found = [_Source(_USERS, fields)]
    if root:
        hook_file, workspace_file = workspace_files(root)
        label = "the hook file's configuration"
        data, fields = _read(label, hook_file, problems)
        block = fields.get("configuration")
        known = {n: v for n, v in block.items() if n in FIELDS} if isinstance(block, dict) else {}
        if ERROR_HANDLING in fields:
            known[ERROR_HANDLING] = fields[ERROR_HANDLING]
        found.append(_Source(label, known, hook_file, data))
        label = "the workspace's configuration"
        data, fields = _read(label, workspace_file, problems)
        found.append(_Source(label, fields, workspace_file, data))
    found.append(_Source("the environment", _from_environment(environ, problems)))
    found.append(_Source("the arguments", arguments or {}))
    return found


def _is_trusted(source: _Source, environ: Mapping[str, str]) -> bool:
    from tokentrack.config.trust import is_trusted

    return is_trusted(source.path, source.data, environ)


def without_looser(
    values: Mapping[str, Any], own: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return what a workspace's file sets that is not trusted, and a sentence for each other value.

    Such a file may make recording stricter than the user's own file does, not looser.

    Args:
        values: the file's values, which are valid.
        own: the fields that the user's own file sets.
    """
    kept = {}
    ignored = []
    for name, value in values.items():
        if name in FIELDS and _is_looser(name, value, own):
            shown = fastjson.dumps(value)[:100]
            ignored.append(f"{name}={shown} is ignored: the file is not trusted")
        else:
            kept[name] = value
    return kept, ignored


def _is_looser(name: str, value: Any, own: Mapping[str, Any]) -> bool:
    if name == "csv_file_path":
        return not is_confined(value)
    current = own.get(name, FIELDS[name].default)
    if value == current:
        return False
    if name == "max_prompt_length":
        return bool(value > current)
    if name in _STRICTEST:
        return bool(value != _STRICTEST[name])
    return name in _USERS_ONLY


def is_confined(path: str) -> bool:
    """Tell whether a path is one that a workspace's own files may name for the ledger.

    It must be a `.csv` directly in `.kiro`, on every operating system: Kiro loads files from
    folders inside `.kiro`, and `tokentrack init` keeps every `.csv` there out of git. A name that
    begins like those of tokentrack's own files is refused, except for the default ledger.
    """
    folder, _, name = path.partition("/")
    if folder != ".kiro" or not name.isprintable() or not {"/", "\\", ":"}.isdisjoint(name):
        return False
    if not name.endswith(".csv") or name.startswith((".", " ")):
        return False
    return path == DEFAULT_LEDGER or not name.casefold().startswith(_OWN_NAMES)


def _from_environment(environ: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    values = {}
    for variable, text in environ.items():
        if not variable.startswith(_ENVIRONMENT_PREFIX):
            continue
        name = variable[len(_ENVIRONMENT_PREFIX) :].lower()
        if name not in FIELDS:
            problems.append(f"unknown environment variable {variable[:100]}: ignored")
            continue
        try:
            values[name] = parse_text(name, text)
        except ValueError:
            kind = KIND_NAMES[FIELDS[name].kind]
            problems.append(f"{variable} must be {kind}, not {text!r}"[:300])
    return values


def _read(label: str, path: str, problems: list[str]) -> tuple[bytes, dict[str, Any]]:
    try:
        data = read_small_file(path)
        return data, parse_json_object(data, os.path.basename(path))
    except FileNotFoundError:
        return b"", {}
    except OSError as error:
        name = os.path.basename(path)
        problems.append(f"{label}: {name} can't be read (errno {error.errno})")
    except ValidationError as error:
        # The position in the file is in the decoder's own error.
        where = f": {error.__context__}" if error.__context__ else ""
        problems += [f"{label}: {issue}{where}" for issue in error.issues]
    return b"", {}
