"""Which usage ledger a tracker writes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from tokentrack import workspace
from tokentrack.errors import ValidationError
from tokentrack.store.place import LEDGER_NAME, USAGE_NAME, Place, user_place

if TYPE_CHECKING:
    from collections.abc import Mapping

_SUFFIX = "_usage.csv"


class Storage(NamedTuple):
    """A usage ledger, and the JSON file of an older tracker that is imported into it ("": none)."""

    place: Place
    legacy: str

    @property
    def path(self) -> str:
        """The usage ledger's path."""
        return os.path.join(self.place.folder, self.place.usage)


class _UsageOnlyPlace(Place):
    # A usage ledger without a ledger beside it: its own name is that of its lock.
    __slots__ = ()

    @property
    def usage(self) -> str:
        return self.ledger


def find_storage(
    persistence_path: str | os.PathLike[str] | None, environ: Mapping[str, str]
) -> Storage:
    """Return where a tracker writes: the user's usage ledger, or the one that a path names.

    A path that ends in `.json` names the file of an older tracker: the ledger lies beside it,
    with `.csv` for `.json`.

    Raises:
        ValidationError: the path names no usage ledger.
    """
    if persistence_path is None:
        return Storage(user_place(workspace.kiro_home(environ)), "")
    path = os.path.abspath(os.path.expanduser(persistence_path))
    stem, ending = os.path.splitext(path)
    legacy = path if ending.lower() == ".json" else ""
    folder, name = os.path.split(f"{stem}.csv" if legacy else path)
    if name == LEDGER_NAME:
        raise ValidationError(
            [f"{path} is a ledger of executions: name the usage ledger, {USAGE_NAME}"]
        )
    return Storage(_place(folder, name), legacy)


def _place(folder: str, name: str) -> Place:
    # Where the name is the one that belongs to a ledger, the lock is that ledger's.
    if name == USAGE_NAME:
        return Place(folder, (), LEDGER_NAME)
    if name.endswith(_SUFFIX) and name != _SUFFIX:
        return Place(folder, (), name.removesuffix(_SUFFIX) + ".csv")
    return _UsageOnlyPlace(folder, (), name)
