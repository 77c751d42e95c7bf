"""An estimate of tokens from visible text, always marked as one.

It can only see the text of a turn, not the context that Kiro sends again with every request.
"""

from __future__ import annotations

_ASCII_CHARS_PER_TOKEN = 4


def estimate_tokens(text: str) -> int:
    """Return about how many tokens `text` is: 4 ASCII characters or 1 other character each."""
    if text.isascii():
        return -(-len(text) // _ASCII_CHARS_PER_TOKEN)
    ascii_chars = len(text.encode("ascii", "ignore"))
    return -(-ascii_chars // _ASCII_CHARS_PER_TOKEN) + (len(text) - ascii_chars)
