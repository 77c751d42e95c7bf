"""How much of a prompt is stored."""

from __future__ import annotations

_ROOM_FOR_COUNT = 24


def truncate_prompt(prompt: str, max_length: int, more: int = 0) -> str:
    """Return the prompt in at most `max_length` characters, marked where it was cut.

    The mark is `…[+N]`, N being the characters left out; where there is no room for it, `…`.
    `more` characters are left out already.
    """
    if len(prompt) <= max_length and not more:
        return prompt
    if max_length <= 0:
        return ""
    if max_length < _ROOM_FOR_COUNT:
        return prompt[: _character_start(prompt, max_length - 1)] + "…"
    kept = _character_start(prompt, max_length - len(f"…[+{len(prompt) + more}]"))
    return f"{prompt[:kept]}…[+{len(prompt) - kept + more}]"


def _character_start(text: str, at: int) -> int:
    # An accent, a variation selector or the second half of a joined emoji belongs to the
    # character before it.
    if text[: at + 1].isascii():
        return at
    from unicodedata import category

    joiner = "\u200d"
    while at > 0 and (
        category(text[at]) in ("Mn", "Me", "Mc", "Sk") or joiner in (text[at], text[at - 1])
    ):
        at -= 1
    return at
