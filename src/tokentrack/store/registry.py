"""Which ledgers this user has: one small file for each, in the user's state folder.

`<state>/ledgers/<digest>` holds the parts of a ledger's path: the trusted base, the folders below
it and the file's name, separated by NUL. Answers over all workspaces start from here. A ledger
that can't be registered is recorded all the same.
"""

from __future__ import annotations

import os

from tokentrack.store.directory import Directory, is_entry_name
from tokentrack.store.paths import LedgerPaths, digest, state_folder

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REGISTRY_NAME = "ledgers"
_MAX_LEDGERS = 1000
_MAX_BYTES = 8 * 1024  # twice the longest path of Linux
_LEVELS_BELOW_HOME = 3


def register(paths: LedgerPaths, environ: Mapping[str, str]) -> bool:
    """Add a ledger; return whether it is registered now."""
    try:
        with open_in_state(environ, REGISTRY_NAME, create=True) as folder:
            name, data = digest(paths.path), _encoded(paths)
            if folder.has(name) and folder.read(name, _MAX_BYTES) == data:
                return True
            if len(folder.names()) >= _MAX_LEDGERS or len(data) > _MAX_BYTES:
                return False
            folder.replace(name, data, durable=True)
    except OSError:
        return False
    return True


def forget(paths: LedgerPaths, environ: Mapping[str, str]) -> bool:
    """Remove a ledger from the registry, not from the disk; return whether it was there.

    Raises:
        OSError: the registry can't be changed.
    """
    name = digest(paths.path)
    try:
        with open_in_state(environ, REGISTRY_NAME, create=False) as folder:
            if not folder.has(name):
                return False
            folder.remove(name)
    except FileNotFoundError:
        return False
    return True


def registered(environ: Mapping[str, str]) -> list[LedgerPaths]:
    """Return the registered ledgers, ordered by path, whether or not they still exist."""
    return sorted(_read(environ), key=lambda paths: paths.path)


def _read(environ: Mapping[str, str]) -> Iterator[LedgerPaths]:
    try:
        with open_in_state(environ, REGISTRY_NAME, create=False) as folder:
            for number, name in enumerate(folder.scan()):
                if number >= _MAX_LEDGERS:
                    return
                try:
                    paths = _decoded(folder.read(name, _MAX_BYTES + 1))
                except OSError:
                    continue
                if paths is not None and digest(paths.path) == name:
                    yield paths
    except OSError:
        return  # there is no registry yet, or it can't be read


def open_state_folder(environ: Mapping[str, str], *, create: bool) -> Directory:
    """Open the user's state folder; with `create`, make it in a home that exists.

    Raises:
        OSError: it can't be opened.
    """
    path = state_folder(environ)
    # A home that does not exist is not created: as root that would succeed.
    return Directory.open(path, create=create and _has_home(path))


def open_in_state(environ: Mapping[str, str], name: str, *, create: bool) -> Directory:
    """Open a folder in the user's state folder, see `open_state_folder`.

    Raises:
        OSError: it can't be opened or created.
    """
    with open_state_folder(environ, create=create) as state:
        return state.child(name, create=create)


def _has_home(path: str) -> bool:
    # `~/.local/state/tokentrack`, or below a folder that the user named.
    for _ in range(_LEVELS_BELOW_HOME):
        path = os.path.dirname(path)
        if os.path.isdir(path):
            return os.path.dirname(path) != path
    return False


def _encoded(paths: LedgerPaths) -> bytes:
    return b"\0".join(os.fsencode(part) for part in (paths.base, *paths.folders, paths.ledger))


def _decoded(data: bytes) -> LedgerPaths | None:
    # Only what `_encoded` makes: an absolute base, and names that lead nowhere else.
    base, *names = [os.fsdecode(part) for part in data.split(b"\0")]
    if len(data) > _MAX_BYTES or not os.path.isabs(base) or not names:
        return None
    if not all(is_entry_name(name) for name in names):
        return None
    *folders, ledger = names
    return LedgerPaths(base, tuple(folders), ledger)
