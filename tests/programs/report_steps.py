"""The long form of `tests/reports/index/test_equality.py`.

`python -m programs.report_steps SEEDS STEPS [--without-checksum]` does so many random steps from
each of so many seeds, and exits with 1 at the first difference. The control is to find some.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from support.report_steps import DifferenceError, leave_out_the_checksum, run


def main() -> int:
    """Run the seeds and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", type=int)
    parser.add_argument("steps", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--without-checksum", action="store_true")
    options = parser.parse_args()
    if options.without_checksum:
        leave_out_the_checksum(setattr)
    counts: Counter[str] = Counter()
    for seed in range(options.first, options.first + options.seeds):
        try:
            counts += run(seed, options.steps)
        except DifferenceError as error:
            sys.stdout.write(f"DIFFERENT: {error}\n")
            counts["different"] += 1
    sys.stdout.write(", ".join(f"{name} {n}" for name, n in sorted(counts.items())) + "\n")
    return 1 if counts["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
