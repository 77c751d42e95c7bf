"""The names that IDE 0.x's storage can have for a workspace.

Kiro says nowhere how it makes the 32 hexadecimal digits. A digest that fits is proof enough: by
chance none does.
"""

from __future__ import annotations

TYPE_CHECKING = False  # the hook reads one turn within 5 ms, and `typing` alone takes 7
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _make_digests() -> list[Callable[..., Any]]:
    # The interpreter's own: `hashlib` loads OpenSSL, which takes 4 of the hook's 5 ms.
    try:
        from _md5 import md5  # type: ignore[import-not-found]

        try:
            from _sha2 import sha256  # type: ignore[import-not-found]
        except ImportError:  # its name before Python 3.12
            from _sha256 import sha256  # type: ignore[import-not-found]
    except ImportError:
        from hashlib import md5, sha256
    return [md5, sha256]


_DIGESTS = _make_digests()


def digests(text: str) -> list[str]:
    """Return the digests of a path or a URI, as names of 32 digits."""
    data = text.encode("utf-8", "surrogateescape")
    # Not for security: names of folders.
    found = [make(data, usedforsecurity=False) for make in _DIGESTS]
    return [digest.hexdigest()[:32] for digest in found]


def names_of(path: str) -> list[str]:
    """Return the names that a workspace's path can have: as it is, and as a plain file URI."""
    return [*digests(path), *digests(f"file://{path}")]
