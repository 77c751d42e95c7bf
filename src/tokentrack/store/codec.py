r"""One record as one physical line of CSV, and back.

LF, CR and NUL are stored as the two characters `\n`, `\r`, `\0`, a lone surrogate as `\udXXX`. So
that a ledger can be printed, other control characters and those that change the direction of text
are stored as `\u00XX`, `\u061c` and `\u20XX`. A run of backslashes is doubled only where it would
otherwise read as such an escape, so `C:\Users` stays as it is and `C:\new` becomes `C:\\new`. Cells
are quoted only where necessary, as `csv.writer` does; importing `csv` would cost the hook 5 ms.
"""

from __future__ import annotations

_CONTROLS = {"\n": "\\n", "\r": "\\r", "\0": "\\0"}
_ESCAPED = {"n": "\n", "r": "\r", "0": "\0"}
_HEX = frozenset("0123456789abcdef")
# C0 but TAB and the three above, DEL, C1, and the marks, embeddings and isolates of bidi text.
_CODES = [
    *range(0x01, 0x09), 0x0B, 0x0C, *range(0x0E, 0x20), *range(0x7F, 0xA0), 0x061C, 0x200E, 0x200F,
    *range(0x202A, 0x202F), *range(0x2066, 0x206A),
]  # fmt: skip
_STORED = {code: f"\\u{code:04x}" for code in _CODES}
_DIGITS = {f"{code:04x}" for code in _CODES}


def encode_line(fields: list[str]) -> bytes:
    """Return the fields as one line of UTF-8 with its line feed."""
    return (",".join([_quote(_escape(field)) for field in fields]) + "\n").encode("utf-8")


def decode_line(line: str) -> list[str]:
    """Return the fields of one line without its line end.

    Raises:
        ValueError: a quote is not closed, or text follows a closing quote.
    """
    return [unescape(field) for field in split_line(line)]


def _quote(field: str) -> str:
    if '"' in field:
        return '"' + field.replace('"', '""') + '"'
    return f'"{field}"' if "," in field else field


def _escape(text: str) -> str:
    if "\\" in text:
        text = _double_ambiguous(text)
    for raw, stored in _CONTROLS.items():
        if raw in text:
            text = text.replace(raw, stored)
    if not text.isprintable():
        text = text.translate(_STORED)
    # A lone surrogate has no UTF-8 form and is stored as its escape.
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _double_ambiguous(text: str) -> str:
    out: list[str] = []
    done = 0
    while (start := text.find("\\", done)) >= 0:
        end = _end_of_run(text, start)
        out.append(text[done:end])
        if _reads_as_escape(text, end) or _is_stored_escaped(text[end : end + 1]):
            out.append(text[start:end])
        done = end
    out.append(text[done:])
    return "".join(out)


def _end_of_run(text: str, start: int) -> int:
    end = start
    while text[end : end + 1] == "\\":
        end += 1
    return end


def _reads_as_escape(text: str, at: int) -> bool:
    letter = text[at : at + 1]
    return letter != "" and (letter in _ESCAPED or (letter == "u" and _is_code(text, at)))


def _is_stored_escaped(char: str) -> bool:
    return char != "" and (
        char in _CONTROLS or ord(char) in _STORED or "\ud800" <= char <= "\udfff"
    )


def _is_code(text: str, at: int) -> bool:
    digits = text[at + 1 : at + 5]
    return digits in _DIGITS or (
        len(digits) == 4
        and digits[0] == "d"
        and digits[1] in "89abcdef"
        and _HEX.issuperset(digits)
    )


def unescape(text: str) -> str:
    """Return the text of a stored field."""
    if "\\" not in text:
        return text
    out: list[str] = []
    done = 0
    while (start := text.find("\\", done)) >= 0:
        end = _end_of_run(text, start)
        out.append(text[done:start])
        done = end
        if not _reads_as_escape(text, end):
            out.append(text[start:end])
            continue
        out.append("\\" * ((end - start) // 2))
        if (end - start) % 2:
            has_code = text[end] == "u"
            out.append(chr(int(text[end + 1 : end + 5], 16)) if has_code else _ESCAPED[text[end]])
            done = end + (5 if has_code else 1)
    out.append(text[done:])
    return "".join(out)


def split_line(line: str) -> list[str]:
    """Return the stored fields of one line, unquoted but still escaped.

    Raises:
        ValueError: a quote is not closed, or text follows a closing quote.
    """
    if '"' not in line:
        return line.split(",")
    fields: list[str] = []
    at = 0
    while True:
        field, at = _field_at(line, at)
        fields.append(field)
        if at >= len(line):
            return fields
        at += 1


def _field_at(line: str, at: int) -> tuple[str, int]:
    if line[at : at + 1] != '"':
        end = line.find(",", at)
        end = len(line) if end < 0 else end
        return line[at:end], end if end < len(line) else len(line) + 1
    close = at + 1
    while True:
        close = line.find('"', close)
        if close < 0:
            raise ValueError("a quote is not closed")
        if line[close + 1 : close + 2] != '"':
            break
        close += 2
    if line[close + 1 : close + 2] not in ("", ","):
        raise ValueError("text after a closing quote")
    end = close + 1
    return line[at + 1 : close].replace('""', '"'), end if end < len(line) else len(line) + 1
