"""Write schemas/tracker-config.schema.json from the table of the configuration's fields.

With --check, write nothing and exit 1 when the file is not what the table makes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tokentrack.models.config_schema import configuration_schema

TARGET = Path(__file__).parents[1] / "schemas" / "tracker-config.schema.json"


def main() -> int:
    """Write or check the schema."""
    text = json.dumps(configuration_schema(), indent=2) + "\n"
    if sys.argv[1:] == ["--check"]:
        if TARGET.read_text(encoding="utf-8") != text:
            print("schemas/tracker-config.schema.json is stale: run scripts/make_config_schema.py")
            return 1
        return 0
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
