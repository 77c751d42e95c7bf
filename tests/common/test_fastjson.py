"""`fastjson` reads and writes what `json` does, without importing it."""

import json
import subprocess
import sys

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
    with pytest.raises((RecursionError, ValueError)):
        fastjson.loads(text)


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
assert "json" not in sys.modules
"""


def test_damaged_text_is_refused_where_json_is_not_imported():
    subprocess.run([sys.executable, "-c", WITHOUT_JSON], check=True)
