"""Find the word that was probably meant by one that is not known."""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 100  # a comparison takes the product of two lengths


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most similar to a word, ignoring case; None if none is.

    One with the same letters in another order is the most similar.
    """
    from difflib import get_close_matches

    by_lower = {candidate.lower(): candidate for candidate in known}
    lower = word[:_LONGEST].lower()
    swapped = [candidate for candidate in by_lower if sorted(candidate) == sorted(lower)]
    matches = get_close_matches(lower, swapped or by_lower, n=1) or swapped
    return by_lower[matches[0]] if matches else None


def meant(word: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown word: the one that was meant, or all."""
    words = list(known)
    close = nearest(word, words)
    return f": did you mean {close!r}?" if close else f": use one of {', '.join(words)}"
