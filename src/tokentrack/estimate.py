"""An estimate of tokens from visible text, always marked as one.

It can only see the text of a turn, not the context that Kiro sends again with every request.
docs/real-numbers.md says how it was calibrated and how far off it is.
"""

from __future__ import annotations

# One byte for each character: the class of the first byte of its UTF-8 form.
_CLASSES = (
    b"#" * 9 + b"\n\n##\n" + b"#" * 18 + b" " + b"#" * 15 + b"0" * 10 + b"#" * 7
    + b"A" * 26 + b"#" * 6 + b"a" * 26 + b"#" * 5  # ASCII
    + b"?" * 64  # the later bytes of a character: left out
    + b"L" * 12  # Latin with accents
    + b"G" * 4  # Greek
    + b"C" * 4  # Cyrillic
    + b"R" * 12  # Armenian, Hebrew, Arabic
    + b"I" * 2  # the scripts of India and South-East Asia
    + b"P"  # punctuation, arrows, boxes, signs
    + b"J"  # kana, and the punctuation of Chinese and Japanese
    + b"K" * 6  # Chinese characters
    + b"N" * 4  # Hangul
    + b"P" * 2
    + b"E" * 16  # emoji
)  # fmt: skip
_LATER_BYTES = bytes(range(0x80, 0xC0))

# Hundredths of a token for one of these.
_WEIGHTS = (
    (b"a", 3), (b"A", 9), (b"aA", 100),  # a word has more by its letters, and by camelCase
    (b"0", 13), (b" 0", 114), (b"\n0", 114), (b"#0", 114), (b"a0", 114), (b"A0", 114),
    (b"#", 72), (b"##", -40),  # symbols; two of them are often one token
    (b"\n", 100), (b"L", 220), (b"G", 132), (b"C", 61), (b"R", 106), (b"I", 152), (b"P", 141),
    (b"J", 98), (b"K", 107), (b"N", 136), (b"E", 296),
)  # fmt: skip
_WORD = 99
_BEFORE_WORD = (b" a", b"\na", b"#a", b"0a")
_LETTERS = bytes.maketrans(b"AL", b"aa")


def estimate_tokens(text: str) -> int:
    """Return about how many tokens `text` is, in linear time; 0 only for an empty text.

    Words, digits, symbols, line ends and the characters of other scripts have weights of their
    own. A single space belongs to the word that follows it.
    """
    if not text:
        return 0
    classes = text.encode("utf-8", "surrogatepass").translate(_CLASSES, _LATER_BYTES)
    words = classes.translate(_LETTERS)
    hundredths = _WORD * words.startswith(b"a")
    for start in _BEFORE_WORD:
        hundredths += _WORD * words.count(start)
    for pattern, weight in _WEIGHTS:
        hundredths += weight * classes.count(pattern)
    return max(1, (hundredths + 50) // 100)
