"""Each kind of damage: what `verify` reports, and what `repair` keeps."""

import pytest

from support.damaged import BOM, A, B, C, healthy, sheet, transactions
from support.ledgers import AT, HEADER
from support.maintained import USAGE_HEADER, row, usage_line
from tokentrack.maintenance.damage.examine import examine
from tokentrack.maintenance.damage.formats import LEDGER, USAGE
from tokentrack.models.columns import COLUMNS
from tokentrack.store import codec

# name: (bytes, lines that stay, (line, words of the reason) of each finding)
DAMAGED = {
    "concatenated": (HEADER + A + HEADER + B, [A, B], [(3, "concatenated")]),
    "concatenated with BOM": (
        HEADER + A + BOM + HEADER + B,
        [A, B],
        [(3, "byte order mark inside the file"), (3, "concatenated")],
    ),
    "CRLF": (
        (HEADER + A).replace(b"\n", b"\r\n"),
        [A],
        [(1, "CR LF"), (2, "CR LF")],
    ),
    "BOM": (BOM + HEADER + A, [A], [(1, "a byte order mark")]),
    "no header": (A + B, [A, B], [(1, "no header")]),
    "cut": (HEADER + A + B[:40], [A], [(3, "torn last line")]),
    "cut in the message": (
        HEADER + row("e", AT, error_occurred=True, error_message="it failed")[:-3],
        [],
        [(2, "torn last line")],
    ),
    "no last line feed": (HEADER + A + B[:-1], [A, B], [(3, "no LF at the end")]),
    "NUL tail": (HEADER + A + bytes(500), [A], [(3, "NUL bytes at the end")]),
    "NUL block before a row": (HEADER + A + bytes(500) + B, [A, B], [(3, "power loss")]),
    "a row cut by NULs": (
        HEADER + A[:30] + bytes(50) + b"\n" + B,
        [B],
        [(2, "power loss"), (2, "a quote is not closed")],
    ),
    "joined": (HEADER + A[:30] + B + C, [B, C], [(2, "a torn record before another")]),
    "joined whole": (HEADER + A[:-1] + B + C, [A, B, C], [(2, "2 lines joined")]),
    "four joined": (HEADER + A[:-1] + B[:-1] + C[:-1] + A, [A, B, C, A], [(2, "4 lines joined")]),
    "two joined behind a torn one": (
        HEADER + A[:30] + B[:-1] + C,
        [B, C],
        [(2, "2 lines joined"), (2, "a torn record before another")],
    ),
    "joined before a torn one": (
        HEADER + A[:-1] + B[:40] + b"\n" + C,
        [A, C],
        [(2, "a torn record after another")],
    ),
    "no line feed at all": (
        (HEADER + A + B + C).replace(b"\n", b""),
        [A, B, C],
        [(1, "no LF at the end"), (1, "4 lines joined")],
    ),
    "no line feed at all, and torn": (
        (HEADER + A + B + C[:50]).replace(b"\n", b""),
        [A, B],
        [(1, "3 lines joined"), (1, "torn last line")],
    ),
    "CR alone": ((HEADER + A + B).replace(b"\n", b"\r"), [A, B], [(1, "CR-only line endings")]),
    "CR alone below the header": (
        HEADER + (A + B + C).replace(b"\n", b"\r")[:-1] + b"\n",
        [A, B, C],
        [(2, "3 lines joined")],
    ),
    "a start of a record in a cell too many": (
        HEADER + A[:-1] + b",2026-01-01T00:00:00Z,x\n" + B,
        [B],
        [(2, "14 columns instead of 12")],
    ),
    "torn inside a character": (
        HEADER + b"2026-01-01T00:00:00.000Z,ab,2,,\xef" + B + C,
        [B, C],
        [(2, "a torn record before another")],
    ),
    "torn inside a quote": (
        HEADER + A[:34] + b"\n" + B + C,
        [B, C],
        [(2, "a quote is not closed")],
    ),
    "empty line": (HEADER + A + b"\n" + B, [A, B], [(3, "empty line")]),
    "invalid UTF-8": (HEADER + A.replace(b"say", b"s\xffy") + B, [B], [(2, "not UTF-8")]),
    "git conflict": (
        HEADER + A + b"<<<<<<< HEAD\n" + B + b"=======\n" + B + C + b">>>>>>> main\n",
        [A, B, C],
        [(3, "conflict marker"), (5, "conflict"), (6, "both sides"), (8, "conflict")],
    ),
    "not a row": (HEADER + b"milk, bread\n" + A, [A], [(2, "2 columns instead of 12")]),
    "quoted line feed": (
        HEADER + A.replace(b" x", b" x\ny") + B,
        [A.replace(b" x", b" x\\ny"), B],
        [(2, "one record on 2 lines")],
    ),
    "too many cells": (HEADER + A[:-1] + b",more\n", [A], [(2, "13 cells")]),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_each_damage_is_named_and_the_readable_rows_stay(name):
    data, kept, wanted = DAMAGED[name]
    found = examine(data, LEDGER)
    assert found.lines == [HEADER, *kept]
    assert len(found.findings) == len(wanted)
    for finding, (line, words) in zip(found.findings, wanted, strict=True):
        assert finding.line == line
        assert words in finding.reason
    healthy(found)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("tokens_used", "1.23456E+05", "123456"),
        ("tokens_used", "1,2e+05", "120000"),
        ("tokens_used", "123456.0", "123456"),
        ("error_occurred", "FALSE", "false"),
        ("error_occurred", "FALSCH", "false"),
        ("timestamp", "2025-10-09 08:53", "2025-10-09T08:53:00.000Z"),
        ("timestamp", "09.10.2025 08:53:22", "2025-10-09T08:53:22.000Z"),
        ("timestamp", "10/19/25 8:53 PM", "2025-10-19T20:53:00.000Z"),
        ("timestamp", "45939.5", "2025-10-09T12:00:00.000Z"),
    ],
)
def test_a_spreadsheets_cells_are_read_back(separator, column, cell, value):
    found = examine(sheet(separator, [A, C], **{column: cell}), LEDGER)
    wanted = {**dict(zip(COLUMNS, transactions([C])[0].to_csv_row(), strict=True)), column: value}
    assert transactions(found.lines[1:])[1].to_csv_row() == list(wanted.values())
    reasons = " ".join(finding.reason for finding in found.findings)
    assert "spreadsheet" in reasons
    assert "byte order mark" in reasons
    assert found.rounded == (["a", "c"] if "e+" in cell.lower() else [])
    healthy(found)


