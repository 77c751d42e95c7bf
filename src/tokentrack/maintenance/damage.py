"""Find every damaged place of a file and what can be saved: a pure function of its bytes.

A line that is a whole record is kept as it is, whatever stands around it. Everything else is
named: what can be read is kept in the ledger's form, the rest is for the quarantine.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tokentrack.maintenance import dialect, spreadsheet
from tokentrack.maintenance.findings import Conflict, Examination, Finding, Lost
from tokentrack.maintenance.records import is_record, is_whole, parts_of, read_record
from tokentrack.maintenance.tables import LEDGER
from tokentrack.models.fields import COLUMNS

if TYPE_CHECKING:
    from tokentrack.maintenance.dialect import Dialect
    from tokentrack.maintenance.tables import Table

_BOM = b"\xef\xbb\xbf"
_BEFORE = re.compile(rb"(?:\xef\xbb\xbf|\0)*")
_MARKERS = (b"<<<<<<< ", b"||||||| ", b">>>>>>> ")
_ID = COLUMNS.index("agent_execution_id")
_ERROR = COLUMNS.index("error_occurred")
_MESSAGE = COLUMNS.index("error_message")


def examine(data: bytes, table: Table) -> Examination:
    """Return the records and the damaged places of a file's bytes."""
    return _Examiner(data, table).run()


