"""What can go wrong in a way that the user can mend."""

from __future__ import annotations


class TokenTrackError(Exception):
    """The base of every error that is shown as one sentence, without a traceback."""


class ValidationError(TokenTrackError):
    """Data that breaks a rule; `issues` lists every problem found, not only the first."""

    def __init__(self, issues: list[str]) -> None:
        """Keep all problems, one sentence each."""
        super().__init__("; ".join(issues))
        self.issues = issues


class FileSystemError(TokenTrackError):
    """A file or folder that could not be read or written as it should."""


class CollectorError(TokenTrackError):
    """An extra metadata collector that is missing or failed; it names the collector only."""


class MissingExtraError(TokenTrackError):
    """A package that is not installed, with the extra that brings it."""

    def __init__(self, package: str, extra: str) -> None:
        """Name both, and the command that installs them."""
        super().__init__(
            f"{package} (extra {extra!r}) is not installed: run `python -m pip install {package}` "
            "in tokentrack's environment"
        )
        self.extra = extra
