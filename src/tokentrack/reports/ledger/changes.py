"""Whether the files of the known ledgers have changed, by how the system describes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokentrack.reports.index.looks import looks_in
from tokentrack.store.registry import registered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tokentrack.reports.index.looks import Look
    from tokentrack.store.paths import LedgerPaths


class Changes:
    """Compares the files with how they looked the last time; no data is read."""

    def __init__(self, current: Sequence[LedgerPaths]) -> None:
        """Name ledgers that count even before they exist, such as that of the current folder."""
        self._current = current
        self._looks: dict[tuple[str, str], Look] | None = None

    def look(self, ledgers: Iterable[LedgerPaths], environ: Mapping[str, str]) -> bool:
        """Tell whether something has changed since the last look; the first one is a change.

        Args:
            ledgers: those that are asked; those that were registered since count too.
            environ: the environment.
        """
        found: dict[tuple[str, str], Look] = {}
        known = {paths.path: paths for paths in (*ledgers, *self._current, *registered(environ))}
        for paths in known.values():
            try:
                with paths.open_folder(create=False) as folder:
                    found |= {(paths.path, name): look for _, name, look in looks_in(folder, paths)}
            except OSError:
                continue  # such as a workspace that was moved away
        has_changed = found != self._looks
        self._looks = found
        return has_changed
