"""Write a home for a benchmark: `python -m kiro_homes FOLDER TURNS`."""

import sys
from pathlib import Path

from support.kiro_homes import write_many

total = write_many(Path(sys.argv[1]), int(sys.argv[2]))
sys.stdout.write(f"{sys.argv[2]} turns, {total} credits\n")
