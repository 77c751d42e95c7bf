"""A usage ledger for Kiro: each agent turn becomes one row, and every number says what it is."""

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from tokentrack.csv_writer import CSVWriter
    from tokentrack.error_handler import ErrorHandler
    from tokentrack.errors import FileSystemError, TokenTrackError, ValidationError
    from tokentrack.hook import TokenTrackingHook
    from tokentrack.metadata_collector import MetadataCollector
    from tokentrack.models import TokenTransaction, TrackerConfig
    from tokentrack.tracker import TokenTracker
    from tokentrack.usage import SessionTokenUsage, TokenUsage, UsageTracker

__version__ = "0.1.0"

__all__ = [
    "CSVWriter",
    "ErrorHandler",
    "FileSystemError",
    "MetadataCollector",
    "SessionTokenUsage",
    "TokenTrackError",
    "TokenTracker",
    "TokenTrackingHook",
    "TokenTransaction",
    "TokenUsage",
    "TrackerConfig",
    "UsageTracker",
    "ValidationError",
]

# The public names and where they live; each is loaded when it is first used.
_HOMES = {
    "CSVWriter": "csv_writer",
    "ErrorHandler": "error_handler",
    "FileSystemError": "errors",
    "MetadataCollector": "metadata_collector",
    "TokenTrackError": "errors",
    "TokenTracker": "tracker",
    "TokenTrackingHook": "hook",
    "TokenTransaction": "models",
    "TrackerConfig": "models",
    "ValidationError": "errors",
    "SessionTokenUsage": "usage",
    "TokenUsage": "usage",
    "UsageTracker": "usage",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'tokentrack' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"tokentrack.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