class _Examiner:
    def __init__(self, data: bytes, table: Table) -> None:
        self._table = table
        self._lines = data.split(b"\n")
        self._torn = self._lines.pop()
        self._found = Examination()
        self._dialect: Dialect | None = None
        self._header = table.header
        self._width = len(table.columns)
        self._conflict = Conflict()
        self._day_first = spreadsheet.day_comes_first(data)

    def run(self) -> Examination:
        at = 0
        while at < len(self._lines):
            at += self._take(at)
        if self._torn:
            self._take_torn(len(self._lines))
        if at or self._torn:
            self._found.lines.insert(0, self._header)
        return self._found

    def _note(self, at: int, reason: str) -> None:
        self._found.findings.append(Finding(at + 1, reason))

    def _lose(self, at: int, reason: str, data: bytes) -> None:
        self._note(at, f"{reason}: set aside")
        self._found.lost.append(Lost(at + 1, reason, data))

    def _take(self, at: int) -> int:
        # Deals with the line and returns how many it took.
        raw = self._lines[at]
        line = self._clean(at, raw)
        if not line:
            if line == raw:
                self._note(at, "an empty line")
        elif line.startswith(_MARKERS) or (line == b"=======" and self._conflict.is_open):
            self._note(at, "a conflict marker of git: two versions were merged")
            self._conflict.mark(line)
        elif at == 0 and re.fullmatch(rb"sep=[,;\t]", line):
            self._note(at, "a spreadsheet's line about separators")
        else:
            text = self._decode(at, line, raw)
            return 1 if text is None else self._take_text(at, text)
        return 1

    def _clean(self, at: int, raw: bytes) -> bytes:
        before = _BEFORE.match(raw)
        start = before.end() if before else 0
        line = raw[start:]
        if _BOM in raw[:start]:
            self._note(at, "a byte order mark" + (" inside the file" if at else ""))
        if line.endswith(b"\r"):
            line = line[:-1]
            self._note(at, "a line end of CR LF")
        if b"\0" in raw[:start] or line.endswith(b"\0"):
            line = line.rstrip(b"\0")
            self._note(at, "NUL bytes, as a power loss leaves them")
        return line

    def _decode(self, at: int, line: bytes, raw: bytes) -> str | None:
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as error:
            reason = f"not UTF-8 at byte {error.start}"
        if not raw.endswith(b"\r"):
            self._lose(at, reason, raw)
            return None
        self._note(at, f"{reason}, read as the Windows-1252 of a spreadsheet")
        return line.decode("cp1252", "replace")

    def _take_text(self, at: int, text: str) -> int:
        header = dialect.of_header(text, self._table.columns)
        if header is not None:
            self._take_header(at, text, header)
            return 1
        return self._take_record(at, text)

    def _take_header(self, at: int, text: str, found: Dialect) -> None:
        if self._dialect is not None:
            self._note(at, "a header inside the file: files were concatenated")
        elif found.separator != ",":
            separator = dialect.SEPARATORS[found.separator]
            self._note(at, f"columns separated by {separator}: saved by a spreadsheet")
        elif not found.is_own:
            self._note(at, "the columns are not in the ledger's order")
        else:
            # Others may put columns behind the ledger's.
            self._header, self._width = text.encode("utf-8") + b"\n", found.width
        self._dialect = found

    def _form(self, at: int, text: str) -> Dialect:
        if self._dialect is None:
            self._note(at, "no header above the first record")
            self._dialect = dialect.of_record(text, self._table.columns)
        form, table = self._dialect, self._table
        # A whole record of this program stays one, also below a header that says otherwise.
        if not form.is_own and is_whole(text, table) and not is_record(text, form, table):
            return dialect.own(table.columns)
        return form

    def _take_record(self, at: int, text: str) -> int:
        form = self._form(at, text)
        cells, problem, taken = read_record(self._lines, at, text, form, self._table)
        row = form.fit(cells) if cells else None
        if row is None:
            if not self._part(at, text, is_torn=True):
                self._lose(at, problem, self._lines[at])
            return 1
        if len(cells) > form.width and self._part(at, text, is_torn=False):
            return taken
        problem = self._table.problem(row)
        is_mended = False
        if problem or form.separator != "," or self._has_foreign_flag(row):
            row, is_mended = self._mend(at, row, form)
            problem = "" if is_mended else problem
        if problem:
            if taken > 1 or not self._part(at, text, is_torn=True):
                self._lose(at, problem, b"\n".join(self._lines[at : at + taken]))
            return taken
        is_changed = self._name_changes(at, text, len(cells), taken) or is_mended
        if is_changed or not form.is_own:
            text = self._table.encode(row)[:-1].decode("utf-8")
        self._keep(at, text)
        return taken

    def _name_changes(self, at: int, text: str, width: int, taken: int) -> bool:
        reasons = []
        if taken > 1:
            reasons.append(f"one record on {taken} lines")
        if width > self._width:
            reasons.append(f"{width} cells instead of {self._width}: the last are left out")
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

    def _has_foreign_flag(self, row: list[str]) -> bool:
        return self._table is LEDGER and row[_ERROR] not in ("true", "false")

    def _mend(self, at: int, row: list[str], form: Dialect) -> tuple[list[str], bool]:
        if self._table is not LEDGER:
            return row, False
        is_foreign = form.separator != ","
        mended = spreadsheet.mend(row, day_first=self._day_first, naive_is_utc=is_foreign)
        if not mended.kinds or self._table.problem(mended.cells):
            return row, False
        for kind in mended.kinds:
            self._note(at, kind)
        if spreadsheet.ROUNDED in mended.kinds:
            self._found.rounded.append(mended.cells[_ID])
        return mended.cells, True

    def _part(self, at: int, text: str, *, is_torn: bool) -> bool:
        # A record behind a torn one on its line. Where the line is a record by itself, with too
        # many cells, both parts must be whole.
        for head, rest in parts_of(text, self._table):
            if is_whole(head, self._table):
                self._note(at, "two records on one line")
                self._keep(at, head)
            elif is_torn:
                self._lose(at, "a torn record before another on its line", head.encode("utf-8"))
            else:
                continue
            self._keep(at, rest)
            return True
        return False

    def _take_torn(self, at: int) -> None:
        # As the next append would decide it: only a record that ends in an empty message of an
        # execution without an error can't be cut.
        self._lines.append(self._torn)
        line = self._torn.strip(b"\0")
        if line and not self._ends_whole(line):
            self._lose(at, "a torn last line", self._torn)
        else:
            self._note(at, "no line feed at the end" if line else "NUL bytes at the end")
            if line:
                self._take(at)

    def _ends_whole(self, line: bytes) -> bool:
        form = self._dialect or dialect.own(self._table.columns)
        try:
            text = line.removeprefix(_BOM).decode("utf-8")
            row = form.fit(dialect.split(text, form.separator))
        except ValueError:
            return False
        if dialect.of_header(text, self._table.columns) is not None:
            return True
        # Where a message follows, the flag before it is in quotes.
        quoted = text.endswith(f'"{form.separator}')
        if self._table is not LEDGER or row is None or quoted:
            return False
        mended = spreadsheet.mend(row, day_first=self._day_first, naive_is_utc=True).cells
        return mended[_ERROR] == "false" and not mended[_MESSAGE]
