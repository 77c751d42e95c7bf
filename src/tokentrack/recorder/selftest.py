"""The self-tests of `CSVWriter` and of the hook object, on a ledger in a temporary folder.

What is tested is handed in: this module knows only which methods it calls.
"""

# ruff: noqa: D102  (the methods of the protocols are documented where they are implemented)

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from tokentrack.config.fields import DEFAULT_LEDGER
from tokentrack.config.tracker_config import TrackerConfig
from tokentrack.models.columns import COMPLETED
from tokentrack.models.transaction import TokenTransaction
from tokentrack.store.paths import workspace_paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from tokentrack.store.paths import LedgerPaths

    OpenLedger = Callable[[TrackerConfig, LedgerPaths, Mapping[str, str]], "Ledger"]
    MakeHook = Callable[[TrackerConfig, str, Mapping[str, str]], "Hook"]


class Ledger(Protocol):
    """The part of `CSVWriter` that is tested."""

    paths: LedgerPaths

    def write_transaction(self, transaction: TokenTransaction, /) -> bool: ...
    def write_transactions_batch(self, transactions: Iterable[TokenTransaction], /) -> int: ...
    def read_transactions(self, limit: int | None = None, /) -> list[TokenTransaction]: ...
    def validate_csv_integrity(self) -> dict[str, Any]: ...
    def create_backup(self) -> Path | None: ...


class Hook(Protocol):
    """The part of the hook object that is tested."""

    def on_agent_execution_start(self, context: Mapping[str, Any], /) -> None: ...
    def on_agent_execution_complete(
        self, context: Mapping[str, Any], result: Mapping[str, Any], /
    ) -> None: ...
    def disable(self) -> None: ...
    def validate_configuration(self) -> dict[str, Any]: ...


# One of each kind that CSV files, spreadsheets and encodings are known to damage.
TEXTS = (
    "plain text", "Hello 世界", "Émojis: 😀🎉👩‍👩‍👧", "quotes: \"Hello\" and 'World'", "a,b;c|d",
    "Line 1\nLine 2\r\nLine 3", "Tabs:\tTabbed\tContent", "nul: \0", "C:\\new\\u00e9", "\\n \\\\n",
    "مرحبا \u202ebidi\u202c", "combining: e\u0301", "\ufeffbyte order mark", "lone: \ud800",
    "=1+1", "", " spaces around ", "\u2028separators\u2029", "\x1b[31mcontrol\x07",
    "\U0001d552" * 500,
)  # fmt: skip


class Checks:
    """The results of checks, by name."""

    def __init__(self) -> None:
        self.results: dict[str, bool] = {}
        self.issues: list[str] = []

    def note(self, name: str, passed: bool, problem: str) -> None:
        """Note whether a check passed, and the problem if it did not."""
        self.results[name] = bool(passed)
        if not passed:
            self.issues.append(f"{name}: {problem}")

    def report(self) -> dict[str, Any]:
        """Return `success, checks, issues`."""
        return {"success": not self.issues, "checks": self.results, "issues": self.issues}


@contextmanager
def temporary_home() -> Iterator[tuple[str, dict[str, str]]]:
    """Give the root of a temporary workspace, and an environment with a temporary home."""
    with tempfile.TemporaryDirectory(prefix="tokentrack-") as folder:
        root = os.path.join(os.path.realpath(folder), "workspace")
        os.makedirs(os.path.join(root, ".kiro"))
        yield root, {"HOME": folder, "PATH": os.environ.get("PATH", os.defpath)}


def trial_config(config: TrackerConfig) -> TrackerConfig:
    """Return a configuration for a trial: without foreign code, hook files or other folders."""
    return config.copy(
        enabled=True, hook_enabled=True, csv_file_path=DEFAULT_LEDGER, collectors=[],
        auto_create_hooks=False, auto_create_directories=True,
    )  # fmt: skip


@contextmanager
def temporary_ledger(open_ledger: OpenLedger, config: TrackerConfig) -> Iterator[Ledger]:
    """Give a ledger in a temporary folder."""
    with temporary_home() as (root, environ):
        paths = workspace_paths(root, DEFAULT_LEDGER)
        yield open_ledger(trial_config(config), paths, environ)


