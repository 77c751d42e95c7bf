"""Every command is tried where there is no ledger, or known to create files."""

from support.without_ledger import INDEXING, READING, WRITING
from tokentrack.cli import _COMMANDS


def test_every_command_is_tried_or_known_to_write():
    tried = {words.split()[0] for words in READING}
    assert tried | WRITING == set(_COMMANDS), "add it in tests/support/without_ledger.py"
    assert set(READING) >= INDEXING
