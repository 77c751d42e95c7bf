"""The format of a line: any text fits on one, and every CSV reader splits it alike."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.ledgers import Workspace, transaction
from support.texts import HARD, TEXT
from tokentrack.models.columns import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.store import codec

FIELDS = st.lists(TEXT, min_size=2, max_size=12)


@given(FIELDS)
@example(["\\", "\\\\n"])
@example(["\\ud800", "\ud800"])
@example(["\\\ud800", "\\u\ud800", "\\ud8\0"])
@example(["\\u", "dc80"])
@example(["", ""])
@example(["\\\r\n", '"\\"'])
def test_any_fields_come_back(fields):
    line = codec.encode_line(fields)
    assert codec.decode_line(line[:-1].decode("utf-8")) == fields


@given(FIELDS)
def test_a_record_is_one_physical_line_for_every_reader(fields):
    line = codec.encode_line(fields)
    assert line.endswith(b"\n")
    assert not {b"\n", b"\r", b"\0"} & {line[i : i + 1] for i in range(len(line) - 1)}


@given(FIELDS)
def test_the_csv_module_splits_a_line_alike(fields):
    line = codec.encode_line(fields).decode("utf-8")
    assert list(csv.reader([line], strict=True)) == [codec.split_line(line[:-1])]


@given(FIELDS)
def test_the_csv_module_would_write_the_same_line(fields):
    line = codec.encode_line(fields).decode("utf-8")
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerow(codec.split_line(line[:-1]))
    assert out.getvalue() == line


@given(
    st.lists(st.text(st.sampled_from('ab,"')), min_size=1, max_size=5).map(",".join).filter(bool)
)
def test_a_line_of_others_splits_as_the_csv_module_does_or_not_at_all(line):
    try:
        found = codec.split_line(line)
    except ValueError:
        return
    assert [found] == list(csv.reader([line]))


@given(TEXT)
def test_unescaping_never_fails(text):
    codec.unescape(text)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("C:\\Users\\me", "C:\\Users\\me"),
        ("C:\\new", "C:\\\\new"),
        ("a\nb", "a\\nb"),
        ("a\\nb", "a\\\\nb"),
        ("\r\n\0", "\\r\\n\\0"),
        ("\udc80", "\\udc80"),
        ("\\udc80", "\\\\udc80"),
        ("\\uABCD \\u1234", "\\uABCD \\u1234"),
        ("regex \\d+\\.", "regex \\d+\\."),
        ("\\\\server\\share", "\\\\server\\share"),
        ('say "hi"', '"say ""hi"""'),
        ("a,b", '"a,b"'),
        ("é 😀 \u2028", "é 😀 \u2028"),
    ],
)
def test_how_a_text_is_stored(text, stored):
    assert codec.encode_line([text, ""]).decode("utf-8") == f"{stored},\n"


@pytest.mark.parametrize("line", ['"open', 'a,"open, b', '"a"b,c', '"a""', 'a,"b" ,c'])
def test_a_line_with_a_broken_quote_is_refused(line):
    with pytest.raises(ValueError, match="quote"):
        codec.decode_line(line)


LARGE = {
    "letters": "x" * 1_000_000,
    "quotes": '",' * 500_000,
    "line feeds": "\r\n" * 500_000,
    "backslashes": "\\" * 1_000_000,
    "escapes": "\\n" * 500_000,
    "surrogates": "\ud800x" * 300_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE.keys())
def test_a_megabyte_comes_back(text):
    line = codec.encode_line([text, "end"])
    assert codec.decode_line(line[:-1].decode("utf-8")) == [text, "end"]


@given(st.lists(TEXT, min_size=7, max_size=7), st.lists(TEXT.filter(bool), max_size=4))
def test_a_transaction_comes_back_from_its_line(texts, patterns):
    names = ("prompt_text", "session_id", "workspace_folder", "hook_trigger_type", "hook_name",
             "error_message")  # fmt: skip
    fields = dict(zip(names, texts, strict=False))
    given_row = transaction(f"id{texts[-1]}", file_patterns=patterns, **fields)
    line = codec.encode_line(given_row.to_csv_row())
    assert TokenTransaction.from_csv_row(codec.decode_line(line[:-1].decode())) == given_row


def test_pandas_reads_the_same_columns(tmp_path):
    pandas = pytest.importorskip("pandas")
    texts = [*["".join(HARD[n:] + HARD[:n]) for n in range(len(HARD))], *HARD, "", "NA", " x "]
    rows = [transaction(f"row-{n}", prompt_text=text) for n, text in enumerate(texts)]
    space = Workspace(tmp_path, durability="none")
    assert space.tracker._writer().write_transactions_batch(rows) == len(rows)
    frame = pandas.read_csv(space.ledger, dtype=str, keep_default_na=False)
    assert tuple(frame.columns) == COLUMNS
    stored = [codec.split_line(line.decode()) for line in space.lines()]
    assert frame.to_numpy().tolist() == stored
    assert [codec.unescape(cell) for cell in frame["prompt_text"]] == texts
