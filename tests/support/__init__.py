"""Helpers of the tests: workspaces, Kiro homes, faults, and the paths of the checkout."""

from pathlib import Path

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
EXAMPLES = TESTS / "examples"
SCRIPTS = ROOT / "scripts"
