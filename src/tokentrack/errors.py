"""Errors that the user can fix."""

from __future__ import annotations


class TokenTrackError(Exception):
    """Base of all errors that the commands show as one sentence, without a traceback."""


class ValidationError(TokenTrackError, ValueError):
    """Invalid data; `issues` lists every problem found, one sentence each."""

    def __init__(self, issues: list[str]) -> None:
        super().__init__("; ".join(issues))
        self.issues = issues

    def __reduce__(self) -> tuple[type[ValidationError], tuple[list[str]]]:
        return type(self), (self.issues,)


class FileSystemError(TokenTrackError, OSError):
    """A file or folder that can't be read or written; the message is a whole sentence."""


class CollectorError(TokenTrackError):
    """A metadata collector that is missing or failed; the message names it, but no data."""


class MissingExtraError(TokenTrackError):
    """A package that is not installed, and the extra of tokentrack that installs it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} (extra {extra!r}) is not installed; run `python -m pip install {package}` "
            "in tokentrack's environment"
        )
        self.extra = extra
