"""The ledgers that an answer is about where none are named: all that this user has."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tokentrack.config.sources import ledger_paths, load_config, own_root
from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.store.paths import index_path, user_paths
from tokentrack.store.registry import register, registered
from tokentrack.workspace import find_workspace, kiro_home

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokentrack.store.paths import LedgerPaths


def known_ledgers(
    current: LedgerPaths, environ: Mapping[str, str], *, may_register: bool
) -> tuple[list[LedgerPaths], str | None]:
    """Return the registered ledgers, the current one and the user's, and the path of their index.

    Existing ledgers that are missing from the registry are added to it. The index path is None if
    a ledger can't be added, since it would come and go with the current folder, or if no ledger
    exists.

    Args:
        current: the ledger around the current folder.
        environ: the environment.
        may_register: whether ledgers may be registered.
    """
    ledgers = registered(environ)
    known = {paths.path for paths in ledgers}
    own = {paths.path: paths for paths in (current, user_paths(kiro_home(environ)))}
    added = [paths for path, paths in own.items() if path not in known and _exists(paths)]
    # A list: each of them is to be registered.
    registrations = [may_register and register(paths, environ) for paths in added]
    has_index = bool(known or added) and all(registrations)
    return [*ledgers, *added], index_path(environ) if has_index else None


def ledgers_around(environ: Mapping[str, str]) -> tuple[list[LedgerPaths], str | None]:
    """Return what `known_ledgers` does for the workspace of the current folder."""
    root, is_shared = find_workspace(os.getcwd(), environ)
    root = "" if is_shared else own_root(root, environ)
    config, _ = load_config(root, kiro_home(environ), environ)
    paths = ledger_paths(root, config, environ)
    return known_ledgers(paths, environ, may_register=config.registry_enabled)


def named_ledgers(
    paths: Sequence[str | os.PathLike[str]],
) -> tuple[list[LedgerPaths], dict[str, str]]:
    """Return the ledgers that paths name, and by path what is missing there.

    Raises:
        FileSystemError: a path is not a ledger and has none, or can't be read.
    """
    from tokentrack.store.foreign import find_named

    found = find_named([os.fspath(path) for path in paths], COLUMNS, USAGE_COLUMNS)
    return found.ledgers, found.missing


def _exists(paths: LedgerPaths) -> bool:
    # A program that tracks requests writes a usage ledger alone.
    return any(os.path.lexists(os.path.join(paths.folder, n)) for n in (paths.ledger, paths.usage))
