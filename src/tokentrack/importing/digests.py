"""What tells a record from another one of the same execution, and in which columns."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tokentrack.models.fields import COLUMNS

if TYPE_CHECKING:
    from tokentrack.models.transaction import TokenTransaction

_PART = 8  # bytes for each column


def digest_of(record: TokenTransaction) -> bytes:
    """Return a record's digest."""
    cells = [cell.encode("utf-8", "surrogatepass") for cell in record.to_csv_row()]
    return b"".join([hashlib.blake2b(cell, digest_size=_PART).digest() for cell in cells])


def differing(one: bytes, other: bytes) -> list[str]:
    """Return the columns in which the records of two digests differ."""
    starts = range(0, len(one), _PART)
    changed = [one[at : at + _PART] != other[at : at + _PART] for at in starts]
    return [name for name, is_changed in zip(COLUMNS, changed, strict=True) if is_changed]
