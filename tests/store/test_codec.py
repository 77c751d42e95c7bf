"""The format of a line: any text fits on one, and every CSV reader splits it alike."""

from __future__ import annotations

import csv
import io
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.ledgers import Workspace, transaction
from support.texts import HARD, TEXT
from tokentrack.models.columns import COLUMNS
from tokentrack.models.transaction import TokenTransaction
from tokentrack.store import codec

BIDI = {*"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}
FIELDS = st.lists(TEXT, min_size=2, max_size=12)


@given(FIELDS)
@example(["\\", "\\\\n"])
@example(["\\ud800", "\ud800"])
@example(["\\\ud800", "\\u\ud800", "\\ud8\0"])
@example(["\\u", "dc80"])
@example(["", ""])
@example(["\\\r\n", '"\\"'])
@example(["\\u001b", "\x1b", "\\\x1b", "\\u00\x1b1b"])
def test_any_fields_come_back(fields):
    line = codec.encode_line(fields)
    assert codec.decode_line(line[:-1].decode("utf-8")) == fields


@given(FIELDS)
def test_a_record_is_one_physical_line_for_every_reader(fields):
    line = codec.encode_line(fields)
    assert line.endswith(b"\n")
    text = line[:-1].decode("utf-8")
    assert not [char for char in text if char != "\t" and unicodedata.category(char) == "Cc"]
    assert not BIDI & {*text}


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
        ("\\ud7ff \\udfff", "\\ud7ff \\\\udfff"),  # the last code before the surrogates
        ("\\\ue000 \\\udfff", "\\\ue000 \\\\\\udfff"),  # the first one after them
        ("\x1b[0m \x7f\x85", "\\u001b[0m \\u007f\\u0085"),
        ("\u202eabc\u2069 \u061c", "\\u202eabc\\u2069 \\u061c"),
        ("\\u001b \\u001B \\u0009 \\u00a0", "\\\\u001b \\u001B \\u0009 \\u00a0"),
        ("tab\t nbsp\xa0 zwj\u200d", "tab\t nbsp\xa0 zwj\u200d"),
        ("regex \\d+\\.", "regex \\d+\\."),
        ("\\\\server\\share", "\\\\server\\share"),
        ('say "hi"', '"say ""hi"""'),
        ("a,b", '"a,b"'),
        ("é 😀 \u2028", "é 😀 \u2028"),
    ],
)
def test_how_a_text_is_stored(text, stored):
    assert codec.encode_line([text, ""]).decode("utf-8") == f"{stored},\n"


def test_exactly_the_controls_and_bidi_marks_are_stored_as_their_codes():
    changed = {chr(code) for code in range(sys.maxunicode + 1) if _stored(chr(code)) != chr(code)}
    controls = {chr(code) for code in range(0xA0) if unicodedata.category(chr(code)) == "Cc"}
    surrogates = {chr(code) for code in range(0xD800, 0xE000)}
    assert changed == (controls - {"\t"}) | BIDI | surrogates | {'"', ","}
    assert all(_stored(char) == f"\\u{ord(char):04x}" for char in changed - {*'\n\r\0",'})


def _stored(text):
    return codec.encode_line([text])[:-1].decode("utf-8")


# Lines that version 0.1.0 wrote, and the texts in them.
OF_0_1_0 = [
    (
        b"a\x1b[31mred\x1b[0m,\xe2\x80\xaertl\xe2\x80\xac",
        ["a\x1b[31mred\x1b[0m", "\u202ertl\u202c"],
    ),
    (b"C:\\\\new,C:\\Users\\me", ["C:\\new", "C:\\Users\\me"]),
    (b"two\\nlines\\\\nor one,\\r\\0", ["two\nlines\\nor one", "\r\0"]),
    (b"\\udc80,\\\\udc80,\\uABCD", ["\udc80", "\\udc80", "\\uABCD"]),
    (b"\\u2028 \\u00e9 \\u001B,\\\\\\x41", ["\\u2028 \\u00e9 \\u001B", "\\\\\\x41"]),
    (b'"say ""hi"", twice",\xc2\x85\x7f', ['say "hi", twice', "\x85\x7f"]),
    # The one change: text that was exactly such a code is now the character.
    (b"\\u001b[31m,\\u202e", ["\x1b[31m", "\u202e"]),
]


@pytest.mark.parametrize(("line", "texts"), OF_0_1_0)
def test_a_line_of_the_first_version_reads_as_it_did(line, texts):
    assert codec.decode_line(line.decode("utf-8")) == texts


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
