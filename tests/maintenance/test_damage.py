"""What verify names and what repair makes of it."""

import csv
import io
import os
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.examples import at_most
from support.ledgers import AT, HEADER
from support.maintained import USAGE_HEADER, Maintained, row, usage_line
from tokentrack.common.timestamps import now_us
from tokentrack.errors import ValidationError
from tokentrack.maintenance.damage.examine import examine
from tokentrack.maintenance.damage.formats import LEDGER, USAGE
from tokentrack.maintenance.damage.joined import Piece, split_joined
from tokentrack.maintenance.repair import repair
from tokentrack.maintenance.verify import verify
from tokentrack.models.columns import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.store import codec
from tokentrack.store.reader import read_records

A = row("a", AT, prompt_text='say "hi", x')
B = row("b", AT + 1_000_000)
C = row("c", AT + 2_123_000, prompt_text="ü;ü", tokens_used=123456, elapsed_time=1.25)
BOM = b"\xef\xbb\xbf"


def sheet(separator: str, rows: list[bytes], **changed: str) -> bytes:
    """Return rows as a spreadsheet saves them: its separator, BOM, CRLF, cells by column."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for line in rows:
        cells = dict(zip(COLUMNS, codec.split_line(line[:-1].decode()), strict=True))
        writer.writerow({**cells, **changed}.values())
    return BOM + out.getvalue().encode()


def broken_over_lines(line: bytes) -> bytes:
    """Return a row with its line feeds inside quotes, as other programs write them."""
    cells = [
        "\n".join(codec.split_line(codec.encode_line([part])[:-1].decode())[0]
                  for part in cell.split("\n"))
        for cell in codec.decode_line(line[:-1].decode())
    ]  # fmt: skip
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue().encode()


def transactions(lines: list[bytes]) -> list[TokenTransaction]:
    cells = [codec.decode_line(line[:-1].decode()) for line in lines]
    return [TokenTransaction.from_csv_row(row) for row in cells]


def healthy(found) -> None:
    again = examine(b"".join(found.lines), LEDGER)
    assert (again.findings, again.lines) == ([], found.lines)


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
    "no last line feed": (HEADER + A + B[:-1], [A, B], [(3, "no line feed")]),
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
        [(1, "no line feed"), (1, "4 lines joined")],
    ),
    "no line feed at all, and torn": (
        (HEADER + A + B + C[:50]).replace(b"\n", b""),
        [A, B],
        [(1, "3 lines joined"), (1, "torn last line")],
    ),
    "CR alone": ((HEADER + A + B).replace(b"\n", b"\r"), [A, B], [(1, "CR alone")]),
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


# --- what repair leaves on the disk ---


@pytest.fixture
def space(tmp_path):
    return Maintained(tmp_path)


def state_of(space):
    found = {}
    for path in sorted(space.root.rglob("*")):
        if path.is_file():
            found[path] = (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
    return found


def mended(space):
    with space.lock_for_repair() as ledger:
        return repair(ledger, now_us())


def test_repair_keeps_the_original_and_what_it_could_not_read(space):
    data = HEADER + A + b"milk\n" + B + C[:20]
    space.write("token_transactions.csv", data)
    assert "2 records kept, 2 unreadable lines quarantined" in space.run("repair")
    assert space.ledger.read_bytes() == HEADER + A + B
    quarantine = space.state / "quarantine"
    (original,) = quarantine.glob("token_transactions_damaged_????????_??????.csv")
    assert original.read_bytes() == data
    (lines,) = quarantine.glob("*_lines.txt")
    assert lines.read_bytes() == (
        b"line 3: 1 columns instead of 12\nmilk\nline 5: a torn last line\n" + C[:20] + b"\n"
    )
    assert {path.stat().st_mode & 0o777 for path in quarantine.iterdir()} == {0o600}


def test_repair_does_nothing_to_a_healthy_ledger_and_nothing_twice(space):
    space.fill([1, 2])
    before = state_of(space)
    assert "nothing to repair" in space.run("repair")
    assert "healthy" in space.run("verify")
    assert state_of(space) == before
    space.ledger.write_bytes(space.ledger.read_bytes() + b"milk\n")
    space.run("repair")
    before = state_of(space)
    assert mended(space) == []
    assert {path: kept for path, kept in state_of(space).items() if path in before} == before


@pytest.mark.slow
@pytest.mark.parametrize("data", [b"milk\nbread\n", b"\x89PNG\r\n\x1a\n\xff", b"name,age\na,1\n"])
def test_repair_leaves_a_file_alone_that_is_no_ledger_and_mends_the_others(space, data):
    space.write("token_transactions.csv", data)
    space.write("token_transactions_20260101.csv", HEADER + A + b"milk\n")
    assert "not a ledger" in space.run("verify", code=1)
    for words in (["repair", "--dry-run"], ["repair"]):
        said = space.run(*words, code=1)
        assert f"{space.ledger}: not a ledger " in said
        assert "move or rename it" in said
    assert space.ledger.read_bytes() == data
    assert space.read("token_transactions_20260101.csv") == HEADER + A


@pytest.mark.parametrize("data", [bytes(500), HEADER[:20], b"\n\n"])
def test_what_is_left_of_a_new_ledger_is_no_foreign_file(space, data):
    space.write("token_transactions.csv", data)
    space.run("repair")
    assert space.ledger.read_bytes() in (HEADER, b"")


def test_a_dry_run_of_repair_writes_nothing(space):
    space.write("token_transactions.csv", HEADER + A + b"milk\n")
    before = state_of(space)
    assert "1 unreadable line would be quarantined" in space.run("repair", "--dry-run")
    assert state_of(space) == before


def test_verify_names_file_line_and_reason_and_exits_with_1(space):
    space.write("token_transactions.csv", HEADER + A + b"milk\n")
    shown = space.run("verify", code=1)
    assert "token_transactions.csv:3: 1 columns instead of 12" in shown
    assert '"line": 3' in space.run("verify", "--json", code=1)


def test_a_damaged_compressed_archive_gives_back_what_it_can(space):
    lines = [row(f"e{n}", AT + n, prompt_text=os.urandom(30).hex()) for n in range(3000)]
    path = space.write("token_transactions_20260101.csv.gz", HEADER + b"".join(lines))
    cut = path.read_bytes()[:-50_000]
    path.write_bytes(cut)
    assert "archive is damaged" in space.run("verify", code=1)
    (file,) = mended(space)
    assert file.file.found.records > 1000
    kept = space.read(path.name).removeprefix(HEADER).split(b"\n")[:-1]
    assert [line + b"\n" for line in kept] == lines[: len(kept)]
    assert (space.state / "quarantine" / file.original).read_bytes() == cut
    assert mended(space) == []


def test_a_number_that_a_spreadsheet_shortened_is_marked_as_an_estimate(space):
    space.write("token_usage.csv", USAGE_HEADER + usage_line("c", AT).replace(b"estim", b"report"))
    space.write("token_transactions.csv", sheet(";", [C], tokens_used="1,2E+05"))
    mended(space)
    last = codec.decode_line(space.usage.read_text().split("\n")[-2])
    assert (last[0], last[10], last[12]) == ("c", "estimated", "rounded-by-spreadsheet")
    assert [row[2] for row in space.rows()] == ["120000"]


def test_an_unfinished_last_line_of_a_writer_is_not_damage_under_the_lock(space):
    space.write("token_transactions.csv", HEADER + A + B[:20])
    with space.open_ledger():
        (file,) = verify(space.paths, type(space.config)(file_lock_timeout_seconds=0.0))
    assert file.found.findings  # the holder did not finish: it is what the file holds


def test_restored_rows_of_one_execution_keep_their_places(space):
    # Rows of one id can stand between others.
    later = [row("a", AT + n, tokens_used=n) for n in range(1, 3)]
    rows = [A, B, later[0], C, later[1]]
    space.write("token_transactions_backup_20260101_000000.csv", HEADER + b"".join(rows))
    space.write("token_transactions.csv", HEADER)
    space.run("restore", "--yes")
    assert space.ledger.read_bytes() == HEADER + b"".join(rows)


# --- whatever bytes ---

TEXT = st.text(st.characters(exclude_categories=()), max_size=12)


@st.composite
def ledgers(draw):
    texts = draw(st.lists(TEXT, min_size=1, max_size=6))
    return [
        row(f"e{n}", AT + n * 1000, prompt_text=text, error_occurred=n % 2 == 1,
            error_message=text if n % 2 else "")
        for n, text in enumerate(texts)
    ]  # fmt: skip


@st.composite
def mutations(draw, data: bytes):
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(1, 40))
        kind = draw(st.sampled_from(["flip", "insert", "delete", "nul", "cut", "concat", "token"]))
        if kind == "flip" and at < len(data):
            data = data[:at] + bytes([data[at] ^ (1 << draw(st.integers(0, 7)))]) + data[at + 1 :]
        elif kind == "insert":
            data = data[:at] + draw(st.binary(max_size=length)) + data[at:]
        elif kind == "delete":
            data = data[:at] + data[at + length :]
        elif kind == "nul":
            data = data[:at] + bytes(length) + data[at + draw(st.sampled_from([0, length])) :]
        elif kind == "cut":
            data = data[:at]
        elif kind == "concat":
            data += data[: draw(st.integers(0, len(data)))]
        else:
            token = draw(st.sampled_from([b'"', b",", b"\n", b"\r\n", BOM, b"=======\n", HEADER]))
            data = data[:at] + token + data[at:]
    return data


def intact_lines(data: bytes, rows: list[bytes]) -> set[bytes]:
    """Return the rows that still stand in the bytes as lines of their own."""
    standing = {line + b"\n" for line in data.split(b"\n")[:-1]}
    return standing & set(rows)


@given(st.data())
def test_every_intact_row_survives_any_damage_and_repair_is_idempotent(choice):
    rows = choice.draw(ledgers())
    data = choice.draw(mutations(HEADER + b"".join(rows)))
    found = examine(data, LEDGER)
    assert intact_lines(data, rows) <= set(found.lines)
    if found.findings:
        healthy(found)
    else:
        assert b"".join(found.lines) == data


def read(data: bytes) -> set[TokenTransaction]:
    """Return the valid records that the reader finds, on one line or on several."""
    found = set()
    for record in read_records(io.BytesIO(data), COLUMNS):
        try:
            found.add(TokenTransaction.from_csv_row(record.cells))
        except ValidationError:
            continue
    return found


@given(st.data())
def test_what_the_reader_reads_is_still_read_after_a_repair(choice):
    rows = choice.draw(ledgers())
    if choice.draw(st.booleans()):
        rows = [broken_over_lines(line) for line in rows]
    data = choice.draw(mutations(HEADER + b"".join(rows)))
    lost = read(data) - read(b"".join(examine(data, LEDGER).lines))
    # At a line's ends, NULs and byte order marks are damage and no part of a cell.
    assert not [item for item in lost if not {"\0", "\ufeff"} & set("".join(item.to_csv_row()))]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_cell_on_several_lines_is_read_alike_before_and_after_a_repair(end):
    foreign = A.replace(b'"say ""hi"", x"', b'"first' + end + b"second," + end * 2 + b'"""')[:-1]
    data = HEADER + foreign + end + B
    (before,) = read(data) - {TokenTransaction.from_csv_row(codec.decode_line(B[:-1].decode()))}
    assert before.prompt_text == 'first{0}second,{0}{0}"'.format(end.decode())
    assert read(b"".join(examine(data, LEDGER).lines)) == read(data)


