"""Where the plan is kept: in the user's configuration. Without one, its prices are not loaded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tokentrack.config.json_file import CONFIG_NAME, PLAN, parse_json_object, read_small_file
from tokentrack.errors import ValidationError
from tokentrack.workspace import kiro_home

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def plan_path(environ: Mapping[str, str]) -> str:
    """Return the path of the user's configuration, which has the plan."""
    return os.path.realpath(os.path.join(kiro_home(environ), CONFIG_NAME))


def stored_plan(environ: Mapping[str, str]) -> tuple[object] | None:
    """Return the plan as it is stored, in a tuple; None if there is none.

    Raises:
        ValidationError: the configuration can't be read.
    """
    try:
        found = stored_configuration(environ)
    except FileNotFoundError:
        return None
    except OSError as error:
        path = plan_path(environ)
        raise ValidationError([f"{path} can't be read (errno {error.errno})"]) from error
    return (found[PLAN],) if PLAN in found else None


def stored_configuration(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what the user's configuration holds.

    Raises:
        OSError: it can't be read.
        ValidationError: it does not hold a JSON object.
    """
    path = plan_path(environ)
    try:
        return parse_json_object(read_small_file(path), path)
    except ValidationError as error:
        raise ValidationError([f"{error.issues[0]}: correct the file or remove it"]) from None
