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
# Keys of that file that are not fields: the user's plan, which only the user's own file may have,
# and the reaction to errors.
PLAN = "plan"
ERROR_HANDLING = "error_handling"

_MAX_FILE_BYTES = 1024 * 1024


def read_json_object(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the JSON object in a regular file of at most 1 MiB; the path may be a link.

    Raises:
        OSError: the file can't be read.
        ValidationError: it is too large, not a regular file, or does not hold a JSON object.
    """
    return parse_json_object(read_small_file(path), os.path.basename(path))


def read_small_file(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of a regular file of at most 1 MiB; the path may be a link.

    Raises:
        OSError: the file can't be read.
        ValidationError: it is too large or not a regular file.
    """
    name = os.path.basename(path)
    try:
        data = read_regular(os.fspath(path), _MAX_FILE_BYTES + 1, follow=True)
    except NotRegularError:
        raise ValidationError([f"{name} is not a regular file"]) from None
    if len(data) > _MAX_FILE_BYTES:
        raise ValidationError([f"{name} is larger than 1 MiB"])
    return data


def parse_json_object(data: bytes, name: str) -> dict[str, Any]:
    """Return the JSON object that the bytes of a file hold.

    Raises:
        ValidationError: they do not hold one.
    """
    try:
        value = fastjson.loads(data.removeprefix(b"\xef\xbb\xbf").decode("utf-8"))
    except (ValueError, RecursionError):
        raise ValidationError([f"{name} is not JSON"]) from None
    if not isinstance(value, dict):
        raise ValidationError([f"{name} must hold a JSON object"])
    return value
