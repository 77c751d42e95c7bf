"""Synthetic Kiro homes in the recorded shapes, with sums known in advance.

`python -m support.kiro_homes FOLDER TURNS` (from `tests/`) writes one for a benchmark.
"""

from support.kiro_homes.everything import build
from support.kiro_homes.home import Expected, KiroHome, iso
from support.kiro_homes.many import write_many

__all__ = ["Expected", "KiroHome", "build", "iso", "write_many"]
