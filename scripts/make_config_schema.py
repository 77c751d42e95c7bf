"""Generate the configuration's schema and the table in the docs from `config/fields.py`.

With --check, write nothing, and exit with 1 if a file is not up to date.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tokentrack.config.fields import FIELDS
from tokentrack.config.schema import configuration_schema

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "schemas" / "tracker-config.schema.json"
DOCS = ROOT / "docs" / "configuration.md"
BEGIN = "<!-- fields: made by scripts/make_config_schema.py -->\n"
END = "<!-- end of fields -->\n"


def made_files() -> dict[Path, str]:
    """Return the text that each file should have."""
    docs = DOCS.read_text(encoding="utf-8")
    before, _, rest = docs.partition(BEGIN)
    _, _, after = rest.partition(END)
    return {
        SCHEMA: json.dumps(configuration_schema(), indent=2) + "\n",
        DOCS: f"{before}{BEGIN}\n{fields_table()}\n{END}{after}",
    }


def fields_table() -> str:
    """Return the fields as a Markdown table."""
    rows = ["| field | default | bounds | meaning |", "|---|---|---|---|"]
    for name, field in FIELDS.items():
        bounds = ", ".join(field.choices)
        if field.minimum is not None:
            bounds = f"{field.minimum:,} to {field.maximum:,}"
        default = json.dumps(field.default)
        rows.append(f"| `{name}` | `{default}` | {bounds} | {field.description} |")
    return "\n".join(rows) + "\n"


def main() -> int:
    """Write or check the files."""
    stale = 0
    for path, text in made_files().items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if sys.argv[1:] == ["--check"]:
            print(f"{path.relative_to(ROOT)} is stale: run scripts/make_config_schema.py")
            stale = 1
        else:
            path.write_text(text, encoding="utf-8")
    return stale


if __name__ == "__main__":
    sys.exit(main())
