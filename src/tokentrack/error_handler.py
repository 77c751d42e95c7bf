"""Decide what happens after an error, count it, and log it without any text of a prompt."""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections import Counter
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from tokentrack.common.timestamps import format_us, now_us
from tokentrack.config import error_policy
from tokentrack.config.error_policy import ErrorPolicy
from tokentrack.errors import CollectorError
from tokentrack.models.columns import COLUMNS
from tokentrack.workspace import find_root, kiro_home

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tokentrack.models.transaction import TokenTransaction
    from tokentrack.store.paths import LedgerPaths

# Errors that can pass. Those of a full or failing disk are not here: after a failed fsync, the
# next one may succeed although nothing was written.
_PASSING = frozenset({
    errno.EAGAIN, errno.EINTR, errno.EBUSY, errno.EMFILE, errno.ENFILE, errno.ENOMEM,
    errno.ETIMEDOUT, getattr(errno, "ESTALE", errno.EAGAIN), errno.EDEADLK,
})  # fmt: skip
_MAX_COUNTED = 1000
_LONGEST_MESSAGE = 1000
_SHARING_VIOLATIONS = frozenset({32, 33})  # Windows: another process has the file open


class Action(StrEnum):
    """The caller's next action."""

    RETRY = "retry"
    QUEUE = "queue"
    SKIP = "skip"
    CONTINUE = "continue"


class Decision(NamedTuple):
    """A decision about an error.

    Attributes:
        action: what the caller should do next.
        attempts_left: how often the same write may be tried again after this.
        message: one sentence for people, without text of a prompt.
    """

    action: Action
    attempts_left: int
    message: str


class ErrorHandler:
    """Decides about errors by the `error_handling` block in force; thread-safe."""

    def __init__(
        self,
        policy: ErrorPolicy | None = None,
        *,
        log: Callable[[str, list[str]], None] | None = None,
    ) -> None:
        """Make a handler without any counts.

        Args:
            policy: how to decide; by default, the default policy.
            log: gets a level and messages; by default, the logger `tokentrack` gets them.
        """
        self.policy = policy or ErrorPolicy()
        self._log = log or _log
        self._lock = threading.Lock()
        self._categories: Counter[str] = Counter()
        self._types: Counter[str] = Counter()
        self._actions: Counter[str] = Counter()
        self._attempts: dict[tuple[str, str], int] = {}
        self._last: dict[str, str] | None = None

    def handle_csv_write_error(
        self,
        error: Exception,
        file_path: str | os.PathLike[str],
        transaction: TokenTransaction | None = None,
    ) -> Decision:
        """Decide about a failed write: RETRY an error that can pass, else QUEUE or SKIP.

        Args:
            error: the error.
            file_path: the ledger; only the file's name is logged.
            transaction: the record; failed attempts are counted by its execution id.
        """
        failed = self._count_attempt(_name(file_path), transaction)
        action = self._after_write(error, failed)
        left = self.policy.retry_attempts - failed if action is Action.RETRY else 0
        if action is not Action.RETRY and failed <= self.policy.retry_attempts:
            self.forget_attempts(file_path, transaction)
        whose = f" the record {transaction.agent_execution_id}" if transaction else " a record"
        message = f"{_name(file_path)} can't be written ({_reason(error)}): {_PLANS[action]}{whose}"
        return self._decide("csv_write", error, Decision(action, left, message))

    def handle_csv_read_error(
        self, error: Exception, file_path: str | os.PathLike[str]
    ) -> Decision:
        """Decide about a failed read: CONTINUE without the file, since nothing is lost."""
        message = f"{_name(file_path)} can't be read ({_reason(error)}): continuing without it"
        return self._decide("csv_read", error, Decision(Action.CONTINUE, 0, message))

    def handle_export_error(self, error: Exception, file_path: str | os.PathLike[str]) -> Decision:
        """Decide about a failed export: CONTINUE, since the previous file is unchanged."""
        message = f"{_name(file_path)} can't be written ({_reason(error)}): nothing is exported"
        return self._decide("export", error, Decision(Action.CONTINUE, 0, message))

    def handle_validation_error(
        self,
        issues: Sequence[str],
        transaction: TokenTransaction | None = None,
        *,
        tells_no_text: bool = False,
    ) -> Decision:
        """Decide about data that breaks a rule: SKIP the record, or CONTINUE if the policy says so.

        CONTINUE is only for a record whose fields are valid (`transaction` is given). The logger
        `tokentrack` gets the message, too.

        Args:
            issues: all problems; only the names of their fields or rules are logged.
            transaction: the record, if only a registered rule objects.
            tells_no_text: whether the issues quote no text of the data, so that they are logged
                whole.
        """
        lenient = self.policy.on_validation_error == error_policy.CONTINUE
        action = Action.CONTINUE if lenient and transaction is not None else Action.SKIP
        verb = "stored despite" if action is Action.CONTINUE else "refused because of"
        if tells_no_text and issues:
            message = f"a record is refused: {'; '.join(issues)}"[:_LONGEST_MESSAGE]
        else:
            about = ", ".join(dict.fromkeys(_subject(issue) for issue in issues)) or "the record"
            message = f"a record is {verb} problems with {about}"
        decision = self._decide("validation", "ValidationError", Decision(action, 0, message))
        if self._log is not _log:
            _log("WARNING", [message])
        return decision

    def handle_metadata_collection_error(
        self,
        error: Exception,
        context: Mapping[str, Any] | None = None,  # noqa: ARG002  (never logged: it has prompts)
    ) -> Decision:
        """Decide about missing metadata: CONTINUE without it, or SKIP the record."""
        return self._unexpected("metadata_collection", error, "metadata can't be collected")

    def handle_hook_execution_error(
        self,
        error: Exception,
        context: Mapping[str, Any] | None = None,  # noqa: ARG002  (never logged: it has prompts)
    ) -> Decision:
        """Decide about an event that can't be read: CONTINUE with what is known, or SKIP it."""
        return self._unexpected("hook_execution", error, "an event can't be read")

    def get_error_statistics(self) -> dict[str, Any]:
        """Return the counts since this handler was made: in total, by category, type and decision.

        `last_error` is None or has category, type, time (ISO 8601, UTC) and message.
        """
        with self._lock:
            return {
                "total_errors": self._categories.total(),
                "by_category": dict(self._categories),
                "by_type": dict(self._types),
                "decisions": {action.value: self._actions[action] for action in Action},
                "last_error": dict(self._last) if self._last else None,
            }

    def forget_attempts(
        self, file_path: str | os.PathLike[str], transaction: TokenTransaction | None = None
    ) -> None:
        """Reset the count of attempts of a write that succeeded or was given up."""
        with self._lock:
            self._attempts.pop(_attempt_key(_name(file_path), transaction), None)

    def _count_attempt(self, name: str, transaction: TokenTransaction | None) -> int:
        key = _attempt_key(name, transaction)
        with self._lock:
            failed = self._attempts.pop(key, 0) + 1
            if failed > self.policy.retry_attempts:
                return failed  # the last attempt: the next record of this key starts again
            self._attempts[key] = failed
            if len(self._attempts) > _MAX_COUNTED:  # of callers that gave up silently
                del self._attempts[next(iter(self._attempts))]
            return failed

    def _after_write(self, error: Exception, failed: int) -> Action:
        policy = self.policy
        if policy.on_file_error == error_policy.SKIP:
            return Action.SKIP
        tries = policy.on_file_error != error_policy.QUEUE
        if tries and _can_pass(error) and failed <= policy.retry_attempts:
            return Action.RETRY
        return Action.QUEUE if policy.fallback_behavior == error_policy.GRACEFUL else Action.SKIP

    def _unexpected(self, category: str, error: Exception, what: str) -> Decision:
        skip = self.policy.on_unexpected_error == error_policy.SKIP
        plan = "leaving it out" if skip else "continuing with what is known"
        action = Action.SKIP if skip else Action.CONTINUE
        return self._decide(
            category, error, Decision(action, 0, f"{what} ({_reason(error)}): {plan}")
        )

    def _decide(self, category: str, error: Exception | str, decision: Decision) -> Decision:
        kind = error if isinstance(error, str) else type(error).__name__
        with self._lock:
            self._categories[category] += 1
            self._types[kind] += 1
            self._actions[decision.action] += 1
            self._last = {
                "category": category,
                "type": kind,
                "time": format_us(now_us()),
                "message": decision.message,
            }
        self._log("ERROR" if category == "csv_write" else "WARNING", [decision.message])
        return decision


