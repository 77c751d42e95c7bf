"""Find every damaged line of a file and what can be read of it: a pure function of its bytes.

A line that is a whole record is kept as it is, whatever is around it. Everything else is reported:
what can be read is kept in the ledger's own format, the rest goes to the quarantine.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tokentrack.maintenance.damage import formats, spreadsheet
from tokentrack.maintenance.damage.examination import DamagedLine, Examination, LostBytes
from tokentrack.maintenance.damage.formats import LEDGER
from tokentrack.maintenance.damage.joined import (
    bare,
    ends_whole,
    holds_another,
    is_record,
    read_record,
    split_joined,
)
from tokentrack.models.columns import COLUMNS

if TYPE_CHECKING:
    from tokentrack.maintenance.damage.formats import Dialect, Table

_BOM = b"\xef\xbb\xbf"
_BEFORE = re.compile(rb"(?:\xef\xbb\xbf|\0)*")
_MARKERS = (b"<<<<<<< ", b"||||||| ", b">>>>>>> ")
_ID = COLUMNS.index("agent_execution_id")
_ERROR = COLUMNS.index("error_occurred")
TORN = "a torn last line"


def examine(data: bytes, table: Table) -> Examination:
    """Return the records and the damaged lines of a file's bytes."""
    return _Examiner(data, table).run()


class _Conflict:
    # A merge conflict in a file: a row on both sides of it is one row.

    def __init__(self) -> None:
        self.is_open = False
        self._others: set[bytes] = set()
        self._side: set[bytes] = set()

    def mark(self, line: bytes) -> None:
        """Pass one of git's markers."""
        self._others = (self._others | self._side) if self.is_open else set()
        self._side = set()
        self.is_open = not line.startswith(b">>>>>>>")

    def repeats(self, line: bytes) -> bool:
        """Tell whether a record is on another side of the conflict too."""
        if not self.is_open:
            return False
        self._side.add(line)
        return line in self._others


