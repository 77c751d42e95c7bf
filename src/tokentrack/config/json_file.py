"""Read a configuration's file, which may be hostile."""

from __future__ import annotations

import os

from tokentrack.common import fastjson
from tokentrack.errors import ValidationError
from tokentrack.store.directory import NotRegularError, read_regular

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from typing import Any

CONFIG_NAME = "token_tracker_config.json"
# The user's plan. It is not a setting of recording: only the user's own file may have it.
PLAN = "plan"

_MAX_FILE_BYTES = 1024 * 1024


def read_json_object(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the JSON object in a regular file of at most 1 MiB; the path may be a link.

    Raises:
        OSError: the file can't be read.
        ValidationError: it is too large, not a regular file, or does not hold a JSON object.
    """
    name = os.path.basename(path)
    try:
        data = read_regular(os.fspath(path), _MAX_FILE_BYTES + 1, follow=True)
    except NotRegularError:
        raise ValidationError([f"{name} is not a regular file"]) from None
    if len(data) > _MAX_FILE_BYTES:
        raise ValidationError([f"{name} is larger than 1 MiB"])
    try:
        value = fastjson.loads(data.removeprefix(b"\xef\xbb\xbf").decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValidationError([f"{name} is not JSON ({type(error).__name__})"]) from None
    if not isinstance(value, dict):
        raise ValidationError([f"{name} must hold a JSON object"])
    return value
