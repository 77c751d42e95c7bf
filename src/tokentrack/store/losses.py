"""Count what could be written nowhere, so that no loss is silent."""

from __future__ import annotations

import os

from tokentrack.store.directory import Directory, write_all
from tokentrack.store.place import rescue_folder
from tokentrack.timestamps import format_us

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.store.place import Place

LOSSES_NAME = "lost.log"
_MAX_BYTES = 1024 * 1024


def count_loss(place: Place, environ: Mapping[str, str], at: int, cause: OSError) -> None:
    """Note that an event of time `at` was lost, and why, wherever a line can still be written."""
    line = f"{format_us(at)} errno={cause.errno}\n".encode("ascii")
    for open_folder in (
        lambda: place.open_folder(create=False).child(place.state, create=True),
        lambda: Directory.open(rescue_folder(place, environ), create=True),
    ):
        try:
            with open_folder() as folder:
                descriptor = folder.open_file(
                    LOSSES_NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT
                )
                try:
                    write_all(descriptor, line)
                finally:
                    os.close(descriptor)
        except OSError:
            continue
        return


def count_of_losses(folder: Directory) -> int:
    """Return how many losses a folder's file notes."""
    try:
        return folder.read(LOSSES_NAME, _MAX_BYTES).count(b"\n")
    except OSError:
        return 0
