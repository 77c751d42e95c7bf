"""Try the real parts on a ledger of their own in a temporary folder, never on the user's."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tokentrack.models.config import TrackerConfig
from tokentrack.models.config_fields import DEFAULT_LEDGER
from tokentrack.models.transaction import TokenTransaction
from tokentrack.store.place import workspace_place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tokentrack.csv_writer import CSVWriter

# One of each kind that a CSV file, a spreadsheet or an encoding has been known to damage.
TEXTS = (
    "plain text", "Hello 世界", "Émojis: 😀🎉👩‍👩‍👧", "quotes: \"Hello\" and 'World'", "a,b;c|d",
    "Line 1\nLine 2\r\nLine 3", "Tabs:\tTabbed\tContent", "nul: \0", "C:\\new\\u00e9", "\\n \\\\n",
    "مرحبا \u202ebidi\u202c", "combining: e\u0301", "\ufeffbyte order mark", "lone: \ud800",
    "=1+1", "", " spaces around ", "\u2028separators\u2029", "\x1b[31mcontrol\x07",
    "\U0001d552" * 500,
)  # fmt: skip


class Checks:
    """What was tried, by name, and whether it went well."""

    def __init__(self) -> None:
        """Start with nothing tried."""
        self.results: dict[str, bool] = {}
        self.issues: list[str] = []

    def note(self, name: str, good: bool, otherwise: str) -> None:
        """Keep a result, and the sentence that says what is wrong otherwise."""
        self.results[name] = bool(good)
        if not good:
            self.issues.append(f"{name}: {otherwise}")

    def report(self) -> dict[str, Any]:
        """Return `success, checks, issues`."""
        return {"success": not self.issues, "checks": self.results, "issues": self.issues}


@contextmanager
def temporary_home() -> Iterator[tuple[str, dict[str, str]]]:
    """Give a workspace's root in a temporary folder, and an environment with a home in it."""
    with tempfile.TemporaryDirectory(prefix="tokentrack-") as folder:
        root = os.path.join(os.path.realpath(folder), "workspace")
        os.makedirs(os.path.join(root, ".kiro"))
        yield root, {"HOME": folder, "PATH": os.environ.get("PATH", os.defpath)}


def trial_config(config: TrackerConfig) -> TrackerConfig:
    """Return a configuration for a trial: no foreign code, no hook files, nothing outside."""
    return config.copy(
        enabled=True, hook_enabled=True, csv_file_path=DEFAULT_LEDGER, collectors=[],
        auto_create_hooks=False, auto_create_directories=True,
    )  # fmt: skip


@contextmanager
def temporary_writer(make: type[CSVWriter], config: TrackerConfig) -> Iterator[CSVWriter]:
    """Give a writer of a ledger in a temporary folder."""
    with temporary_home() as (root, environ):
        place = workspace_place(root, DEFAULT_LEDGER)
        yield make(trial_config(config), place=place, environ=environ)


def check_texts(make: type[CSVWriter], texts: Iterable[Any] | None = None) -> dict[str, Any]:
    """Write texts as prompts and error messages and read them back.

    Returns:
        `unicode_support_verified`, `total_tests`, `passed_tests` and `failed_tests`, a list of
        `{"test_string", "problem"}`.
    """
    tried: list[Any] = list(TEXTS if texts is None else texts)
    failed = []
    with temporary_writer(make, TrackerConfig(durability="none")) as writer:
        expected: list[TokenTransaction] = []
        for text in tried:
            if not isinstance(text, str):
                failed.append(_failure(text, f"is no text but {type(text).__name__}"))
            else:
                expected.append(sample(text, error_message=text))
        writer.write_transactions_batch(expected)
        found = {t.agent_execution_id: t for t in writer.read_transactions()}
        failed += [
            _failure(given.prompt_text, "does not come back as it was")
            for given in expected
            if found.get(given.agent_execution_id) != given
        ]
    return {
        "unicode_support_verified": not failed,
        "total_tests": len(tried),
        "passed_tests": len(tried) - len(failed),
        "failed_tests": failed,
    }


def check_csv_operations(make: type[CSVWriter], config: TrackerConfig) -> dict[str, Any]:
    """Try creating, writing, reading, checking and copying; return `success, checks, issues`."""
    checks = Checks()
    batch = [sample(f"record {number}") for number in range(10)]
    with temporary_writer(make, config) as writer:
        checks.note("write", writer.write_transaction(batch[0]), "the record was refused")
        checks.note("create", os.path.isfile(writer.place.path), "there is no file")
        written = writer.write_transactions_batch(batch[1:])
        checks.note("batch", written == 9, f"{written} of 9 records were taken")
        checks.note("read", writer.read_transactions() == batch, "other records came back")
        checks.note("limit", writer.read_transactions(3) == batch[-3:], "not the last 3")
        integrity = writer.validate_csv_integrity()
        checks.note("integrity", not integrity["issues"], "; ".join(integrity["issues"]))
        backup = writer.create_backup()
        same = backup is not None and _bytes(str(backup)) == _bytes(writer.place.path)
        checks.note("backup", same, "the copy differs, or there is none")
    texts = check_texts(make)
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