def test_a_cell_with_a_record_and_more_on_one_of_its_lines_is_read_alike():
    pasted = A.replace(b'"say ""hi"", x"', b'"\n' + B[:-1] + b',x"')
    assert len(read(HEADER + pasted + C)) == 2
    assert read(b"".join(examine(HEADER + pasted + C, LEDGER).lines)) == read(HEADER + pasted + C)


@settings(max_examples=at_most(25))
@given(st.data())
def test_on_the_disk_the_original_is_kept_and_the_result_is_healthy(choice):
    data = choice.draw(mutations(HEADER + b"".join(choice.draw(ledgers()))))
    with tempfile.TemporaryDirectory() as folder:
        space = Maintained(folder)
        space.write("token_transactions.csv", data)
        repaired = mended(space)
        found = examine(data, LEDGER)
        assert bool(repaired) == bool(found.findings and not found.is_foreign)
        assert mended(space) == []
        assert repaired or space.ledger.read_bytes() == data
        for file in repaired:
            assert (space.state / "quarantine" / file.original).read_bytes() == data


class Counted(bytes):
    """A line that counts the bytes that are copied from it and joined again."""

    copied = 0

    def __getitem__(self, key):
        return self._count(bytes(self)[key])

    def __add__(self, other):
        return self._count(bytes(self) + other)

    def __radd__(self, other):
        return self._count(other + bytes(self))

    def _count(self, piece):
        Counted.copied += len(piece)
        return Counted(piece)


