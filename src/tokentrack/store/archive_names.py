"""The names of a ledger's files: the active one, and the archives that rotation has made.

An archive is `<ledger>_YYYYMMDD[_N].csv`, or the same with `.gz`. Where both exist, compression
was interrupted or the user made a copy, and only the plain file is read.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms, and `re` 5
if TYPE_CHECKING:
    from tokentrack.store.directory import Directory

COMPRESSED = ".gz"
_MOST_DIGITS = 6


def stem_of(name: str) -> str:
    """Return a file's name without `.csv` and `.gz`."""
    return name.removesuffix(COMPRESSED).removesuffix(".csv")


def names_in(folder: Directory, active: str) -> list[str]:
    """Return the names of the archives and of the active file, the oldest first.

    The active file is included whatever it is: to open a link is an error, it is not absent.
    """
    found = archives_in(folder, active)
    return [*found, active] if folder.has(active) else found


def archives_in(folder: Directory, active: str) -> list[str]:
    """Return the names of an active file's archives, the oldest first; only regular files."""
    return [name for name in archives_among(folder.names(), active) if folder.is_file(name)]


def archives_among(names: list[str], active: str) -> list[str]:
    """Return the names that an active file's archives have, the oldest first."""
    start = f"{stem_of(active)}_"
    named = [name for name in names if name.startswith(start)]
    keys = [(_key(name, start), name) for name in named]
    return [
        name
        for _, name in sorted([(key, name) for key, name in keys if key is not None])
        if not (name.endswith(COMPRESSED) and name.removesuffix(COMPRESSED) in named)
    ]


def _key(name: str, start: str) -> tuple[str, int] | None:
    # The date and the number by which archives are sorted, None for another file.
    if not name.removesuffix(COMPRESSED).endswith(".csv"):
        return None
    date, mark, number = stem_of(name)[len(start) :].partition("_")
    if len(date) != len("20260101") or not date.isdecimal():
        return None
    if mark and not (number.isdecimal() and len(number) <= _MOST_DIGITS):
        return None
    return date, int(number or 1)
