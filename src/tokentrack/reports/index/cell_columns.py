"""Columns of plain cells as integers: the same as `cells`, many at a time, which is much faster.

Nearly all of a first build's time is spent here. So the loops are those of `map`, and a column
with anything unusual in it is refused as a whole: then each row is looked at alone.
"""

from __future__ import annotations

from datetime import datetime
from itertools import repeat
from operator import add, itemgetter, mul, sub

from tokentrack.reports.index.cell_times import EPOCH
from tokentrack.reports.index.cells import (
    CREDIT_UNITS,
    PLACES,
    UNKNOWN,
    UNKNOWN_LIMBS,
    Limbs,
    credits_of,
    remainder,
)

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LAST = itemgetter(-1)
_HIGH, _LOW = 10**20, 10**9
_MOST_SECONDS = 10**9  # more than that is looked at alone, and may be refused


def refuse_unless(is_plain: bool) -> None:
    """Refuse what has to be looked at row by row.

    Raises:
        ValueError: it is not plain.
    """
    if not is_plain:
        raise ValueError("not plain")


def columns_of(rows: Sequence[Sequence[str]], width: int) -> list[tuple[str, ...]]:
    """Return the columns of rows that all have `width` cells.

    Raises:
        ValueError: one has another number of cells.
    """
    refuse_unless(set(map(len, rows)) == {width})
    return list(zip(*rows, strict=True))


def keys(cells: Sequence[str]) -> list[int]:
    """Return the numbers that stand for ids.

    Raises:
        ValueError: one is empty, or has an escape.
    """
    refuse_unless(all(cells) and "\\" not in "".join(cells))
    encoded = map(str.encode, cells, repeat("latin-1"))
    # Big-endian, which is the default.
    return list(map(remainder, map(int.from_bytes, encoded)))


def optional_keys(cells: Sequence[str]) -> list[int]:
    """Return the numbers that stand for ids, `UNKNOWN` for empty cells.

    Raises:
        ValueError: one has an escape.
    """
    known = iter(keys([cell for cell in cells if cell]))
    return [next(known) if cell else UNKNOWN for cell in cells]


def times(cells: Sequence[str]) -> list[int]:
    """Return times in UTC in microseconds since the epoch.

    Raises:
        ValueError: one is not as this program writes it.
    """
    refuse_unless(all(cells) and set(map(_LAST, cells)) == {"Z"} and min(map(len, cells)) >= 19)
    return [
        (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
        for since in map(sub, map(datetime.fromisoformat, cells), repeat(EPOCH))
    ]


def counts(cells: Sequence[str], most_digits: int) -> list[int]:
    """Return whole numbers of at most `most_digits` digits.

    Raises:
        ValueError: one is not such a number.
    """
    refuse_unless(all(cells) and "".join(cells).isdecimal() and max(map(len, cells)) <= most_digits)
    return list(map(int, cells))


def optional_counts(cells: Sequence[str], most_digits: int) -> list[int]:
    """Return whole numbers of at most `most_digits` digits, `UNKNOWN` for empty cells.

    The list is empty if all cells are.

    Raises:
        ValueError: one is not such a number.
    """
    if not any(cells):
        return []
    known = iter(counts([cell for cell in cells if cell], most_digits))
    return [next(known) if cell else UNKNOWN for cell in cells]


def durations(cells: Sequence[str]) -> list[int]:
    """Return seconds in microseconds, `UNKNOWN` for empty cells.

    Raises:
        ValueError: one is not a plain number with at most six decimals.
    """
    known = [cell for cell in cells if cell]
    seconds = list(map(float, known))
    if known:
        refuse_unless("".join(known).replace(".", "0").isdecimal())
        refuse_unless(max([len(cell) - cell.rfind(".") for cell in known]) <= 7)
        refuse_unless(max(seconds) < _MOST_SECONDS)
    # So few digits are a whole number of microseconds, to which a float comes near enough.
    numbers = map(round, map(mul, seconds, repeat(1e6)))
    return [next(numbers) if cell else UNKNOWN for cell in cells]


def credit_limbs(cells: Sequence[str]) -> list[Limbs]:
    """Return credits as the three integers that are stored, `UNKNOWN_LIMBS` for empty cells.

    Raises:
        ValueError: one is not a number of credits.
    """
    units, found = CREDIT_UNITS, []
    for cell in cells:
        whole, _, part = cell.partition(".")
        digits = whole + part
        if digits.isdecimal() and len(part) <= PLACES and len(whole) <= 9:
            high, rest = divmod(int(digits) * units[len(part)], _HIGH)
            found.append((high, *divmod(rest, _LOW)))
        else:
            # Floats below 0.0001 are written with an exponent.
            found.append(credits_of(cell) if cell else UNKNOWN_LIMBS)
    return found


def shifted(numbers: Iterable[int], distance: int) -> Iterable[int]:
    """Return numbers with another one added to each."""
    return map(add, numbers, repeat(distance))
