"""What the tests of the scripts share."""

import pytest

from support.ledgers import Workspace
from support.scripts import Runner


@pytest.fixture
def runner(tmp_path):
    return Runner(tmp_path)


@pytest.fixture
def space(tmp_path):
    """Make a workspace whose ledger has one row."""
    space = Workspace(tmp_path)
    assert space.tracker.record_transaction("p", 1, 0.5)
    return space
