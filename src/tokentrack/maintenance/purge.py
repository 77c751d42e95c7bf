"""Remove what tokentrack keeps in the user's state folder.

Ledgers, their spools and their backups are in other folders and stay. Only names that tokentrack
itself makes are touched: a user may have chosen this folder for a ledger.
"""

from __future__ import annotations

import errno
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from tokentrack.config.trust import TRUST_NAME
from tokentrack.reports.pseudonyms import KEY_NAME
from tokentrack.store import spool
from tokentrack.store.directory import Directory
from tokentrack.store.paths import INDEX_NAME, state_folder
from tokentrack.store.registry import REGISTRY_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

# As `rescue_folder` names it: a digest of a ledger's path, and the path's end.
_RESCUED = re.compile(r"[0-9a-f]{16}[0-9A-Za-z-]*", re.ASCII)
_INDEX_FILES = (f"{INDEX_NAME}-journal", INDEX_NAME)
REGISTRY, TRUST, INDEX, KEY = "registry", "trusted files", "index", "key"
RESCUED = "rescued events"
_FOLDERS = {REGISTRY_NAME: REGISTRY, TRUST_NAME: TRUST}


class Part(NamedTuple):
    """A file or folder in the state folder that a purge removes.

    Attributes:
        path: its path.
        kind: registry, trusted files, index, key (of the pseudonyms) or rescued events.
        events: how many events wait in it that are in no ledger yet.
    """

    path: str
    kind: str
    events: int = 0


def parts(environ: Mapping[str, str]) -> list[Part]:
    """Return the parts that a purge would remove: an empty list without a state folder."""
    try:
        with Directory.open(state_folder(environ)) as state:
            found = [_part(state, name) for name in state.names()]
    except OSError:
        return []
    return [part for part in found if part is not None]


def purge(environ: Mapping[str, str], *, discard_events: bool) -> tuple[list[Part], list[Part]]:
    """Remove the parts; return those that are gone and those that are kept.

    Args:
        environ: the environment.
        discard_events: whether to remove waiting events too. Otherwise their folder is kept.

    Raises:
        OSError: a part can't be removed.
    """
    gone, kept = [], []
    for part in parts(environ):
        with Directory.of_file(part.path) as (state, name):
            if part.events and not discard_events:
                kept.append(part)
                continue
            try:
                if part.kind in {INDEX, KEY}:
                    state.remove(name)
                else:
                    _remove_tree(state, name, with_events=discard_events)
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
                kept.append(part)  # an event has just arrived
            else:
                gone.append(part)
    _remove_if_empty(environ)
    return gone, kept


def _part(state: Directory, name: str) -> Part | None:
    path = os.path.join(state.path, name)
    if name in _INDEX_FILES:
        return Part(path, INDEX)
    if name == KEY_NAME:
        return Part(path, KEY)
    if name not in _FOLDERS and not _RESCUED.fullmatch(name):
        return None
    try:
        with state.child(name) as folder:
            events = len(spool.waiting(folder))
    except OSError:
        return None  # a link or a file: not made by tokentrack
    return Part(path, _FOLDERS[name]) if name in _FOLDERS else Part(path, RESCUED, events)


def _remove_tree(parent: Directory, name: str, *, with_events: bool) -> None:
    # An event that arrives in between must not be lost: its folder is then not empty and stays.
    # The spool comes first, so that what tells whose events they are stays with them.
    with parent.child(name) as folder:
        for entry in sorted(folder.names(), key=lambda entry: entry != "spool"):
            try:
                folder.child(entry).close()
            except OSError:  # a file, or a link, which is removed and not followed
                folder.remove(entry)
            else:
                if name == "spool" and entry != "tmp" and not with_events:
                    folder.remove_folder(entry)
                else:
                    _remove_tree(folder, entry, with_events=with_events)
    parent.remove_folder(name)


def _remove_if_empty(environ: Mapping[str, str]) -> None:
    try:
        with Directory.of_file(state_folder(environ)) as (above, name):
            above.remove_folder(name)
    except OSError:
        pass  # a kept part or a file of the user is in it
