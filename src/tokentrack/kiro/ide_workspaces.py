"""Which workspaces the folders in IDE 0.x's storage belong to: they are named by digests."""

from __future__ import annotations

import os

from tokentrack.kiro import kiro_files, values

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from tokentrack.kiro.read_pass import ReadPass

_MAX_BYTES = 64 * 1024


def workspaces(ide_user: str, candidates: Iterable[str], reading: ReadPass) -> dict[str, str]:
    """Return the paths of the known workspaces, by the names that their folders can have.

    Known are `candidates` and all workspaces that VS Code's `workspaceStorage` lists.
    """
    found: dict[str, str] = {}
    for folder in kiro_files.folders(os.path.join(ide_user, "workspaceStorage")):
        uri, path = _read_workspace(os.path.join(folder, "workspace.json"), reading)
        if path:
            names = [os.path.basename(folder), *_digests(uri), *names_of(path)]
            found |= dict.fromkeys(names, path)
    for path in candidates:
        found |= dict.fromkeys(names_of(path), path)
    return found


def names_of(path: str) -> list[str]:
    """Return the names that a workspace's folder can have: digests of its path and file URI."""
    return [*_digests(path), *_digests(f"file://{path}")]


def _digests(text: str) -> list[str]:
    data = text.encode("utf-8", "surrogateescape")
    # Not for security: the digests are names of folders.
    found = [make(data, usedforsecurity=False) for make in _HASHES]
    return [digest.hexdigest()[:32] for digest in found]


def _make_hashes() -> list[Callable[..., Any]]:
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


_HASHES = _make_hashes()


def _read_workspace(path: str, reading: ReadPass) -> tuple[str, str]:
    # The URI and the path of a workspace.json's folder, "" for both where it has none.
    from urllib.parse import unquote, urlsplit  # not for a hook: it reads no such file

    document = kiro_files.read_document(path, reading, _MAX_BYTES) if os.path.lexists(path) else {}
    uri = values.text(document.get("folder"))
    try:
        parts = urlsplit(uri)
    except ValueError:
        return "", ""
    local = unquote(parts.path)
    if len(local) > 2 and local[2] == ":":
        local = local[1:]  # /c:/work is a path of Windows
    return uri, local if parts.scheme in {"file", "vscode-remote"} else ""
