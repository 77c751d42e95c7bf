"""JSON for the hook: the interpreter's own C scanner and encoder, without the 6 ms of `json`.

`json` imports `re`. The C scanner is private to CPython, so `json` is used where it is missing or
different. A property test checks that both read and write the same.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_WHITESPACE = " \t\n\r"


class _ScannerSettings:
    # The attributes that json.decoder.JSONDecoder passes to the C scanner. Without `strict`, raw
    # line feeds in strings are accepted.
    strict = False
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str] = {}  # noqa: RUF012  (the C code's own name and type)


def _make_scanner() -> Callable[[str, int], tuple[Any, int]]:
    try:
        import _json

        private: Any = _json
        scan: Callable[[str, int], tuple[Any, int]] = private.make_scanner(_ScannerSettings)
        if scan('{"a": [1, 2.5, null]}', 0)[0] == {"a": [1, 2.5, None]}:
            return scan
    except (ImportError, AttributeError, TypeError, ValueError):
        pass
    import json

    decoder: Any = json.JSONDecoder(strict=False)
    slow: Callable[[str, int], tuple[Any, int]] = decoder.scan_once
    return slow


def _make_string_encoder() -> Callable[[str], str]:
    try:
        from _json import encode_basestring_ascii
    except ImportError:
        from json.encoder import py_encode_basestring_ascii as encode_basestring_ascii
    encode: Callable[[str], str] = encode_basestring_ascii
    return encode


_scan = _make_scanner()
_encode_string = _make_string_encoder()


def loads(text: str) -> Any:
    """Decode one JSON value.

    Raises:
        ValueError: the text is not one JSON value, or has an integer of over 4,300 digits.
        RecursionError: the value is nested too deeply.
    """
    value, end = raw_decode(text, len(text) - len(text.lstrip(_WHITESPACE)))
    if text[end:].strip(_WHITESPACE):
        raise ValueError(f"more text after the JSON value, at character {end}")
    return value


def raw_decode(text: str, start: int) -> tuple[Any, int]:
    """Decode the JSON value that begins at an index, and return it and where it ends.

    Raises:
        ValueError: there is none, or it has an integer of over 4,300 digits.
        RecursionError: the value is nested too deeply.
    """
    try:
        return _scan(text, start)
    except StopIteration as stop:
        raise ValueError(f"no JSON value at character {stop.value}") from None
    except SystemError:
        # CPython up to 3.12 takes the error's class from `json`, which is not imported.
        raise ValueError("damaged JSON") from None


def dumps(value: Any) -> str:
    """Encode None, booleans, finite numbers, strings, lists, tuples and dictionaries as ASCII JSON.

    Raises:
        TypeError: the value is of another type.
    """
    if isinstance(value, str):
        return _encode_string(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ",".join([f"{_encode_string(k)}:{dumps(v)}" for k, v in value.items()]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join([dumps(item) for item in value]) + "]"
    raise TypeError(f"{type(value).__name__} has no JSON form")
