#!/usr/bin/env python3
"""Measure recording by the Python API on a temporary ledger, never on the user's.

`python scripts/performance_monitor.py [--transactions N] [--durability fsync|none] [--json]`.
Times depend on the machine; with `fsync` they are mostly the disk's. Memory is the peak of the
process in MB of 1,000,000 bytes, None if the system does not tell.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

try:
    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.recorder.selftest import temporary_home
    from tokentrack.tracker import TokenTracker
except ModuleNotFoundError as error:
    sys.exit(
        f"{error}: run this with the Python that has tokentrack: `pip install .` in the checkout"
    )


# The labels of the usage guide; other results are shown by their keys.
LABELS = {
    "total_seconds": "Total time (seconds)",
    "transactions_per_second": "Transactions/second",
    "mean_milliseconds": "Average time per transaction (ms)",
    "memory_increase_mb": "Memory increase (MB)",
    "peak_memory_mb": "Peak memory (MB)",
}


def measure(transactions: int, durability: str) -> dict[str, Any]:
    """Record transactions one by one, read them back, and return the times and the memory."""
    with temporary_home() as (root, environ):
        config = TrackerConfig(durability=durability)
        tracker = TokenTracker.for_workspace(root, config, environ)
        before = peak_megabytes()
        times = [_record_one(tracker, number, transactions) for number in range(transactions)]
        began = time.perf_counter()
        read = len(tracker.get_transaction_history())
        reading = time.perf_counter() - began
        after = peak_megabytes()
        statistics = tracker.get_statistics()
    times.sort()
    total = sum(times)
    return {
        "transactions": transactions,
        "durability": durability,
        "failed": transactions - read,
        "total_seconds": total,
        "transactions_per_second": transactions / total,
        "mean_milliseconds": total / transactions * 1000,
        "median_milliseconds": times[transactions // 2] * 1000,
        "p99_milliseconds": times[min(transactions - 1, transactions * 99 // 100)] * 1000,
        "read_back_seconds": reading,
        "bytes_per_row": statistics["csv_file_size_bytes"] / max(read, 1),
        "memory_increase_mb": None if before is None or after is None else after - before,
        "peak_memory_mb": after,
    }


def peak_megabytes() -> float | None:
    """Return the peak memory of the process, None if the system does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6  # bytes there, KiB here


def _record_one(tracker: TokenTracker, number: int, transactions: int) -> float:
    if number % max(transactions // 10, 1) == 0:
        print(f"{number:,} of {transactions:,} recorded", file=sys.stderr, flush=True)
    began = time.perf_counter()
    recorded = tracker.record_transaction(
        prompt_text=f"Performance test transaction {number}",
        tokens_used=50 + number % 100,
        elapsed_time=1.0 + number % 5,
        context={"workspace_folder": "performance_test"},
    )
    if not recorded:
        print(f"transaction {number} was not recorded", file=sys.stderr, flush=True)
    return time.perf_counter() - began


def main() -> int:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--transactions", type=int, default=100, metavar="N")
    parser.add_argument("--durability", choices=("fsync", "none"), default="fsync")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    arguments = parser.parse_args()
    if arguments.transactions < 1:
        parser.error("--transactions must be 1 or more")
    result = measure(arguments.transactions, arguments.durability)
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        print("Performance Test Results:")
        for name, value in result.items():
            text = f"{value:,.2f}" if isinstance(value, float) else value
            print(f"  {LABELS.get(name, name.replace('_', ' ').capitalize())}: {text}")
    return 1 if result["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
