"""Write a synthetic Kiro home of three months, for `tokentrack import --all` to read.

The same `--until` gives the same home. Prints how many turns it has, and the sum of their credits.
"""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support.kiro_homes.demo import write_demo


def main() -> int:
    """Write the home and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the home folder to write into")
    parser.add_argument("--until", type=datetime.fromisoformat, metavar="TIME", default=None,
                        help="the end of the three months (ISO 8601)  [default: now]")  # fmt: skip
    options = parser.parse_args()
    until = options.until or datetime.now()  # noqa: DTZ005  (made aware below)
    home = write_demo(options.folder, until.astimezone())
    print(f"{len(home.expected)} synthetic turns, {home.total()} credits")
    return 0


if __name__ == "__main__":
    sys.exit(main())
