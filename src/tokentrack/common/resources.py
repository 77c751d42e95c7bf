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


def read_text(kind: str, name: str) -> str:
    """Return the text of `name` in `hooks` or `schemas`.

    Raises:
        FileSystemError: the installation is incomplete.
    """
    with open(_path_of(kind, name), encoding="utf-8") as file:
        return file.read()


def read_json(kind: str, name: str) -> Any:
    """Return the decoded JSON of `name` in `hooks` or `schemas`.

    Raises:
        FileSystemError: the installation is incomplete.
    """
    return json.loads(read_text(kind, name))


def _path_of(kind: str, name: str) -> str:
    for root in _ROOTS:
        path = os.path.join(root, kind, name)
        if os.path.isfile(path):
            return path
    raise FileSystemError(f"{kind}/{name} is missing from this installation; reinstall tokentrack")
