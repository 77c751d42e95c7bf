"""What the tests of the hook share."""

import os

import pytest
from hypothesis import HealthCheck, settings

from support.kiro import Machine

_SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile(
    "dev", deadline=None, max_examples=100, suppress_health_check=_SLOW_IS_FINE
)
settings.register_profile("ci", settings.get_profile("dev"), max_examples=500, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture
def machine(tmp_path):
    """Return a workspace, an empty home, and the hook to run in them."""
    return Machine(tmp_path)
