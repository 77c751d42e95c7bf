"""Synthetic Kiro homes in the recorded shapes, with sums known in advance.

`python -m kiro_homes FOLDER TURNS` (from `tests/`) writes one for a benchmark.
"""

from kiro_homes.everything import build
from kiro_homes.home import Expected, KiroHome, iso
from kiro_homes.many import write_many

__all__ = ["Expected", "KiroHome", "build", "iso", "write_many"]
