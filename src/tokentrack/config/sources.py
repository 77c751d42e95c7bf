"""Load the configuration from its sources, and limit what a workspace may set.

Arguments > environment (`KIRO_TOKEN_TRACKER_<FIELD>`) > the workspace's file > the hook file's
`configuration` block > the user's file > defaults. An invalid value is reported and falls back to
the next source, so that recording goes on.
"""

from __future__ import annotations

import os

from tokentrack.config.fields import DEFAULT_LEDGER, FIELDS, KIND_NAMES, check_value, parse_text
from tokentrack.config.json_file import CONFIG_NAME, PLAN, read_json_object
from tokentrack.config.tracker_config import TrackerConfig
from tokentrack.errors import ValidationError
from tokentrack.store.paths import LedgerPaths, user_paths, workspace_paths
from tokentrack.workspace import find_root, kiro_home

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

HOOK_FILE = "token-tracking.kiro.hook"
# How the names of tokentrack's own files begin.
_OWN_NAMES = ("token_transactions", "token_usage")
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
    values: dict[str, Any] = {}
    problems: list[str] = []
    unknown: dict[str, Any] = {}
    for label, trusted, fields in _sources(root, user_folder, environ, arguments, problems):
        for name, value in fields.items():
            if name == PLAN and label == _USERS:
                if not root:  # what is saved as the user's file keeps it
                    unknown[name] = value
            elif name not in FIELDS:
                problems.append(f"{label}: {_unknown(name)}")
                unknown[name] = value
            elif problem := _refusal(name, value, trusted=trusted):
                problems.append(f"{label}: {problem}")
            else:
                values[name] = value
    config = TrackerConfig(**values)
    config.unknown = unknown
    return config, problems


def config_in_force(environ: Mapping[str, str]) -> TrackerConfig:
    """Return the configuration for the working folder, from files and the environment."""
    return load_config(find_root(os.getcwd(), environ), kiro_home(environ), environ)[0]


def ledger_paths(root: str, config: TrackerConfig, environ: Mapping[str, str]) -> LedgerPaths:
    """Return where a workspace's ledger is; for a root of "", where the user's ledger is."""
    if root or os.path.isabs(config.ledger_path):
        return workspace_paths(root, config.ledger_path)
    return user_paths(kiro_home(environ))


def program_paths(
    config: TrackerConfig, environ: Mapping[str, str], *, in_force: bool
) -> LedgerPaths:
    """Return where the ledger of a program that uses the Python API is.

    Args:
        config: has the ledger's path. A relative path that begins with `.kiro/` starts at the
            workspace's root. Any other starts at the working folder, like other files that a
            program names.
        environ: the environment.
        in_force: whether `config` was loaded by `config_in_force`. Then every relative path starts
            at the workspace's root.
    """
    folder = os.getcwd()
    if in_force or config.ledger_path.replace("\\", "/").startswith(".kiro/"):
        folder = find_root(folder, environ)
    return workspace_paths(folder, config.ledger_path)


def _sources(
    root: str,
    user_folder: str,
    environ: Mapping[str, str],
    arguments: Mapping[str, Any] | None,
    problems: list[str],
) -> list[tuple[str, bool, Mapping[str, Any]]]:
    # Name, whether the user and not a workspace made it, and fields of each source. The weakest
    # source comes first.
    found: list[tuple[str, bool, Mapping[str, Any]]] = []
    user_file = os.path.join(user_folder, CONFIG_NAME)
    found.append((_USERS, True, _read(_USERS, user_file, problems)))
    if root:
        hook_file = os.path.join(root, ".kiro", "hooks", HOOK_FILE)
        label = "the hook file's configuration"
        block = _read(label, hook_file, problems).get("configuration")
        if isinstance(block, dict):
            known = {name: value for name, value in block.items() if name in FIELDS}
            found.append((label, False, known))
        workspace_file = os.path.join(root, ".kiro", CONFIG_NAME)
        label = "the workspace's configuration"
        found.append((label, False, _read(label, workspace_file, problems)))
    found.append(("the environment", True, _from_environment(environ, problems)))
    found.append(("the arguments", True, arguments or {}))
    return found


def _refusal(name: str, value: Any, *, trusted: bool) -> str:
    problem = check_value(name, value)
    if not problem and name == "csv_file_path" and not trusted and not is_confined(value):
        problem = (
            "csv_file_path must be .kiro/NAME.csv here, and NAME must not start with "
            f"{' or '.join(_OWN_NAMES)}; set other paths in the user's configuration, the "
            "environment or an argument"
        )
    if not problem and name == "user" and not trusted and value:
        problem = (
            'user must be "" here, which leaves the name out; set a name in the user\'s '
            "configuration, the environment or an argument"
        )
    return problem


def _unknown(name: str) -> str:
    return f"unknown field {name!r}: ignored, but kept when the file is saved"[:200]


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


def _read(label: str, path: str, problems: list[str]) -> dict[str, Any]:
    try:
        return read_json_object(path)
    except FileNotFoundError:
        return {}
    except OSError as error:
        name = os.path.basename(path)
        problems.append(f"{label}: {name} can't be read (errno {error.errno})")
    except ValidationError as error:
        # The position in the file is in the decoder's own error.
        where = f": {error.__context__}" if error.__context__ else ""
        problems += [f"{label}: {issue}{where}" for issue in error.issues]
    return {}
