"""Whether the files of the known ledgers have changed, by how the system describes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.reports.index.looks import looks_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokentrack.reports.index.looks import Look
    from tokentrack.store.paths import LedgerPaths


class Changes:
    """Compares the files with how they looked the last time; no data is read."""

    def __init__(self) -> None:
        self._looks: dict[tuple[str, str], Look] | None = None

    def look(self, ledgers: Iterable[LedgerPaths]) -> bool:
        """Tell whether something has changed since the last look; the first one is a change."""
        found: dict[tuple[str, str], Look] = {}
        for paths in ledgers:
            try:
                with paths.open_folder(create=False) as folder:
                    found |= {(paths.path, name): look for _, name, look in looks_in(folder, paths)}
            except OSError:
                continue  # such as a workspace that was moved away
        has_changed = found != self._looks
        self._looks = found
        return has_changed
