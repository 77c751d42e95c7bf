"""The two value classes of the public API: a ledger row and the tracker's configuration."""

from __future__ import annotations

from tokentrack.config.tracker_config import TrackerConfig
from tokentrack.models.transaction import TokenTransaction

__all__ = ["TokenTransaction", "TrackerConfig"]
