"""The hook's log in the state folder: one line per problem, without prompts, secrets or paths."""

from __future__ import annotations

import os

from tokentrack.common.redaction import redact
from tokentrack.common.timestamps import format_us, now_us
from tokentrack.config.fields import LOG_LEVELS
from tokentrack.store.directory import write_all

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokentrack.store.directory import Directory

LOG_NAME = "tokentrack.log"
_MAX_BYTES = 1024 * 1024


def write_log(state: Directory, threshold: str, level: str, messages: Iterable[str]) -> None:
    """Append messages to the log of a state folder; a log that can't be written is ignored."""
    if LOG_LEVELS.index(level) < LOG_LEVELS.index(threshold):
        return
    now = format_us(now_us())
    text = "".join([f"{now} {level} {_one_line(redact(message))}\n" for message in messages])
    try:
        if text:
            _append(state, text.encode("utf-8", "backslashreplace"))
    except OSError:
        pass


def _append(state: Directory, data: bytes) -> None:
    descriptor = state.open_file(LOG_NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        if os.fstat(descriptor).st_size > _MAX_BYTES:
            state.rename_to(LOG_NAME, state, f"{LOG_NAME}.1")
        write_all(descriptor, data)
    finally:
        os.close(descriptor)


def _one_line(message: str) -> str:
    return "".join([c if c.isprintable() else f"\\x{ord(c):02x}" for c in message])[:500]
