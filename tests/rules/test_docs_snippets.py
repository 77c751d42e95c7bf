"""Every Python example of the README and of docs/ runs, page by page, in a workspace.

Those of docs/reports.md need its data: tests/scripts/test_make_report_docs.py runs them.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys

import pytest

from support import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
DOCUMENTS.remove(ROOT / "docs" / "reports.md")
FENCE = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPTIONAL = ("matplotlib", "xlsxwriter", "duckdb", "genai_prices")

# Runs blocks in one namespace; a traceback names the page and its line.
RUNNER = """
import json, sys
namespace = {"__name__": "__main__"}
for path, line, code in json.load(sys.stdin):
    exec(compile("\\n" * (line - 1) + code, path, "exec"), namespace)
"""


def examples(path):
    text = path.read_text(encoding="utf-8")
    return [(text.count("\n", 0, found.start(1)) + 1, found[1]) for found in FENCE.finditer(text)]


def missing(code):
    names = set(re.findall(r"^\s*(?:import|from) (\w+)", code, re.MULTILINE)) & set(OPTIONAL)
    return sorted(name for name in names if importlib.util.find_spec(name) is None)


def run(blocks, folder, path="a document"):
    root, home = folder / "workspace", folder / "home"
    (root / ".kiro").mkdir(parents=True)
    home.mkdir()
    (folder / "tmp").mkdir()
    environment = {"HOME": str(home), "PATH": os.defpath, "MPLBACKEND": "Agg",
                   "MPLCONFIGDIR": str(home), "TMPDIR": str(folder / "tmp")}  # fmt: skip
    return subprocess.run(
        [sys.executable, "-X", "utf8", "-c", RUNNER],
        input=json.dumps([(str(path), line, code) for line, code in blocks]),
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "path", [p for p in DOCUMENTS if examples(p)], ids=lambda p: p.relative_to(ROOT).as_posix()
)
def test_every_example_of_a_document_runs(path, tmp_path):
    blocks = examples(path)
    done = run([b for b in blocks if not missing(b[1])], tmp_path, path)
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if "Warning" in line]
    skipped = sorted({name for _, code in blocks for name in missing(code)})
    if skipped:
        pytest.skip(f"all other examples ran; not installed: {', '.join(skipped)}")


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "undefined", "assert False"])
def test_an_example_that_fails_is_noticed(code, tmp_path):
    done = run([(1, "x = 1"), (7, code)], tmp_path)
    assert done.returncode != 0


def test_python_md_has_the_examples():
    assert len(examples(ROOT / "docs" / "python.md")) > 20
