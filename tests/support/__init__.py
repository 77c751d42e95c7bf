"""What the tests share: workspaces, Kiro homes, faults, and where everything lies."""

from pathlib import Path

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
EXAMPLES = TESTS / "examples"
SCRIPTS = ROOT / "scripts"
