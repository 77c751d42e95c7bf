"""What the tests of costs share: a system whose time zone is UTC."""

import time

import pytest


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    """Let the days of billing months be those of UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
