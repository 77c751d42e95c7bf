"""Which configuration and which ledger a program's own tracker has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tokentrack.config.sources import load_config
from tokentrack.store.paths import LedgerPaths, workspace_paths
from tokentrack.workspace import find_root, kiro_home

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.config.tracker_config import TrackerConfig


def configuration_in_force(environ: Mapping[str, str]) -> TrackerConfig:
    """Return the configuration of the files and the environment for the working folder."""
    root = find_root(os.getcwd(), environ)
    return load_config(root, kiro_home(environ), environ)[0]


def default_paths(
    config: TrackerConfig, environ: Mapping[str, str], *, in_force: bool
) -> LedgerPaths:
    """Return the place of a ledger by its path, which may be relative.

    A path below `.kiro` is the workspace's, wherever in it the program runs; so is every path of
    the configuration in force. Another relative path is below the working folder, as for every
    file that a program names. With `auto_create_hooks`, missing hook files are installed.

    Raises:
        FileSystemError: a hook file can't be written.
    """
    folder = os.getcwd()
    root = find_root(folder, environ)
    if config.auto_create_hooks:
        from tokentrack.hookfiles.install import create_hook_files

        create_hook_files(root)
    below_root = in_force or config.ledger_path.replace("\\", "/").startswith(".kiro/")
    return workspace_paths(root if below_root else folder, config.ledger_path)
