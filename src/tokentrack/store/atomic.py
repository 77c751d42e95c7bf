"""Atomic replacement of files: the temporary file as an open file, and what a kill leaves of it."""

from __future__ import annotations

import errno
import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from tokentrack.store.directory import Directory, NotRegularError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TEMPORARY = re.compile(r"(.+)\.[0-9a-f]{12}\.tmp")


def remove_temporaries(folder: Directory, is_ours: Callable[[str], bool]) -> None:
    """Remove what a killed process left of replacements, under the ledger's lock.

    Args:
        folder: the folder to look in.
        is_ours: tells whether a replaced file, by its name, belongs to the ledger.

    Raises:
        OSError: the folder can't be listed or a file can't be removed.
    """
    for entry in folder.names():
        found = _TEMPORARY.fullmatch(entry)
        if found and is_ours(found[1]) and folder.is_file(entry):
            folder.remove(entry)


@contextmanager
def new_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Give a temporary file next to `path`, mode 0600, which takes its name at the end.

    Raises:
        OSError: it can't be written; the old file is still there.
    """
    with Directory.of_file(path, create=True) as (folder, name):
        if folder.has(name) and not folder.is_file(name):
            raise NotRegularError(errno.EPERM, "not a regular file", name)
        with (
            folder.replacing(name, durable=True) as descriptor,
            os.fdopen(descriptor, "wb", closefd=False) as file,
        ):
            yield file
