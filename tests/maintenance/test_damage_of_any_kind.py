"""Whatever the damage, each intact row survives, and a repair gives back what it can."""

import csv
import io
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.damaged import BOM, A, B, C, broken_over_lines, healthy, repaired, sheet
from support.examples import at_most
from support.ledgers import AT, HEADER
from support.maintained import Maintained, row
from tokentrack.errors import ValidationError
from tokentrack.maintenance.damage.examine import examine
from tokentrack.maintenance.damage.formats import LEDGER
from tokentrack.maintenance.damage.joined import Piece, split_joined
from tokentrack.models.columns import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.store import codec
from tokentrack.store.reader import read_records

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
    """Return the rows that are still lines of the bytes."""
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
        changed = repaired(space)
        found = examine(data, LEDGER)
        assert bool(changed) == bool(found.findings and not found.is_foreign)
        assert repaired(space) == []
        assert changed or space.ledger.read_bytes() == data
        for file in changed:
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
    # Many starts of records, and no complete record.
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


@pytest.mark.slow
@pytest.mark.parametrize("name", HARMLESS)
@settings(max_examples=60)
@given(texts=st.lists(LINE_TEXT, min_size=1, max_size=5))
def test_a_repair_after_damage_gives_back_every_byte(name, texts):
    rows = [row(f"e{n}", AT + n * 1000, prompt_text=text) for n, text in enumerate(texts)]
    found = examine(HARMLESS[name](rows), LEDGER)
    assert found.lines == [HEADER, *rows]
    assert found.lost == []
    healthy(found)
