"""Files are read in blocks as `store.reader` reads them, from any offset on."""

from __future__ import annotations

import gzip
import io
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.ledgers import HEADER, line_of, transaction
from support.texts import TEXT
from tokentrack.models.columns import COLUMNS
from tokentrack.reports.index import file_reader
from tokentrack.reports.index.cells import text_of
from tokentrack.reports.index.file_reader import Block, FileReader, Position
from tokentrack.store.archives import open_ledger_file
from tokentrack.store.reader import read_records

ONE, TWO, THREE = (line_of(transaction(f"row-{n}", prompt_text='a "b", c')) for n in (1, 2, 3))
OPEN = b'2026-01-01T00:00:00.000Z,"it was never\n'
FOREIGN = ONE.replace(b'"a ""b"", c"', b'"first\nsecond, \n\nfourth"')
BOM = b"\xef\xbb\xbf"
PIECES = [
    ONE, TWO, THREE, line_of(transaction("plain", prompt_text="no quotes")), OPEN, FOREIGN,
    FOREIGN.replace(b"\n", b"\r\n"), ONE.replace(b"\n", b"\r\n"), b"\n", b"\r\n", HEADER, BOM,
    b"<<<<<<< HEAD\n", b'2026-01-01T00:00:00.000Z,"\xff",5\n', b"\0\0\n", b'"', b",", b"a\rb",
    ONE[:40], b"x" * 300 + b"\n", line_of(transaction("\u00e9\u20ac", prompt_text="C:\\new\nline")),
    HEADER[:-1] + b",more\n",
]  # fmt: skip
Row = tuple[int, list[str]]


def expected(data: bytes) -> tuple[list[Row], list[tuple[int, str]]]:
    records = list(read_records(io.BytesIO(data), COLUMNS))
    rows = [(record.line, record.cells) for record in records if not record.problem]
    # A row with too few cells is damage that the reader of blocks leaves to what takes its rows.
    return rows, [(record.line, record.problem) for record in records if record.problem]


def parts_of(reader: FileReader, data: bytes):
    rows, damage = [], []
    for part in reader.read():
        if not isinstance(part, Block):
            damage.append(tuple(part))
            continue
        lines = data.split(b"\n")
        for number, (cells, offset) in enumerate(zip(part.rows, part.offsets, strict=True)):
            line = part.line + number
            assert data[offset:].partition(b"\n")[0] == lines[line - 1], "an offset leads back"
            if len(cells) == len(COLUMNS):
                rows.append((line, [text_of(cell) for cell in cells]))
            else:
                damage.append((line, f"{len(cells)} columns instead of {len(COLUMNS)}"))
    return rows, damage


def read(data: bytes, block: int):
    file_reader._BLOCK, kept = block, file_reader._BLOCK
    try:
        reader = FileReader(io.BufferedReader(io.BytesIO(data)), COLUMNS, Position())
        rows, damage = parts_of(reader, data)
    finally:
        file_reader._BLOCK = kept
    at = reader.position
    assert at == (at.offset, data[: at.offset].count(b"\n"), crc32(data[: at.offset]))
    return rows, damage, reader


def check(data: bytes, block: int) -> None:
    rows, damage, reader = read(data, block)
    assert (rows, damage) == expected(data)
    rest = data[reader.position.offset :]
    assert b"\n" not in rest, "whole lines are left"


@given(
    st.lists(st.sampled_from(PIECES), max_size=12), st.booleans(), st.sampled_from([7, 100, 4096])
)
@settings(max_examples=400, deadline=None)
def test_any_file_is_read_as_the_reader_reads_it(pieces, with_header, block):
    check((HEADER if with_header else b"") + b"".join(pieces), block)


@given(st.binary(max_size=300), st.sampled_from([5, 64, 4096]))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_as_the_reader_reads_them(data, block):
    check(data, block)
    check(HEADER + ONE + data + TWO, block)


@given(st.lists(TEXT, min_size=1, max_size=6), st.sampled_from([30, 4096]))
@settings(max_examples=100, deadline=None)
def test_what_this_program_writes_is_read_back(texts, block):
    rows = [transaction(f"{n}{text}", prompt_text=text) for n, text in enumerate(texts)]
    found, damage, _ = read(HEADER + b"".join(map(line_of, rows)), block)
    assert [cells for _, cells in found] == [row.to_csv_row() for row in rows]
    assert not damage


@given(
    st.lists(st.sampled_from(PIECES), max_size=8),
    st.lists(st.sampled_from(PIECES), max_size=8),
    st.sampled_from([b"", HEADER, BOM + HEADER, HEADER[:-1] + b",more\n"]),
    st.integers(0, 60),
)
@settings(max_examples=400, deadline=None)
def test_a_file_that_grew_is_read_on(before, after, header, cut):
    old = header + b"".join(before)
    old = old[: max(0, len(old) - cut)]
    data = old + b"".join(after)
    first = FileReader(io.BufferedReader(io.BytesIO(old)), COLUMNS, Position())
    rows, damage = parts_of(first, old)
    if first.is_open:
        return  # its last lines can become another record: it has to be read anew
    stream = io.BufferedReader(io.BytesIO(data))
    stream.seek(first.position.offset)
    header_line = data.partition(b"\n")[0]
    second = FileReader(stream, COLUMNS, first.position, header_line)
    more_rows, more_damage = parts_of(second, data)
    assert (rows + more_rows, damage + more_damage) == expected(data)


def test_damage_at_the_end_of_a_file_is_open_until_a_row_follows():
    def is_open(data):
        return read(data, 4096)[2].is_open

    assert is_open(HEADER + ONE + OPEN)
    assert is_open(HEADER + ONE + OPEN + b"more of it\n")
    assert not is_open(HEADER + ONE + OPEN + TWO)
    assert not is_open(HEADER + ONE + b"<<<<<<< HEAD\n")
    assert not is_open(HEADER + FOREIGN)


def test_a_line_that_is_too_long_is_damage_and_does_not_hide_the_next(monkeypatch):
    from tokentrack.store import reader

    monkeypatch.setattr(reader, "MAX_LINE", 1000)
    for length in (999, 1000, 1001, 5000):
        data = HEADER + ONE + b"x" * length + b"\n" + TWO
        for block in (10, 4096):
            rows, damage, _ = read(data, block)
            assert [line for line, _ in rows] == [2, 4]
            assert [line for line, _ in damage] == [3]


@pytest.mark.parametrize("cut", [1, 9, 60])
def test_what_comes_before_the_damage_of_a_compressed_file_is_read(tmp_path, cut):
    lines = [line_of(transaction(f"row-{n}", prompt_text=f"{n * 7919}")) for n in range(3000)]
    data = HEADER + b"".join(lines)
    path = tmp_path / "token_transactions_20260101.csv.gz"
    path.write_bytes(gzip.compress(data)[:-cut])
    found = []
    with open_ledger_file(str(path)) as file:
        reader = FileReader(file, COLUMNS, Position())
        with pytest.raises(OSError, match="damaged"):
            found += (cells[7] for part in reader.read() for cells in part.rows)
    naive = []
    with open_ledger_file(str(path)) as file, pytest.raises(OSError, match="damaged"):
        naive += (record.cells[7] for record in read_records(file, COLUMNS))
    assert found == [f"row-{n}" for n in range(len(found))]
    assert len(found) > 1000
    assert found == naive
