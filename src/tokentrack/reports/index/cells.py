"""Single cells of a ledger's rows as exact integers.

A cell is given as the file has it: one character for each byte (Latin-1), unquoted, but with its
backslash escapes. So the bytes of a whole block are decoded once, and most cells never again.
"""

from __future__ import annotations

import sys

from tokentrack.store.codec import unescape

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    from collections.abc import Callable

# The remainder of an id's bytes stands for the id: two of a million meet with 2 in 10^7.
PRIME = 2**61 - 1
PLACES = 27
CREDIT_UNITS = [10 ** (PLACES - n) for n in range(PLACES + 1)]

Limbs = tuple[int, int, int]
UNKNOWN = -1  # of a number that can be 0; SQLite's module takes long for None
UNKNOWN_LIMBS: Limbs = (UNKNOWN, 0, 0)


def text_of(cell: str) -> str:
    """Return the text that a cell stands for."""
    return unescape(cell.encode("latin-1").decode("utf-8"))


def bytes_of(cell: str) -> bytes:
    """Return the text of a cell as UTF-8; lone surrogates are kept."""
    if "\\" in cell:
        return text_of(cell).encode("utf-8", "surrogatepass")
    return cell.encode("latin-1")


def _remainder(number: int) -> int:
    return number % PRIME


# Where the hash of a number is just that remainder, it is twice as fast.
remainder: Callable[[int], int] = hash if sys.hash_info.modulus == PRIME else _remainder


def key_of(cell: str) -> int:
    """Return the number that stands for an id."""
    return remainder(int.from_bytes(bytes_of(cell), "big"))


def key_of_text(text: str) -> int:
    """Return the number that stands for an id which is given as plain text."""
    return remainder(int.from_bytes(text.encode("utf-8", "surrogatepass"), "big"))


def count_of(cell: str, most_digits: int) -> int:
    """Return a whole number of at most `most_digits` digits.

    Raises:
        ValueError: it is not such a number.
    """
    if not cell.isdecimal() or len(cell) > most_digits:
        raise ValueError(cell)
    return int(cell)


def credits_of(cell: str) -> Limbs:
    """Return credits in any form as three integers, of which the first counts 10^-7.

    The second counts 10^-18, the third 10^-27.

    Raises:
        ValueError: they are not a number of credits.
    """
    from tokentrack.kiro.values import stored_credits

    text = text_of(cell)
    if stored_credits(text) is None:
        raise ValueError("credits can't be read")
    return limbs_of(scaled(text, PLACES))


def limbs_of(units: int) -> Limbs:
    """Return credits that are given in units of 10^-27 as the three integers that are stored."""
    high, rest = divmod(units, 10**20)
    middle, low = divmod(rest, 10**9)
    return high, middle, low


def scaled(text: str, places: int) -> int:
    """Return a decimal number times 10^places, rounded half to even; its value must be moderate.

    Raises:
        ArithmeticError: it is not a finite number.
    """
    from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal

    number = Decimal(text)
    if not number or number.adjusted() < -places - 1:
        return 0
    context = Context(prec=len(text) + places, Emin=MIN_EMIN, Emax=MAX_EMAX)
    return int(number.scaleb(places, context).to_integral_value(ROUND_HALF_EVEN))
