"""Reading ledgers, also of other programs: damage is reported and hides no other row."""

from __future__ import annotations

import io
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from support.examples import at_most
from support.ledgers import HEADER, ID, Workspace, finished, line_of, transaction
from support.texts import TEXT
from tokentrack.models.columns import COLUMNS
from tokentrack.store.codec import decode_line
from tokentrack.store.reader import MAX_LINE, has_header, join_quoted, read_records

ONE, TWO, THREE = (line_of(transaction(f"row-{n}", prompt_text='a "b", c')) for n in (1, 2, 3))
ALL = HEADER + ONE + TWO + THREE


def read(data: bytes) -> tuple[list[str], list[tuple[int, str]]]:
    """Return the ids of the records, and the line and problem of each damaged place."""
    records = list(read_records(io.BytesIO(data), COLUMNS))
    assert all(len(record.cells) == len(COLUMNS) for record in records if not record.problem)
    ids = [record.cells[ID] for record in records if not record.problem]
    return ids, [(record.line, record.problem) for record in records if record.problem]


WHOLE = ["row-1", "row-2", "row-3"]


@pytest.mark.parametrize(
    "data",
    [
        ALL,
        b"\xef\xbb\xbf" + ALL,
        ALL.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + ALL.replace(b"\n", b"\r\n"),
        ONE + TWO + THREE,
        HEADER.replace(b"timestamp", b'"timestamp"') + ONE + TWO + THREE,
        HEADER[:-1] + b",extra\n" + ONE + TWO[:-1] + b",more\n" + THREE,
        ALL + b"2026-01-01T00:00:00.000Z,still being writ",
        ALL + b"\0" * 4096,
    ],
    ids=["as written", "bom", "crlf", "bom and crlf", "no header", "quoted header",
         "extra columns", "unended", "nul-filled tail"],
)  # fmt: skip
def test_files_of_many_kinds_are_read_alike(data):
    assert read(data) == (WHOLE, [])


def test_an_empty_file_has_no_records():
    assert read(b"") == ([], [])
    assert read(HEADER) == ([], [])
    assert read(HEADER[:-5]) == ([], [])


def test_columns_are_found_by_their_names():
    rows = [transaction(name).to_csv_row() for name in WHOLE]
    lines = [",".join(reversed(row)).encode() for row in [list(COLUMNS), *rows]]
    assert read(b"\n".join(lines) + b"\n") == (WHOLE, [])


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_quoted_line_feeds_of_others_are_read(line_end):
    prompt = b'"first' + line_end + b"second, " + line_end * 2 + b'fourth"'
    foreign = ONE.replace(b'"a ""b"", c"', prompt)
    records = list(read_records(io.BytesIO(HEADER + foreign + TWO), COLUMNS))
    assert [record.line for record in records] == [2, 6]
    assert records[0].cells[1].encode() == prompt[1:-1]
    assert records[1].cells[ID] == "row-2"


def join(*lines, ends=None):
    """Join lines of two cells; a line that is `ends` is a record of its own."""
    rest = iter(lines[1:])

    def cells_of(text):
        cells = decode_line(text.decode())
        return cells if len(cells) == 2 else None

    found = join_quoted(lines[0], rest, lambda line: line == ends, cells_of)
    return found, list(rest)


def test_the_lines_of_a_record_are_joined_up_to_the_closing_quote():
    lines = (b'a,"b', b"", b'c "" d', b'e"', b"next")
    assert join(*lines) == ((["a", 'b\n\nc " d\ne'], 4), [b"next"])


def test_lines_are_not_joined_beyond_a_record_or_into_something_else():
    assert join(b'a,"b', b"x,y", b'"', ends=b"x,y") == (None, [b'"'])
    assert join(b'a,"b', b'c",d', b'e"') == (None, [b'e"'])
    assert join(b'a,"b', *[b"c"] * 300, b'"')[0] is None


