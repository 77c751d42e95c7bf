"""Every value of a JSON text is found where it is, and edits leave the rest as it was."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentrack.hookfiles import json_edit
from tokentrack.hookfiles.json_text import find_lines, find_repeated, walk
from tokentrack.hookfiles.plan import RefusedError

TEXTS = st.text('ab"\\,:{}[]\n\u00e9', max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)
LAYOUTS = st.sampled_from([{}, {"indent": 2}, {"indent": "\t"}, {"separators": (",", ":")}])


def parts(value, path=()):
    """Return each value inside a value, by its key path."""
    found = {path: value}
    if isinstance(value, dict):
        for key, inner in value.items():
            found |= parts(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found |= parts(inner, (*path, index))
    return found


@given(VALUES, LAYOUTS, st.sampled_from(["", "\ufeff", " \n"]))
def test_each_value_is_found_once_and_where_it_is(value, layout, before):
    text = before + json.dumps(value, **layout) + "\n"
    found = {}
    for place in walk(text):
        path = tuple(place.path)
        assert path not in found
        found[path] = json.loads(text[place.value : place.end])
        if path and isinstance(path[-1], str):
            assert json.loads(text[place.start : place.value].rstrip(": ")) == path[-1]
        else:
            assert place.start == place.value
    assert found == parts(value)


@given(VALUES)
def test_each_key_is_found_on_its_line(value):
    text = json.dumps(value, indent=1)
    lines = find_lines(text, set(parts(value)))
    assert set(lines) == set(parts(value))
    shown = text.splitlines()
    for path, line in lines.items():
        if path and isinstance(path[-1], str):
            assert shown[line - 1].lstrip().startswith(json.dumps(path[-1]))


def test_a_key_that_is_written_twice_is_found_where_it_is_in_force():
    text = '{"a": 1,\n "b": 2,\n "a": 3}'
    assert find_lines(text, {("a",)})["a",] == 1
    assert find_lines(text, {("a",)}, last=True)["a",] == 3


def test_only_a_key_that_its_own_object_has_again_is_repeated():
    text = '{"a": {"x": 1},\n "b": {"x": 2},\n "b": {"x": 3, "x": 4}}'
    found = [(keys, text.count("\n", 0, at) + 1) for keys, at in find_repeated(text, {"x", "b"})]
    assert found == [(("b", "x"), 3), (("b",), 3)]


@pytest.mark.parametrize("rest", ["}", ", broken", ', "never closed', "]]"])
def test_a_repeated_key_is_named_with_its_line_whatever_comes_after_it(rest):
    with pytest.raises(RefusedError, match='line 3 has the key "k" a second time'):
        json_edit.load('{"hooks": {"k": 1,\n "l": 2,\n "k": 3}' + rest)
