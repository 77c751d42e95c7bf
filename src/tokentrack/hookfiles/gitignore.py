"""The marked block in `.gitignore`: add it, remove it, and keep every other byte."""

from __future__ import annotations

import re

from tokentrack.hookfiles.plan import RefusedError

_BEGIN = b"# >>> tokentrack >>>"
_END = b"# <<< tokentrack <<<"
_LINES = (
    _BEGIN,
    b"# Usage records can quote prompts; hook files and the configuration may be committed.",
    b"# A configuration can give the ledger another name.",
    b".kiro/*.csv*",
    b".kiro/.tokentrack*/",
    _END,
)
_BLOCK = re.compile(
    rb"^%b(\r?\n)(?:(?!%b).*\n)*?%b(\r?\n|\Z)" % (_BEGIN, _BEGIN, _END), re.MULTILINE
)


def block_state(data: bytes | None) -> str:
    """Return "none" if there is no block, "same" if it is as written by init, else "changed".

    Raises:
        RefusedError: the block begins and does not end.
    """
    match = _BLOCK.search(data or b"")
    if match:
        return "same" if tuple(match[0].splitlines()) == _LINES else "changed"
    for number, text in enumerate((data or b"").splitlines(), start=1):
        if text == _BEGIN:
            raise RefusedError(
                f"line {number} begins tokentrack's block, but nothing ends it: remove that line"
            )
    return "none"


def add_block(data: bytes | None) -> bytes:
    """Return the file with the block at its end, with the file's own line endings.

    A file without a final newline still has none afterwards, which tells `remove_block` about it.
    """
    if data is None:
        return b"\n".join(_LINES) + b"\n"
    newline = b"\r\n" if b"\r\n" in data else b"\n"
    block = newline.join(_LINES)
    if data.endswith(b"\n"):
        return data + block + newline
    return data + newline + block if data else block


def remove_block(data: bytes) -> bytes | None:
    """Return the file as it was before `add_block`, None if it did not exist."""
    match = _BLOCK.search(data)
    if not match:
        return data
    head, tail = data[: match.start()], data[match.end() :]
    if not match[2]:
        return head.removesuffix(match[1])
    return head + tail or None
