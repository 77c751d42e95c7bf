"""The two value classes of the public API: a ledger row and the tracker's configuration."""

from __future__ import annotations

TYPE_CHECKING = False  # each is loaded when it is first used
if TYPE_CHECKING:
    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.models.transaction import TokenTransaction

__all__ = ["TokenTransaction", "TrackerConfig"]

_HOMES = {
    "TokenTransaction": "tokentrack.models.transaction",
    "TrackerConfig": "tokentrack.config.tracker_config",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'tokentrack.models' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
