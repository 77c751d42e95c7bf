"""JSON for the hook: the interpreter's own C scanner and encoder, without the 6 ms of `json`.

`json` imports `re`. The C scanner is private to CPython, so `json` is used where it is missing or
different. A property test checks that both read and write the same.

JSON that someone else may have written is not decoded before its structure is known: 1 MiB of `[],`
becomes 22 MB of lists, and the depth at which the scanner gives up differs between versions.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_WHITESPACE = " \t\n\r"
# How deeply values may be nested, on every version of Python.
MAX_DEPTH = 64

_BLOCK = 64 * 1024
_STRUCTURE = b"[]{},"
_AS_LISTS = bytes.maketrans(b"{}", b"[]")
_NO_STRUCTURE = bytes(set(range(256)) - set(_STRUCTURE))


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


def structure(data: bytes, most: int) -> bytes | None:
    """Return the brackets and commas of a JSON text that are outside its strings.

    None says that there are more than `most`, and so at least that many values.
    """
    found: list[bytes] = []
    in_string = is_escaped = False
    for start in range(0, len(data), _BLOCK):
        block = data[start + is_escaped : start + _BLOCK].replace(b"\\\\", b"")
        is_escaped = block.endswith(b"\\")
        parts = block.replace(b'\\"', b"").split(b'"')
        outside = b"".join(parts[in_string::2]).translate(None, _NO_STRUCTURE)
        in_string ^= len(parts) % 2 == 0
        most -= len(outside)
        if most < 0:
            return None
        found.append(outside)
    return b"".join(found)


def may_be_too_deep(brackets: bytes) -> bool:
    """Tell by what `structure` returned whether values are nested more than `MAX_DEPTH` levels.

    True is also the answer for a text that is damaged.
    """
    left = brackets.translate(_AS_LISTS, b",")
    for _ in range(MAX_DEPTH):
        size = len(left)
        # Each round takes the innermost level away.
        left = left.replace(b"[]", b"")
        if len(left) == size:
            break
    return left != b""


def load_checked(data: bytes, shape: Any, most_values: int) -> Any:
    """Decode a file in ASCII JSON, but only if a program that keeps to a shape can have written it.

    Args:
        data: the file.
        shape: what the value must look like; see `fits`.
        most_values: how many values it can have, the inner ones included.

    Raises:
        ValueError: it is something else; the message says what, and quotes nothing.
    """
    opened = data.count(b"[") + data.count(b"{")
    if opened > MAX_DEPTH or opened + data.count(b",") > most_values:
        brackets = structure(data, 2 * most_values)
        if brackets is None:
            raise ValueError("too many values")
        if may_be_too_deep(brackets):
            raise ValueError("nested too deeply")
    text = data.decode("ascii")
    del data
    value = loads(text)
    del text
    if not fits(value, shape):
        raise ValueError("not what was written there")
    return value


def fits(value: Any, shape: Any) -> bool:
    """Tell whether a decoded value has a shape.

    A function is asked about the value. A tuple has the shapes of which one must fit. A list with
    one shape is a list of any length, one with more shapes a list of that length. A dictionary has
    the shape of each of its keys; one whose only key is a function, which is asked about each key,
    may have any number of them. None is null.
    """
    if isinstance(shape, tuple):
        return any(fits(value, one) for one in shape)
    if isinstance(shape, list):
        is_long = isinstance(value, list) and len(shape) in (1, len(value))
        return is_long and all(map(fits, value, shape if len(shape) > 1 else shape * len(value)))
    if isinstance(shape, dict):
        return isinstance(value, dict) and _fits_keys(value, shape)
    return value is None if shape is None else bool(shape(value))


def _fits_keys(value: dict[str, Any], shape: dict[Any, Any]) -> bool:
    (key, inner), *more = shape.items()
    if callable(key) and not more:
        return all(key(name) and fits(item, inner) for name, item in value.items())
    return value.keys() == shape.keys() and all(fits(value[name], shape[name]) for name in shape)


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