def check_texts(open_ledger: OpenLedger, texts: Iterable[Any] | None = None) -> dict[str, Any]:
    """Write texts as prompts and error messages and read them back.

    Returns:
        `unicode_support_verified`, `total_tests`, `passed_tests` and `failed_tests`, a list of
        `{"test_string", "problem"}`.
    """
    tried: list[Any] = list(TEXTS if texts is None else texts)
    failed = []
    with temporary_ledger(open_ledger, TrackerConfig(durability="none")) as ledger:
        expected: list[TokenTransaction] = []
        for text in tried:
            if not isinstance(text, str):
                failed.append(_failure(text, f"must be text, not {type(text).__name__}"))
            else:
                expected.append(sample(text, error_message=text))
        ledger.write_transactions_batch(expected)
        found = {t.agent_execution_id: t for t in ledger.read_transactions()}
        failed += [
            _failure(given.prompt_text, "was changed")
            for given in expected
            if found.get(given.agent_execution_id) != given
        ]
    return {
        "unicode_support_verified": not failed,
        "total_tests": len(tried),
        "passed_tests": len(tried) - len(failed),
        "failed_tests": failed,
    }


def check_csv_operations(open_ledger: OpenLedger, config: TrackerConfig) -> dict[str, Any]:
    """Try creating, writing, reading, checking and copying; return `success, checks, issues`."""
    checks = Checks()
    batch = [sample(f"record {number}") for number in range(10)]
    with temporary_ledger(open_ledger, config) as ledger:
        checks.note("write", ledger.write_transaction(batch[0]), "the record was refused")
        checks.note("create", os.path.isfile(ledger.paths.path), "there is no file")
        written = ledger.write_transactions_batch(batch[1:])
        checks.note("batch", written == 9, f"{written} of 9 records were written")
        checks.note("read", ledger.read_transactions() == batch, "other records came back")
        checks.note("limit", ledger.read_transactions(3) == batch[-3:], "not the last 3")
        integrity = ledger.validate_csv_integrity()
        checks.note("integrity", not integrity["issues"], "; ".join(integrity["issues"]))
        backup = ledger.create_backup()
        same = backup is not None and _bytes(str(backup)) == _bytes(ledger.paths.path)
        checks.note("backup", same, "the copy is missing or different")
    texts = check_texts(open_ledger)
    checks.note("unicode", texts["unicode_support_verified"], f"{texts['failed_tests']}"[:300])
    return checks.report()


def sample(text: str, **fields: Any) -> TokenTransaction:
    """Return a record for a trial."""
    values = TokenTransaction.create_new(text, 1, 0.5, "selftest", "manual", **fields).get_summary()
    return TokenTransaction.recorded(**{**values, "timestamp": 1_767_225_600_000_000})


def _failure(text: object, problem: str) -> dict[str, Any]:
    return {"test_string": text, "problem": problem}


def _bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


_CONTEXT = {
    "session_id": "selftest", "agent_execution_id": "exec_selftest", "prompt": "Hello 世界",
    "file_patterns": ["*.py", "*.md"], "workspace_folder": "selftest",
}  # fmt: skip


def check_hook(
    make_hook: MakeHook, open_ledger: OpenLedger, config: TrackerConfig
) -> dict[str, Any]:
    """Check what a hook of a configuration records; return `success, checks, issues`."""
    checks = Checks()
    with temporary_home() as (root, environ):
        trial = trial_config(config).copy(max_prompt_length=1000, redact_secrets=False)
        ledger = open_ledger(trial, workspace_paths(root, DEFAULT_LEDGER), environ)
        _play(make_hook(trial, root, environ), ledger, checks)
    return checks.report()


def _play(hook: Hook, ledger: Ledger, checks: Checks) -> None:
    hook.on_agent_execution_start(_CONTEXT)
    checks.note("start", not ledger.read_transactions(), "a start added a row")
    hook.on_agent_execution_complete(_CONTEXT, {"tokens_used": 42})
    rows = ledger.read_transactions()
    checks.note("completion", len(rows) == 1, f"{len(rows)} rows instead of 1")
    if rows:
        row = rows[0]
        checks.note("trigger", row.hook_trigger_type == COMPLETED, row.hook_trigger_type)
        checks.note("tokens", row.tokens_used == 42, f"{row.tokens_used} instead of 42")
        checks.note("time", row.elapsed_time is not None, "was not measured")
        checks.note("prompt", row.prompt_text == _CONTEXT["prompt"], "was changed")
        checks.note("patterns", row.file_patterns == _CONTEXT["file_patterns"], "were changed")
    hook.on_agent_execution_complete(_CONTEXT, {"tokens_used": 42})
    checks.note("once", len(ledger.read_transactions()) == 1, "a repetition was counted")
    hook.disable()
    hook.on_agent_execution_complete({"session_id": "other"}, {"tokens_used": 1})
    checks.note("disable", len(ledger.read_transactions()) == 1, "a disabled hook recorded")
    checks.note("configuration", not hook.validate_configuration()["issues"], "is invalid")
