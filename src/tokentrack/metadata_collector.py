"""The public path of `MetadataCollector`, which the recorder uses for every event."""

from tokentrack.recorder.metadata import MetadataCollector

__all__ = ["MetadataCollector"]