START = b"2026-01-01T00:00:00Z,"


@pytest.mark.parametrize("piece", [START, START + b'"', b'"' + START, START + b'",'])
def test_what_is_split_in_a_line_without_a_record_grows_with_its_length(piece):
    # Many starts of records and no whole one.
    line = piece * 2000
    Counted.copied = 0
    assert split_joined(Counted(line), len(COLUMNS), LEDGER) == [Piece(line, is_whole=False)]
    assert Counted.copied < 100 * len(line)


def test_behind_a_row_torn_at_any_byte_every_whole_row_on_its_line_is_kept():
    whole = [row("w1", AT, prompt_text='"é", 2026-01-01T00:00:00Z, ü'), B, C]
    texts = {
        "prompt_text": 'é🎈 "a, b"',
        "session_id": "日本",
        "hook_name": "ñ, 2026",
        "file_patterns": ["ä"],
    }
    torn = row("torn", AT, **texts, error_occurred=True, error_message="Ö, “x”")
    for length in range(1, len(torn)):
        for count in (1, 2, 3):
            joined = torn[:length] + b"".join(line[:-1] for line in whole[:count]) + b"\n"
            kept = examine(HEADER + joined + A, LEDGER).lines
            assert [line for line in kept if line in whole] == whole[:count], (length, count)
            assert kept[-1] == A


