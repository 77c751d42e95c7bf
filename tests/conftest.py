"""What all tests share: a machine with the hook, and how many processes run them."""

import os

import pytest
from hypothesis import HealthCheck, settings

from support.kiro import Machine

_SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
settings.register_profile(
    "dev", deadline=None, max_examples=100, suppress_health_check=_SLOW_IS_FINE
)
settings.register_profile("quick", settings.get_profile("dev"), max_examples=10)
settings.register_profile("ci", settings.get_profile("dev"), max_examples=500, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Return what `-n auto` means: half as many again as there are processors.

    Tests wait for the processes that they start: on two processors, three workers are the fastest.
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return -(-(usable or 1) * 3 // 2)


@pytest.fixture(autouse=True, scope="session")
def state_folder(tmp_path_factory):
    """Keep what the API notes in the user's state folder out of the real one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def machine(tmp_path):
    """Return a workspace, an empty home, and the hook to run in them."""
    return Machine(tmp_path)
