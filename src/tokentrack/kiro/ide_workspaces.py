"""Which workspaces the 32 hexadecimal digits in IDE 0.x's storage mean."""

from __future__ import annotations

import os

from tokentrack.kiro import kiro_files, values

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from tokentrack.kiro.read_pass import ReadPass


def _make_digests() -> list[Callable[..., Any]]:
    # The interpreter's own: `hashlib` loads OpenSSL, which takes 4 of the hook's 5 ms.
    try:
        from _md5 import md5  # type: ignore[import-not-found]

        try:
            from _sha2 import sha256  # type: ignore[import-not-found]
        except ImportError:  # its name before Python 3.12
            from _sha256 import sha256  # type: ignore[import-not-found]
    except ImportError:
        from hashlib import md5, sha256
    return [md5, sha256]


_DIGESTS = _make_digests()


def digests(text: str) -> list[str]:
    """Return the digests of a path or a URI, as names of 32 digits."""
    data = text.encode("utf-8", "surrogateescape")
    # Not for security: names of folders.
    found = [make(data, usedforsecurity=False) for make in _DIGESTS]
    return [digest.hexdigest()[:32] for digest in found]


def names_of(path: str) -> list[str]:
    """Return the names that a workspace's path can have: as it is, and as a plain file URI."""
    return [*digests(path), *digests(f"file://{path}")]


_MAX_BYTES = 64 * 1024


def workspaces(ide_user: str, candidates: Iterable[str], reading: ReadPass) -> dict[str, str]:
    """Return the paths of the workspaces that are known, by name in the storage.

    Known are `candidates` and all that VS Code's `workspaceStorage` names.
    """
    found: dict[str, str] = {}
    for folder in kiro_files.folders(os.path.join(ide_user, "workspaceStorage")):
        uri, path = _folder_of(os.path.join(folder, "workspace.json"), reading)
        if path:
            names = [os.path.basename(folder), *digests(uri), *names_of(path)]
            found |= dict.fromkeys(names, path)
    for path in candidates:
        found |= dict.fromkeys(names_of(path), path)
    return found


def _folder_of(path: str, reading: ReadPass) -> tuple[str, str]:
    import json  # a hook reads no URI
    from urllib.parse import unquote, urlsplit

    file = kiro_files.open_regular(path, reading) if os.path.lexists(path) else None
    if file is None:
        return "", ""
    with file:
        data = file.read(_MAX_BYTES)
    try:
        uri = values.text(values.mapping(json.loads(data)).get("folder"))
        parts = urlsplit(uri)
    except ValueError:
        return "", ""
    local = unquote(parts.path)
    if len(local) > 2 and local[2] == ":":
        local = local[1:]  # /c:/work is a path of Windows
    return uri, local if parts.scheme in {"file", "vscode-remote"} else ""
