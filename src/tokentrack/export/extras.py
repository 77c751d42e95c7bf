"""Packages that only an extra brings."""

from __future__ import annotations

import importlib
from typing import Any

from tokentrack.errors import MissingExtraError


def load_extra(package: str, extra: str) -> Any:
    """Import a package that one of the extras brings.

    Raises:
        MissingExtraError: it is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise MissingExtraError(package, extra) from None
