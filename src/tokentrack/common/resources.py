"""Find the shipped data, `hooks/` and `schemas/`, in every kind of installation."""

from __future__ import annotations

import json
import os
from typing import Any

from tokentrack.errors import FileSystemError

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_ROOTS = (
    os.path.join(_PACKAGE, "_data"),  # an installed wheel
    os.path.dirname(os.path.dirname(_PACKAGE)),  # a checkout or an editable install
)


def resource_path(kind: str, name: str) -> str:
    """Return the absolute path of `name` in `hooks` or `schemas`.

    Raises:
        FileSystemError: the installation is incomplete.
    """
    for root in _ROOTS:
        path = os.path.join(root, kind, name)
        if os.path.isfile(path):
            return path
    raise FileSystemError(f"{kind}/{name} is missing from this installation; reinstall tokentrack")


def read_text(kind: str, name: str) -> str:
    """Return the text of a shipped file."""
    with open(resource_path(kind, name), encoding="utf-8") as file:
        return file.read()


def read_json(kind: str, name: str) -> Any:
    """Return the decoded JSON of a shipped file."""
    return json.loads(read_text(kind, name))
