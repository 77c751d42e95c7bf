"""What the tests of commands share: a machine with turns."""

import pytest

from support.priced_turns import add_two_months


@pytest.fixture
def busy(machine):
    """Return a machine with turns today and on many days of two months."""
    add_two_months(machine.folder)
    return machine
