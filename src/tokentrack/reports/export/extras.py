"""Packages that only the extras install."""

from __future__ import annotations

import importlib
from typing import Any

from tokentrack.errors import MissingExtraError


def load_extra(package: str, extra: str) -> Any:
    """Import a package that an extra installs.

    Raises:
        MissingExtraError: the package is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise MissingExtraError(package, extra) from None
