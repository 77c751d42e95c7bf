"""Which workspaces the 32 hexadecimal digits in IDE 0.x's storage mean."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from tokentrack.kiro import files, values
from tokentrack.kiro.ide_digests import digests, names_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokentrack.kiro.scan import Scan

_MAX_BYTES = 64 * 1024


def workspaces(ide_user: str, candidates: Iterable[str], scan: Scan) -> dict[str, str]:
    """Return the paths of the workspaces that are known, by name in the storage.

    Known are `candidates` and all that VS Code's `workspaceStorage` names.
    """
    found: dict[str, str] = {}
    for folder in files.folders(os.path.join(ide_user, "workspaceStorage")):
        uri, path = _folder_of(os.path.join(folder, "workspace.json"), scan)
        if path:
            names = [os.path.basename(folder), *digests(uri), *names_of(path)]
            found |= dict.fromkeys(names, path)
    for path in candidates:
        found |= dict.fromkeys(names_of(path), path)
    return found


def _folder_of(path: str, scan: Scan) -> tuple[str, str]:
    file = files.open_regular(path, scan) if os.path.lexists(path) else None
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
