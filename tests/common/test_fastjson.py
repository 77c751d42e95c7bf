"""`fastjson` reads and writes what `json` does, without importing it."""

import json
import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentrack.common import fastjson

TEXTS = st.text(st.characters())
LONE_SURROGATES = st.sampled_from(["\ud800", "a\udfff", "\udc80b", "\ud83d\ude00"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | LONE_SURROGATES
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS | LONE_SURROGATES, inner)
)
JSON_LIKE = st.text(st.sampled_from('{}[]",:\\ \n\t0123456789.eE+-truefalsnI\u00e9\U0001f600uNaN'))


def outcome(load, text):
    """Return the decoded value as text (NaN is not equal to itself), or that there is none."""
    try:
        return repr(load(text))
    except (ValueError, RecursionError) as error:
        return "recursion" if isinstance(error, RecursionError) else "refused"


@given(VALUES)
def test_what_is_written_is_what_json_writes(value):
    assert fastjson.dumps(value) == json.dumps(value, separators=(",", ":"))


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_what_json_writes_is_read_alike(value, ascii_only, indent):
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert repr(fastjson.loads(text)) == repr(json.loads(text))


@given(JSON_LIKE)
def test_any_text_is_read_or_refused_as_json_does(text):
    assert outcome(fastjson.loads, text) == outcome(lambda t: json.loads(t, strict=False), text)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "nul", "{", "[1,]", '{"a" 1}', '{"a":}', "{1:2}", '"open', '"\\q"', '"\\u12"',
        "[1] 2", "1" * 4301, "--1", "\ufeff{}", "{}\0", "\u00a0{}",
        "NaN", "[Infinity, -Infinity]", '"a\nb\tc"', ' \t\n\r{"a": 1} \n', "1e400", "-0", "-0.0",
        '"\\ud83d\\ude00"', '"\\ud83d"', '{"a": 1, "a": 2}', "1" * 4300,
    ],
)  # fmt: skip
def test_a_corner_of_the_grammar_is_treated_as_json_does(text):
    assert outcome(fastjson.loads, text) == outcome(lambda t: json.loads(t, strict=False), text)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 5000 + "]" * 5000])
def test_too_deep_is_an_error_not_a_crash(text):
    # Each version of Python has a limit of its own: see `may_be_too_deep`.
    with suppress(RecursionError, ValueError):
        assert fastjson.loads(text)


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": {3}}, b"bytes", [None, ...]])
def test_what_has_no_json_form_is_refused(value):
    with pytest.raises(TypeError):
        fastjson.dumps(value)


# The scanner looks for the class of its errors in `json`, which the hook never imports.
WITHOUT_JSON = """
import sys
from tokentrack.common import fastjson
for text in ("{", "[1,]", '"\\\\q"', '{"a" 1}', '"open', "nul", "", "1 2"):
    try:
        fastjson.loads(text)
    except ValueError:
        continue
    raise SystemExit(f"{text} was taken")
assert "json" not in sys.modules or sys.version_info >= (3, 12)
"""


def test_damaged_text_is_refused_where_json_is_not_imported():
    subprocess.run([sys.executable, "-c", WITHOUT_JSON], check=True)


# --- what someone else may have written ---


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.sampled_from('ab\\"[]{},:é')),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.sampled_from('a"[,\\')), inner),
)


def brackets_of(value):
    """Return the brackets and commas of a value's JSON, outside its strings."""
    if isinstance(value, list):
        return "[" + ",".join(map(brackets_of, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(map(brackets_of, value.values())) + "}"
    return ""


@given(VALUES, st.sampled_from([1, 2, 3, 5, 1000]))
def test_the_structure_is_what_is_outside_the_strings(value, block):
    data = json.dumps(value, ensure_ascii=False).encode()
    before = fastjson._BLOCK
    fastjson._BLOCK = block
    try:
        assert fastjson.structure(data, len(data)) == brackets_of(value).encode()
    finally:
        fastjson._BLOCK = before


@pytest.mark.parametrize(("data", "most"), [(b"[],[]", 4), (b'"[" , "{" [1,2]', 3)])
def test_more_structure_than_allowed_is_not_returned(data, most):
    assert fastjson.structure(data, most) is None
    assert fastjson.structure(data, most + 1) is not None


@pytest.mark.parametrize(("depth", "deep"), [(1, False), (64, False), (65, True), (10**6, True)])
@pytest.mark.parametrize("pair", ["[]", "{}"])
def test_the_depth_is_counted(depth, deep, pair):
    assert fastjson.may_be_too_deep((pair[0] * depth + pair[1] * depth).encode()) is deep


def is_five(value):
    return value == 5


@pytest.mark.parametrize(
    ("shape", "good", "bad"),
    [
        (None, [None], [0, "", [], {}, False]),
        (is_five, [5, 5.0], [6, None, [5]]),
        ((None, is_five), [None, 5], [0, [None]]),
        ([is_five], [[], [5], [5, 5]], [5, [6], [5, None], {}, "55"]),
        ([is_five, None], [[5, None]], [[5], [None, 5], [5, None, 5], {}]),
        ({"a": is_five, "b": None}, [{"a": 5, "b": None}],
         [{}, {"a": 5}, {"a": 5, "b": None, "c": 1}, {"a": 6, "b": None}, [], "ab"]),
        ({str.isupper: is_five}, [{}, {"A": 5, "B": 5}], [{"a": 5}, {"A": 6}, [], None]),
    ],
)  # fmt: skip
def test_a_value_fits_its_shape_and_no_other(shape, good, bad):
    assert [value for value in good if not fastjson.fits(value, shape)] == []
    assert [value for value in bad if fastjson.fits(value, shape)] == []


@given(VALUES)
def test_a_checked_file_is_decoded_as_any_other(value):
    data = json.dumps(value).encode()
    assert fastjson.load_checked(data, lambda _: True, len(data)) == value


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"[" + b"[]," * 1000 + b"[]]", "too many values"),
        (b"[" + b"1," * 1000 + b"1]", "too many values"),
        (b"[" * 65 + b"]" * 65, "too deeply"),
        (b"[" * 300 + b"]" * 300, "too deeply"),
        (b"[1, 2", "delimiter|JSON"),
        (b"[6]", "not what was written"),
        ("[é]".encode(), "ascii"),
        (b"", "JSON"),
    ],
)
def test_what_a_program_did_not_write_is_not_decoded(data, why):
    with pytest.raises(ValueError, match=why):
        fastjson.load_checked(data, [is_five], 400)
