"""Read the payload of an event from stdin: one JSON object, within bounds of time and size.

IDE 0.x opens stdin and never closes it; other builds write one object and close it. So the wait
for the first byte is short, and the whole payload has a deadline.
"""

from __future__ import annotations

import os
import time

from tokentrack.common import fastjson

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from typing import Any

FIRST_BYTE_SECONDS = 0.5
TOTAL_SECONDS = 2.0
MAX_BYTES = 16 * 1024 * 1024

# Decoding every value of a larger payload could take more than the hook's 64 MB: 1 MiB of `[],`
# is 22 MB of lists. The few fields that matter are searched for in the bytes instead.
_MAX_DECODED_BYTES = 1024 * 1024

_CHUNK = 1024 * 1024


def read_stdin(descriptor: int = 0) -> tuple[bytes, str]:
    """Return the bytes of stdin and what is wrong with them ("" when nothing is).

    A terminal is not read. At most `MAX_BYTES` are kept; the rest is read and dropped until the
    deadline, so that the writer does not get a closed pipe.
    """
    try:
        if os.isatty(descriptor):
            return b"", ""
        return _read_until_deadline(descriptor)
    except OSError as error:
        return b"", f"stdin could not be read (errno {error.errno})"


def _read_until_deadline(descriptor: int) -> tuple[bytes, str]:
    began = time.monotonic()
    chunks: list[bytes] = []
    size = 0
    problem = ""
    while True:
        left = (TOTAL_SECONDS if chunks else FIRST_BYTE_SECONDS) - (time.monotonic() - began)
        if left <= 0 or not _readable(descriptor, left):
            if chunks:
                problem = f"stdin did not end within {TOTAL_SECONDS:g} s"
            break
        chunk = os.read(descriptor, _CHUNK)
        if not chunk:
            break
        if size < MAX_BYTES:
            chunks.append(chunk[: MAX_BYTES - size])
        size += len(chunk)
    if size > MAX_BYTES:
        problem = f"stdin holds more than {MAX_BYTES // 1024 // 1024} MiB"
    return b"".join(chunks), problem


def _readable(descriptor: int, seconds: float) -> bool:
    if os.name == "nt":
        from tokentrack.common.windows import wait_for_pipe

        return wait_for_pipe(descriptor, seconds)
    from select import select

    return bool(select([descriptor], [], [], seconds)[0])


def decode(data: bytes) -> tuple[dict[str, Any], list[str]]:
    """Return the fields of a payload, and a sentence for each problem.

    Known fields are also found in a payload that is not a whole JSON object.
    """
    if not data.strip():
        return {}, []
    data = _as_utf8(data)
    if len(data) > _MAX_DECODED_BYTES:
        return _salvage(data), []
    problems: list[str] = []
    shallow = data
    if data.count(b"[") + data.count(b"{") > fastjson.MAX_DEPTH and _may_be_too_deep(data):
        from tokentrack.recorder.salvage import cut

        shallow = cut(data, fastjson.MAX_DEPTH)
        if shallow != data:
            problems.append(f"what is nested over {fastjson.MAX_DEPTH} levels deep was ignored")
    text = _to_text(shallow, problems)
    try:
        value = fastjson.loads(text)
    except ValueError as error:
        # The message of a decoding error can quote the payload: only its type is kept.
        problems.append(f"the payload is not JSON ({type(error).__name__})")
        return _salvage(data), problems
    if not isinstance(value, dict):
        problems.append(f"the payload is a JSON {type(value).__name__}, not an object")
        return {}, problems
    return value, problems


def _may_be_too_deep(data: bytes) -> bool:
    brackets = fastjson.structure(data, len(data))
    return brackets is not None and fastjson.may_be_too_deep(brackets)


def _to_text(data: bytes, problems: list[str]) -> str:
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        problems.append(f"the payload is not UTF-8 at byte {error.start}")
        return data.decode("utf-8", "replace")


# The first bytes of UTF-16: a byte order mark, or the NUL next to the object's brace.
_UTF_16 = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"{\0": "utf-16-le", b"\0{": "utf-16-be"}


def _as_utf8(data: bytes) -> bytes:
    encoding = _UTF_16.get(data[:2])
    return data.decode(encoding, "replace").encode("utf-8", "replace") if encoding else data


def _salvage(data: bytes) -> dict[str, Any]:
    from tokentrack.recorder.salvage import find_fields

    return find_fields(data)