DAMAGE = {
    "not utf-8": b'2026-01-01T00:00:00.000Z,"\xff",5\n',
    "few columns": b"2026-01-01T00:00:00.000Z,prompt\n",
    "empty": b"\n",
    "open quote": b'2026-01-01T00:00:00.000Z,"it was never\n',
    "text after a quote": ONE.replace(b'c"', b'c"d'),
    "nul": b"\0\0\0\0\n",
    "merge marks": b"<<<<<<< HEAD\n",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_each_damaged_line_is_reported_and_harms_no_other(damage):
    ids, problems = read(HEADER + ONE + damage + TWO + damage + THREE)
    assert ids == WHOLE
    assert [line for line, _ in problems] == [3, 5]


@given(
    st.integers(0, len(ONE) - 2),
    st.lists(st.text(st.sampled_from('",ab')), min_size=2, max_size=3),
)
@settings(max_examples=at_most(300))
def test_a_line_torn_anywhere_swallows_no_later_row(length, prompts):
    later = [transaction(f"later-{n}", prompt_text=text) for n, text in enumerate(prompts)]
    data = HEADER + ONE[:length] + b"\n" + b"".join(map(line_of, later))
    assert read(data)[0] == [row.agent_execution_id for row in later]


@pytest.mark.parametrize("prompt", [", and then", '",x', "a, b", '"'])
def test_an_open_quote_swallows_no_later_row(prompt):
    later = line_of(transaction("later", prompt_text=prompt))
    torn = line_of(transaction("torn", session_id="a, b"))
    for length in range(len(torn) - 1):
        ids, _ = read(HEADER + torn[:length] + b"\n" + later + THREE)
        assert ids == ["later", "row-3"], torn[:length]


@pytest.mark.parametrize("length", [30, 50, 80])
def test_a_row_that_others_joined_to_a_torn_one_is_reported(length):
    torn = line_of(transaction("torn", prompt_text="no quotes"))[:length]
    ids, problems = read(HEADER + ONE + torn + line_of(transaction("joined")) + TWO)
    assert ids == ["row-1", "row-2"]
    assert [line for line, _ in problems] == [3]


@pytest.mark.parametrize("end", [b"", b"\n", b"\n" + THREE])
def test_a_line_that_no_record_can_be_as_long_as_is_reported_and_not_kept(end):
    class Zeros(io.BytesIO):
        """A file with very many NULs in the middle of it, which it has not in memory."""

        left = 12 * MAX_LINE

        def readline(self, size=-1):
            if self.tell() == len(HEADER + ONE) and self.left:
                assert 0 < size <= MAX_LINE
                taken = min(size, self.left)
                self.left -= taken
                return bytes(taken)
            return super().readline(size)

    tracemalloc.start()
    try:
        records = list(read_records(Zeros(HEADER + ONE + end), COLUMNS))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4 * MAX_LINE
    ids = [record.cells[ID] for record in records if not record.problem]
    assert ids == ["row-1", *(["row-3"] if len(end) > 1 else [])]
    assert [record.line for record in records if record.problem] == ([3] if end else [])


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(data):
    read(data)
    read(HEADER + data)
    has_header(io.BytesIO(data), COLUMNS)


def test_the_header_is_recognised():
    assert has_header(io.BytesIO(ALL), COLUMNS)
    assert has_header(io.BytesIO(b"\xef\xbb\xbf" + HEADER.replace(b"\n", b"\r\n")), COLUMNS)
    assert not has_header(io.BytesIO(ONE), COLUMNS)
    assert not has_header(io.BytesIO(b""), COLUMNS)
    assert not has_header(io.BytesIO(HEADER[:-1]), COLUMNS)


FOREIGN = ONE.replace(b'"a ""b"", c"', b'"first\nsecond"')
ENDS = [
    (ALL[:-1], WHOLE, []),
    (ALL.replace(b"\n", b"\r\n")[:-1], WHOLE, []),
    (HEADER + TWO + THREE + FOREIGN[:-1], ["row-2", "row-3", "row-1"], []),
    (ALL[:-9], WHOLE[:2], [4]),
    (ALL + b"2026-01-01T00:00:00.000Z,still being writ", WHOLE, [5]),
    (ALL + b'2026-01-01T00:00:00.000Z,"never clo', WHOLE, [5]),
    (ALL + b"\0" * 4096, WHOLE, [5]),
    (HEADER[:-1], [], []),
]


@pytest.mark.parametrize(("data", "ids", "problems"), ENDS, ids=range(len(ENDS)))
def test_the_last_line_of_a_finished_file_counts_without_its_line_feed(data, ids, problems):
    records = list(read_records(io.BytesIO(data), COLUMNS, finished=True))
    assert [record.cells[ID] for record in records if not record.problem] == ids
    assert [record.line for record in records if record.problem] == problems
    assert has_header(io.BytesIO(data), COLUMNS, finished=True)


def test_the_last_line_of_a_live_ledger_does_not_count_without_it():
    assert read(ALL[:-1]) == (WHOLE[:2], [])


class Agreement(RuleBasedStateMachine):
    """A list and the ledger on the disk, told the same things, agree."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.space = Workspace(Path(self._folder.name), durability="none")
        self.model: list = []
        self.torn = False

    def teardown(self):
        self._folder.cleanup()

    def _row(self, text: str):
        return transaction(f"row-{len(self.model)}", prompt_text=text)

    @rule(text=TEXT)
    def append(self, text):
        row = self._row(text)
        assert self.space.tracker._writer().write_transaction(row)
        self.model.append(row)
        self.torn = False

    @rule(texts=st.lists(TEXT, min_size=1, max_size=4))
    def append_batch(self, texts):
        rows = [self._row(text) for text in texts]
        assert self.space.tracker._writer().write_transactions_batch(rows) == len(rows)
        self.model += rows
        self.torn = False

    @rule(text=TEXT)
    def append_through_the_spool(self, text):
        row = self._row(text)
        with self.space.locked():
            assert self.space.recorder.record([finished(row)], 0) == 1
        with self.space.tracker:
            pass
        self.model.append(row)
        self.torn = False

    @precondition(lambda self: not self.torn)
    @rule(text=TEXT, part=st.floats(0, 1))
    def die_in_a_write(self, text, part):
        line = line_of(self._row(text))
        header = b"" if self.space.ledger.exists() else HEADER
        with self.space.ledger.open("ab") as file:
            file.write((header + line)[: len(header) + int(part * (len(line) - 2))])
        self.torn = True

    @precondition(lambda self: self.model and not self.torn)
    @rule()
    def an_editor_takes_the_last_line_feed(self):
        # A reader before the next append misses the row; the append brings it back.
        self.space.ledger.write_bytes(self.space.ledger.read_bytes()[:-1])
        last = self.model.pop()
        assert self.space.tracker._writer().read_transactions() == self.model
        self.model.append(last)
        self.append("after the editor")

    @precondition(lambda self: self.model)
    @rule(bom=st.booleans())
    def a_spreadsheet_saves_it(self, bom):
        data = self.space.ledger.read_bytes()
        if bom and not data.startswith(b"\xef\xbb\xbf"):
            self.space.ledger.write_bytes(b"\xef\xbb\xbf" + data)

    @invariant()
    def reading_gives_the_list(self):
        writer = self.space.tracker._writer()
        assert writer.read_transactions() == self.model
        assert writer.read_transactions(2) == self.model[-2:]
        found = writer.validate_csv_integrity()
        assert (found["total_rows"], found["valid_rows"]) == (len(self.model),) * 2


TestAgreement = Agreement.TestCase
TestAgreement.settings = settings(max_examples=at_most(30), stateful_step_count=15, deadline=None)