class _Examiner:
    def __init__(self, data: bytes, table: Table) -> None:
        self._table = table
        self._data, form = formats.as_lines(data, table.columns)
        self._lines = self._data.split(b"\n")
        self._torn = self._lines.pop()
        self._found = Examination()
        if form:
            self._note(0, form)
        self._dialect: Dialect | None = None
        self._header = table.header
        self._width = len(table.columns)
        self._conflict = _Conflict()
        self._is_headed = False
        self._day_first = spreadsheet.day_comes_first(self._data)

    def run(self) -> Examination:
        at = 0
        while at < len(self._lines):
            at += self._take(at)
        if self._torn:
            self._take_torn(len(self._lines))
        if at or self._torn:
            self._found.lines.insert(0, self._header)
        is_empty = not self._is_headed and not self._found.records
        # NULs alone, or a torn header, are the beginning of a ledger.
        begins = self._table.header.startswith(self._data.removeprefix(_BOM).strip(b"\0\r\n"))
        self._found.is_foreign = is_empty and not begins
        return self._found

    def _note(self, at: int, reason: str) -> None:
        self._found.findings.append(DamagedLine(at + 1, reason))

    def _lose(self, at: int, reason: str, data: bytes) -> None:
        if b"\0" in data:
            reason += ", and NUL bytes, as a power loss leaves them"
        self._note(at, reason)
        self._found.lost.append(LostBytes(at + 1, reason, data))

    def _take(self, at: int) -> int:
        # Examines a line and returns how many lines that took.
        raw = self._lines[at]
        if self._is_certainly_valid(raw):
            self._found.lines.append(raw + b"\n")
            return 1
        line = self._clean(at, raw)
        if not line:
            if line == raw:
                self._note(at, "an empty line")
        elif line.startswith(_MARKERS) or (line == b"=======" and self._conflict.is_open):
            self._note(at, "a Git conflict marker: two versions were merged")
            self._conflict.mark(line)
        elif at == 0 and re.fullmatch(rb"sep=[,;\t]", line):
            self._note(at, "a spreadsheet's separator line")
        else:
            text = self._decode(at, line, raw)
            return 1 if text is None else self._take_text(at, text)
        return 1

    def _is_certainly_valid(self, raw: bytes) -> bool:
        # Nearly every line needs no closer look.
        is_own = self._dialect is not None and self._dialect.is_own
        return is_own and not self._conflict.is_open and self._table.is_valid(raw)

    def _clean(self, at: int, raw: bytes) -> bytes:
        before = _BEFORE.match(raw)
        start = before.end() if before else 0
        line = raw[start:]
        if _BOM in raw[:start]:
            self._note(at, "a byte order mark" + (" inside the file" if at else ""))
        if line.endswith(b"\r"):
            line = line[:-1]
            self._note(at, "a CR LF line ending")
        if b"\0" in raw[:start] or line.endswith(b"\0"):
            line = line.rstrip(b"\0")
            self._note(at, "NUL bytes, as a power loss leaves them")
        return line

    def _decode(self, at: int, line: bytes, raw: bytes) -> str | None:
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as error:
            reason = f"not UTF-8 at byte {error.start}"
        if self._split_joined(at, line):
            return None
        if not raw.endswith(b"\r"):
            self._lose(at, reason, raw)
            return None
        self._note(at, f"{reason}, read as Windows-1252 from a spreadsheet")
        return line.decode("cp1252", "replace")

    def _take_text(self, at: int, text: str) -> int:
        header = formats.of_header(text, self._table.columns)
        if header is not None:
            self._take_header(at, text, header)
            return 1
        if self._dialect is None and self._split_joined(at, text.encode("utf-8")):
            return 1  # the header may be one of the joined lines
        return self._take_record(at, text)

    def _take_header(self, at: int, text: str, found: Dialect) -> None:
        if self._dialect is not None:
            self._note(at, "a header inside the file: files were concatenated")
        elif found.separator != ",":
            separator = formats.SEPARATORS[found.separator]
            self._note(at, f"columns separated by {separator}: saved by a spreadsheet")
        elif not found.is_own:
            self._note(at, "the columns are not in the ledger's order")
        else:
            # Other programs may append columns.
            self._header, self._width = text.encode("utf-8") + b"\n", found.width
        self._dialect = found
        self._is_headed = True

    def _form(self, at: int, text: str) -> Dialect:
        if self._dialect is None:
            self._note(at, "no header above the first record")
            self._dialect = formats.of_record(text, self._table.columns)
        form, table = self._dialect, self._table
        # A whole record of this program is kept, also below a header of another dialect.
        if not form.is_own and not is_record(text, form, table):
            own = formats.own(table.columns)
            cells = read_record(self._lines, at, text, own, table)[0].cells
            if len(cells) == own.width and not table.problem(cells):
                return own
        return form

    def _take_record(self, at: int, text: str) -> int:
        form = self._form(at, text)
        record, taken = read_record(self._lines, at, text, form, self._table)
        problem = record.problem
        row = form.fit(record.cells) if record.cells else None
        if row is not None and holds_another(record.cells, form, self._table):
            row, problem = None, f"{len(record.cells)} columns instead of {form.width}"
        if row is None:
            if not self._split_joined(at, text.encode("utf-8")):
                self._lose(at, problem, self._lines[at])
            return 1
        problem = self._table.problem(row)
        is_undone = False
        if problem or form.separator != "," or row[_ERROR] not in ("true", "false"):
            row, is_undone = self._undo_spreadsheet(at, row, form)
            problem = "" if is_undone else problem
        if problem:
            if taken > 1 or not self._split_joined(at, text.encode("utf-8")):
                self._lose(at, problem, b"\n".join(self._lines[at : at + taken]))
            return taken
        is_changed = self._name_changes(at, text, len(record.cells), taken) or is_undone
        if is_changed or not form.is_own:
            text = self._table.encode(row)[:-1].decode("utf-8")
        self._keep(at, text)
        return taken

    def _name_changes(self, at: int, text: str, width: int, taken: int) -> bool:
        reasons = []
        if taken > 1:
            reasons.append(f"one record on {taken} lines")
        if width > self._width:
            reasons.append(f"{width} cells instead of {self._width}: the last ones are dropped")
        if "\r" in text or "\0" in text:
            reasons.append("a bare CR or NUL inside a record")
        for reason in reasons:
            self._note(at, reason)
        return bool(reasons)

    def _keep(self, at: int, text: str) -> None:
        line = text.encode("utf-8") + b"\n"
        if self._conflict.repeats(line):
            self._note(at, "the same record on both sides of a conflict")
        else:
            self._found.lines.append(line)

    def _undo_spreadsheet(self, at: int, row: list[str], form: Dialect) -> tuple[list[str], bool]:
        if self._table is not LEDGER:
            return row, False
        is_foreign = form.separator != ","
        undone = spreadsheet.undo(row, day_first=self._day_first, naive_is_utc=is_foreign)
        if not undone.kinds or self._table.problem(undone.cells):
            return row, False
        for kind in undone.kinds:
            self._note(at, kind)
        if spreadsheet.ROUNDED in undone.kinds:
            self._found.rounded.append(undone.cells[_ID])
        return undone.cells, True

    def _split_joined(self, at: int, line: bytes) -> bool:
        # Keeps the whole records of a line in which some were joined, and loses the rest.
        pieces = split_joined(line, self._width, self._table)
        whole = [number for number, piece in enumerate(pieces) if piece.is_whole]
        if len(pieces) < 2 or not whole:
            return False
        if len(whole) > 1:
            self._note(at, f"{len(whole)} lines joined into one")
        for number, piece in enumerate(pieces):
            if piece.is_whole:
                self._take_text(at, bare(piece.data).decode("utf-8"))
            elif piece.data.strip(b"\0\r"):
                where = "before" if number < whole[-1] else "after"
                self._lose(at, f"a torn record {where} another on its line", piece.data)
        return True

    def _take_torn(self, at: int) -> None:
        # Decided like the next append does it.
        line = self._torn.strip(b"\0")
        last = split_joined(line, self._width, self._table)[-1].data if line else b""
        if line and not ends_whole(last, self._dialect, self._table):
            if before := line.removesuffix(last):
                self._lines.append(before)
                self._take(at)
            self._lose(at, TORN, last if before else self._torn)
            return
        self._note(at, "no LF at the end" if line else "NUL bytes at the end")
        if line:
            self._lines.append(line)
            self._take(at)