def test_a_date_that_can_be_two_days_is_set_aside():
    found = examine(sheet(",", [A], timestamp="1/2/2026 10:00"), LEDGER)
    assert [lost.line for lost in found.lost] == [2]
    found = examine(sheet(",", [A], timestamp="1/2/2026 10:00") + b"13/2/2026 10:00,x\r\n", LEDGER)
    assert found.lines[1].startswith(b"2026-02-01T10:00:00.000Z")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("separator", [",", "\t"])
def test_unicode_text_of_a_spreadsheet_is_read_back(encoding, separator):
    data = sheet(separator, [A, C]).decode().encode(encoding)
    found = examine(data, LEDGER)
    assert transactions(found.lines[1:]) == transactions([A, C])
    assert "UTF-16" in found.findings[0].reason
    assert not [finding for finding in found.findings if "power loss" in finding.reason]
    healthy(found)


def test_windows_1252_is_read_where_a_spreadsheet_wrote_it():
    found = examine(sheet(";", [C]).decode().encode("cp1252", "ignore"), LEDGER)
    assert transactions(found.lines[1:]) == transactions([C])


def test_columns_of_others_and_their_order_are_understood():
    extra = HEADER[:-1] + b",team\n" + A[:-1] + b",red\n" + B
    assert examine(extra, LEDGER).findings == []
    order = [*COLUMNS[1:], COLUMNS[0]]
    moved = codec.encode_line(order) + codec.encode_line(
        [*codec.decode_line(A[:-1].decode())[1:], codec.decode_line(A[:-1].decode())[0]]
    )
    found = examine(moved, LEDGER)
    assert found.lines == [HEADER, A]
    assert "order" in found.findings[0].reason


def test_the_usage_ledger_is_examined_too():
    line = usage_line("a", AT)
    found = examine(USAGE_HEADER + line + USAGE_HEADER + line[:9] + b"\n" + line, USAGE)
    assert found.lines == [USAGE_HEADER, line, line]
    assert [finding.line for finding in found.findings] == [3, 4]


def test_usage_rows_that_were_joined_are_not_mixed():
    line = usage_line("a", AT)
    joined = line[:-1] + usage_line("b", AT)
    found = examine(USAGE_HEADER + joined + line, USAGE)
    assert found.lines == [USAGE_HEADER, line]
    assert [lost.data for lost in found.lost] == [joined[:-1]]
