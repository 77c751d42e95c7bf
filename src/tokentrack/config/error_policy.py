"""The reaction to errors: the `error_handling` block of a configuration file or a hook file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tokentrack.config.json_file import ERROR_HANDLING
from tokentrack.config.sources import trusted_blocks

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTINUE, SKIP, RETRY, QUEUE = "log_and_continue", "log_and_skip", "log_and_retry", "log_and_queue"
GRACEFUL, DROP = "graceful_degradation", "skip"

_CHOICES = {
    "on_file_error": (CONTINUE, RETRY, QUEUE, SKIP),
    "on_validation_error": (SKIP, CONTINUE),
    "on_unexpected_error": (CONTINUE, SKIP),
    "fallback_behavior": (GRACEFUL, DROP),
}
_MAX_ATTEMPTS = 10


class ErrorPolicy(NamedTuple):
    """The policy for errors.

    Attributes:
        on_file_error: `log_and_continue` and `log_and_retry` repeat a write that can succeed, then
            fall back; `log_and_queue` falls back at once; `log_and_skip` drops the record.
        on_validation_error: `log_and_skip` refuses the record; `log_and_continue` stores it if
            only a registered rule objects.
        on_unexpected_error: `log_and_continue` records without what failed; `log_and_skip` does
            not record.
        retry_attempts: how often a write is repeated, 0 to 10.
        fallback_behavior: `graceful_degradation` leaves the record in the spool, `skip` drops it.
    """

    on_file_error: str = CONTINUE
    on_validation_error: str = SKIP
    on_unexpected_error: str = CONTINUE
    retry_attempts: int = 3
    fallback_behavior: str = GRACEFUL


def read_policy(block: Mapping[str, Any]) -> tuple[ErrorPolicy, list[str]]:
    """Return the policy of an `error_handling` block, and a sentence for each refused value.

    A refused value is replaced by its default; unknown keys are refused too.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in block.items():
        problem = _problem(name, value)
        if problem:
            problems.append(f"error_handling: {problem}"[:300])
        else:
            values[name] = value
    return ErrorPolicy(**values), problems


def load_policy(
    root: str, user_folder: str, environ: Mapping[str, str]
) -> tuple[ErrorPolicy, list[str]]:
    """Return the policy in force in a workspace, and a sentence for each refused value.

    The workspace's configuration takes precedence over its hook file, and that over the user's
    configuration. A file of the workspace is used if the user trusts it. A damaged file is
    reported by the reader of the configuration.
    """
    block: dict[str, Any] = {}
    problems: list[str] = []
    for found in trusted_blocks(ERROR_HANDLING, root, user_folder, environ):
        if isinstance(found, dict):
            block |= found
        else:
            problems.append(f"{ERROR_HANDLING} must be an object")
    policy, refused = read_policy(block)
    return policy, [*problems, *refused]


def _problem(name: str, value: Any) -> str:
    if name == "retry_attempts":
        whole = isinstance(value, int) and not isinstance(value, bool)
        return "" if whole and 0 <= value <= _MAX_ATTEMPTS else (
            f"retry_attempts must be a whole number from 0 to {_MAX_ATTEMPTS}, not {value!r}"
        )  # fmt: skip
    if name not in _CHOICES:
        return f"unknown key {name!r}: ignored"
    choices = _CHOICES[name]
    return "" if value in choices else f"{name} must be one of {', '.join(choices)}, not {value!r}"
