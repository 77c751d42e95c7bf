"""Where a tracker writes: the user's usage ledger, or the one that a path names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from tokentrack import workspace
from tokentrack.errors import ValidationError
from tokentrack.store.paths import LEDGER_NAME, USAGE_NAME, LedgerPaths, user_paths

if TYPE_CHECKING:
    from collections.abc import Mapping

_SUFFIX = "_usage.csv"


class Storage(NamedTuple):
    """A usage ledger, and the JSON file of an older tracker to import into it, or ""."""

    paths: LedgerPaths
    legacy: str

    @property
    def path(self) -> str:
        """The usage ledger's path."""
        return self.usage_alone.path

    @property
    def usage_alone(self) -> LedgerPaths:
        """The usage ledger without the ledger that it may belong to."""
        return UsageOnlyPaths(self.paths.base, self.paths.folders, self.paths.usage)


class UsageOnlyPaths(LedgerPaths):
    """A usage ledger without a ledger next to it: its lock is named after itself."""

    __slots__ = ()

    @property
    def usage(self) -> str:
        """The file name of the usage ledger."""
        return self.ledger


def find_storage(
    persistence_path: str | os.PathLike[str] | None, environ: Mapping[str, str]
) -> Storage:
    """Return the usage ledger that a path names, the user's own for None.

    A path that ends in `.json` is the file of an older tracker: the ledger is next to it, with
    `.csv` in place of `.json`.

    Raises:
        ValidationError: the path is not one of a usage ledger.
    """
    if persistence_path is None:
        return Storage(user_paths(workspace.kiro_home(environ)), "")
    path = os.path.abspath(os.path.expanduser(persistence_path))
    stem, ending = os.path.splitext(path)
    legacy = path if ending.lower() == ".json" else ""
    folder, name = os.path.split(f"{stem}.csv" if legacy else path)
    if name == LEDGER_NAME:
        raise ValidationError(
            [f"{path} is a ledger of executions: name the usage ledger, {USAGE_NAME}"]
        )
    return Storage(_paths(folder, name), legacy)


def _paths(folder: str, name: str) -> LedgerPaths:
    # A usage ledger that belongs to a ledger shares its lock.
    if name == USAGE_NAME:
        return LedgerPaths(folder, (), LEDGER_NAME)
    if name.endswith(_SUFFIX) and name != _SUFFIX:
        return LedgerPaths(folder, (), name.removesuffix(_SUFFIX) + ".csv")
    return UsageOnlyPaths(folder, (), name)
