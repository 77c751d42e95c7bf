"""Texts that are hard to store: every code point, surrogates and escapes."""

from __future__ import annotations

from hypothesis import strategies as st

# Every code point, surrogates included, and more difficult ones than chance would give.
HARD = [
    *"\\nr0ud8f12ab\n\r\0\",';\t ",
    *"\ud800\udc80\udfff\ufeff\u2028\x85\x1a\x1c\x7f\x1b\u061c\u200f\u202e\u2069é😀",
]


ANY = st.characters(codec=None, exclude_categories=())


TEXT = st.text(st.one_of(st.sampled_from(HARD), ANY))
