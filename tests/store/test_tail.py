"""A ledger read from its end has the records that it has from its start."""

import io
import random

import pytest

from support.ledgers import HEADER, line_of, transaction
from tokentrack.models.columns import COLUMNS
from tokentrack.store import tail
from tokentrack.store.reader import read_records
from tokentrack.store.tail import records_from_end

ROW = line_of(transaction("plain"))
PIECES = (
    ROW,
    line_of(transaction("long", prompt_text="x" * 300)),
    ROW.replace(b"\n", b"\r\n"),
    ROW.replace(b"a prompt", b'"two\nlines, ""quoted"""'),
    ROW.replace(b"a prompt", b'"a\n2026-01-01T00:00:00Z,b"'),
    ROW.replace(b"a prompt", b'"never closed'),
    b"junk\n", b"\n", b'"\n', b"\xff\xfe\n", HEADER, ROW[:40] + b"\n", b"2026-01-01T00:00:00Z,\n",
)  # fmt: skip
HEADERS = (
    HEADER, b"", b"\xef\xbb\xbf" + HEADER, HEADER.replace(b"\n", b",more\n"),
    b"more," + HEADER,
)  # fmt: skip


def forward(data):
    return [r.cells for r in read_records(io.BytesIO(data), COLUMNS) if not r.problem]


def backward(data):
    return [r.cells for r in records_from_end(io.BytesIO(data), COLUMNS)][::-1]


@pytest.mark.parametrize("size", [1, 100, 700, 5000])
def test_any_file_has_the_same_records_from_both_ends(size, monkeypatch):
    monkeypatch.setattr(tail, "_PART", size)
    chance = random.Random(size)
    found = 0
    for _ in range(400):
        header = chance.choice(HEADERS)
        pieces = chance.choices(PIECES, (9, 9, *[1] * (len(PIECES) - 2)), k=chance.randrange(30))
        data = header + b"".join(pieces) + chance.choice((b"", b"torn", ROW[:-1]))
        assert backward(data) == forward(data)
        found += len(forward(data))
    assert found > 1000


class Counted(io.BytesIO):
    """A file that counts the bytes that are read."""

    taken = 0

    def read(self, size=-1):
        data = super().read(size)
        self.taken += len(data)
        return data


@pytest.mark.parametrize("rows", [10_000, 100_000])
def test_the_last_records_cost_the_same_at_any_size(rows):
    file = Counted(HEADER + ROW * rows)
    found = records_from_end(file, COLUMNS)
    assert [next(found).cells for _ in range(10)] == forward(HEADER + ROW * 10)
    assert file.taken == 64 * 1024
    assert len(list(found)) == rows - 10  # the control: all of them cost all bytes
    assert file.taken >= len(ROW) * rows


def test_a_file_that_is_truncated_meanwhile_just_ends():
    file = io.BytesIO(HEADER + ROW * 10_000)
    found = records_from_end(file, COLUMNS)
    next(found)
    file.truncate(0)
    assert len(list(found)) < 10_000
