"""Which files of workspaces the user trusts: their paths and the digests of their contents.

`<state>/trusted/<digest of the path>` holds the path and the content's digest, separated by NUL.
A file that changes is not trusted any more.
"""

from __future__ import annotations

import os

from tokentrack.common.redaction import keyed_digest
from tokentrack.store.paths import digest
from tokentrack.store.registry import open_in_state

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

TRUST_NAME = "trusted"
_MAX_BYTES = 8 * 1024
_MAX_FILES = 10_000


def is_trusted(path: str, data: bytes, environ: Mapping[str, str]) -> bool:
    """Tell whether the user trusts a file with these contents."""
    name, record = _record(path, data)
    try:
        with open_in_state(environ, TRUST_NAME, create=False) as folder:
            return folder.read(name, _MAX_BYTES) == record
    except OSError:
        return False


def trust(path: str | os.PathLike[str], data: bytes, environ: Mapping[str, str]) -> None:
    """Trust a file for as long as it has these contents.

    Raises:
        OSError: that can't be noted.
    """
    name, record = _record(path, data)
    with open_in_state(environ, TRUST_NAME, create=True) as folder:
        if len(record) > _MAX_BYTES or len(folder.names()) >= _MAX_FILES:
            raise OSError(f"too many trusted files in {folder.path}")
        folder.replace(name, record, durable=True)


def trust_saved(path: str | os.PathLike[str], data: bytes, environ: Mapping[str, str]) -> None:
    """Trust a file that the user's own program has just written, if that can be noted."""
    try:
        trust(path, data, environ)
    except OSError:
        pass  # `tokentrack status` says that its values are ignored


def forget(path: str, environ: Mapping[str, str]) -> bool:
    """Trust a file no longer; return whether it was trusted with some contents.

    Raises:
        OSError: that can't be noted.
    """
    name, _ = _record(path, b"")
    try:
        with open_in_state(environ, TRUST_NAME, create=False) as folder:
            found = folder.has(name)
            folder.remove(name)
    except FileNotFoundError:
        return False
    return found


def _record(path: str | os.PathLike[str], data: bytes) -> tuple[str, bytes]:
    folder, name = os.path.split(os.fspath(path))
    whole = os.path.join(os.path.realpath(folder), name)
    contents = keyed_digest(data.decode("latin-1"))
    return digest(whole), os.fsencode(whole) + b"\0" + contents.encode()