def handler_of(
    paths: LedgerPaths,
    log: Callable[[str, list[str]], None] | None,
    environ: Mapping[str, str],
) -> ErrorHandler:
    """Return a new handler with the policy of a ledger's workspace."""
    root = find_root(paths.base, environ)
    policy, problems = error_policy.load_policy(root, kiro_home(environ), environ)
    handler = ErrorHandler(policy, log=log)
    if log is not None and problems:
        log("WARNING", problems)
    return handler


_PLANS = {Action.RETRY: "trying again with", Action.QUEUE: "leaving in the spool",
          Action.SKIP: "dropping"}  # fmt: skip


def _attempt_key(name: str, transaction: TokenTransaction | None) -> tuple[str, str]:
    return name, transaction.agent_execution_id if transaction else ""


def _can_pass(error: Exception) -> bool:
    number = getattr(error, "errno", None)
    return number in _PASSING or getattr(error, "winerror", None) in _SHARING_VIOLATIONS


def _reason(error: Exception) -> str:
    # Never an error's own text, which can quote the data; a collector's error only has its name.
    if isinstance(error, CollectorError):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None:
        return f"{type(error).__name__}, {os.strerror(error.errno)}"
    return type(error).__name__


def _name(path: str | os.PathLike[str]) -> str:
    return os.path.basename(os.fspath(path)) or "the ledger"


def _subject(issue: str) -> str:
    if issue.startswith("rule "):
        return issue.partition(":")[0]
    first = issue.split(" ", 1)[0].removesuffix(":")
    return first if first in COLUMNS or first == "context" else "the record"


def _log(level: str, messages: list[str]) -> None:
    for message in messages:
        logging.getLogger("tokentrack").log(getattr(logging, level), message)