@given(st.data())
def test_rows_joined_in_any_way_are_kept_whole_and_in_order(choice):
    rows = choice.draw(ledgers())
    ends = choice.draw(st.lists(st.sampled_from([b"\n", b"", b"\r", bytes(9)]), min_size=len(rows),
                                max_size=len(rows)))  # fmt: skip
    torn = choice.draw(st.integers(0, len(rows[0]) - 1))
    joined = b"".join(line[:-1] + end for line, end in zip(rows, ends, strict=True))
    found = examine(HEADER + rows[0][:torn] + joined + b"\n", LEDGER)
    assert [line for line in found.lines if line in rows][-len(rows) :] == rows
    healthy(found)


@given(st.data())
def test_a_line_that_needs_no_closer_look_has_nothing_wrong(choice):
    lines = choice.draw(mutations(b"".join(choice.draw(ledgers())))).split(b"\n")
    for line in lines:
        if LEDGER.is_valid(line):
            cells = codec.decode_line(line.decode())
            assert len(cells) == len(COLUMNS)
            assert LEDGER.problem(cells) == ""
            assert cells[10] in ("true", "false")


def test_a_repair_that_joins_lines_as_csv_does_would_be_caught():
    # The control: with the standard module's reader an open quote swallows the rows after it.
    data = HEADER + A[:34] + b"\n" + B + C
    swallowed = csv.reader(io.StringIO(data.decode(), newline=""))
    lines = {codec.encode_line(cells) for cells in swallowed}
    assert intact_lines(data, [B, C]) == {B, C}
    assert not {B, C} <= lines
    assert {B, C} <= set(examine(data, LEDGER).lines)


# --- a repair undoes the damage that loses nothing ---

TRICKY = ["a\nb", '"\n"', "\\\n\\", "\n" * 3, "2026-01-01T00:00:00Z,", ",,\n,", "x\n<<<<<<< y\n",
          "sep=;", "=======", HEADER.decode(), "\\n", ";\t;"]  # fmt: skip
LINE_TEXT = st.sampled_from(TRICKY) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=12
)


def reordered(rows: list[bytes]) -> bytes:
    """Return a ledger with its columns the other way round and a column of others."""
    lines = [HEADER, *rows]
    cells = [codec.split_line(line[:-1].decode())[::-1] for line in lines]
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(
        [[*row, "team" if number == 0 else "red"] for number, row in enumerate(cells)]
    )
    return out.getvalue().encode()


HARMLESS = {
    "BOM": lambda rows: BOM + HEADER + b"".join(rows),
    "CRLF": lambda rows: (HEADER + b"".join(rows)).replace(b"\n", b"\r\n"),
    "CR": lambda rows: (HEADER + b"".join(rows)).replace(b"\n", b"\r"),
    "semicolons": lambda rows: sheet(";", rows),
    "tabs": lambda rows: sheet("\t", rows),
    "UTF-16": lambda rows: sheet("\t", rows).decode("utf-8").encode("utf-16-le"),
    "columns of others": reordered,
    "quoted line feeds": lambda rows: HEADER + b"".join(map(broken_over_lines, rows)),
    "a header between all": lambda rows: b"".join(HEADER + line for line in rows),
    "no header": b"".join,
    "NULs": lambda rows: HEADER + b"".join(bytes(9) + line for line in rows) + bytes(50),
    "empty lines": lambda rows: HEADER + b"\n".join(rows) + b"\n",
    "both sides of a conflict": lambda rows: (
        HEADER + rows[0] + b"<<<<<<< HEAD\n" + b"".join(rows[1:]) + b"=======\n"
        + b"".join(rows[1:]) + b">>>>>>> main\n"
    ),
    "joined": lambda rows: HEADER + b"".join(line[:-1] for line in rows) + b"\n",
}  # fmt: skip


@pytest.mark.parametrize("name", HARMLESS)
@settings(max_examples=60)
@given(texts=st.lists(LINE_TEXT, min_size=1, max_size=5))
def test_a_repair_after_damage_gives_back_every_byte(name, texts):
    rows = [row(f"e{n}", AT + n * 1000, prompt_text=text) for n, text in enumerate(texts)]
    found = examine(HARMLESS[name](rows), LEDGER)
    assert found.lines == [HEADER, *rows]
    assert found.lost == []
    healthy(found)
