"""Follow file patterns from a hook's context to the ledger, and name the level that loses one.

Run it with the Python that has tokentrack. It writes to a ledger in a temporary folder. Exit code
0: all patterns arrived.
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from typing import TYPE_CHECKING, Any

try:
    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.metadata_collector import MetadataCollector
    from tokentrack.store.paths import workspace_paths
    from tokentrack.tracker import TokenTracker
except ModuleNotFoundError as error:
    sys.exit(
        f"{error}: run this with the Python that has tokentrack: `pip install .` in the checkout"
    )

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PATTERNS = ["*.py", "*.md", "*.txt"]
CONTEXT = {
    "trigger_type": "agentExecutionCompleted",
    "hook_name": "test-hook",
    "file_patterns": PATTERNS,
}


def check_hook_context(collector: MetadataCollector, context: Mapping[str, Any]) -> bool:
    """Level 1: tell whether the collector reads the patterns from a hook's context."""
    found = collector.get_hook_context(context).get("file_patterns")
    return _compare(found, "file_patterns found", "file_patterns match input")


def check_metadata(collector: MetadataCollector, context: Mapping[str, Any]) -> bool:
    """Level 2: tell whether the patterns are in the metadata of an execution."""
    found = collector.collect_execution_metadata(context).get("file_patterns")
    return _compare(
        found, "file_patterns found in metadata", "file_patterns match input in full metadata"
    )


def check_tracker(tracker: TokenTracker, context: Mapping[str, Any]) -> bool:
    """Level 3: tell whether a record, read back from the ledger, has the patterns."""
    if not tracker.record_transaction("Test file patterns", 100, 1.0, context):
        print("✗ the transaction was not recorded")
        return False
    history = tracker.get_transaction_history(limit=1)
    recorded = history[0].file_patterns if history else None
    if recorded != PATTERNS:
        print(f"✗ file_patterns lost in transaction: {recorded}")
        return False
    print("✓ file_patterns preserved in transaction")
    return True


def _compare(found: object, is_there: str, matches: str) -> bool:
    if not found:
        print(f"✗ no {is_there}")
        return False
    print(f"✓ {is_there}: {found}")
    if found != PATTERNS:
        print(f"✗ file_patterns differ from the input: {PATTERNS}")
        return False
    print(f"✓ {matches}")
    return True


def run(collector: MetadataCollector, tracker: TokenTracker) -> int:
    """Check all levels, print each result and return the exit code."""
    levels: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("MetadataCollector.get_hook_context()", lambda: check_hook_context(collector, CONTEXT)),
        (
            "MetadataCollector.collect_execution_metadata()",
            lambda: check_metadata(collector, CONTEXT),
        ),
        ("TokenTracker integration", lambda: check_tracker(tracker, CONTEXT)),
    )
    print("Testing file patterns preservation...")
    print(f"Input context: {CONTEXT}")
    failed = []
    for number, (name, check) in enumerate(levels, 1):
        print(f"\n{number}. Testing {name}...")
        if not check():
            failed.append(f"{number}. {name}")
    print(f"\n✗ Patterns are lost in {', '.join(failed)}" if failed else "\n✓ All tests passed!")
    return 1 if failed else 0


def main() -> int:
    """Check the installed package on a ledger in a temporary folder."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    with tempfile.TemporaryDirectory(prefix="tokentrack-debug-") as folder:
        environ = {"HOME": folder, "KIRO_HOME": os.path.join(folder, "home")}
        paths = workspace_paths(folder, ".kiro/token_transactions.csv")
        tracker = TokenTracker(TrackerConfig(), paths=paths, environ=environ)
        return run(MetadataCollector(cwd=folder, environ=environ), tracker)


if __name__ == "__main__":
    sys.exit(main())
