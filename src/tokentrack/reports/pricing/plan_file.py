"""Where the plan is kept: in the user's configuration. Without one, its prices are not loaded."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tokentrack.config.json_file import CONFIG_NAME, PLAN, read_json_object
from tokentrack.errors import ValidationError
from tokentrack.workspace import kiro_home

if TYPE_CHECKING:
    from collections.abc import Mapping


def plan_path(environ: Mapping[str, str]) -> str:
    """Return the path of the user's configuration, which has the plan."""
    return os.path.realpath(os.path.join(kiro_home(environ), CONFIG_NAME))


def stored_plan(environ: Mapping[str, str]) -> tuple[object] | None:
    """Return the plan as it is stored, in a tuple; None if there is none.

    Raises:
        ValidationError: the configuration can't be read.
    """
    path = plan_path(environ)
    try:
        found = read_json_object(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValidationError([f"{path} can't be read (errno {error.errno})"]) from error
    return (found[PLAN],) if PLAN in found else None
