"""The configuration and the ledger of a program that uses the Python API."""

from __future__ import annotations

import os

from tokentrack.config.sources import ledger_paths, load_config, own_root
from tokentrack.store.paths import LedgerPaths, workspace_paths
from tokentrack.workspace import find_root, kiro_home

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.config.tracker_config import TrackerConfig


def config_in_force(environ: Mapping[str, str]) -> TrackerConfig:
    """Return the configuration for the working folder, from files and the environment."""
    root = own_root(find_root(os.getcwd(), environ), environ)
    return load_config(root, kiro_home(environ), environ)[0]


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
        if not own_root(folder, environ):
            return ledger_paths("", config, environ)
    return workspace_paths(folder, config.ledger_path)
