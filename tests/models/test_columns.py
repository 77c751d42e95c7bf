"""Lists in a cell: escaped as documented, and read back as they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentrack.models.columns import join_list, split_list

LISTS = st.lists(st.text(st.sampled_from("a;\\") | st.characters(), min_size=1))


@given(LISTS)
def test_any_list_comes_back_from_its_cell(items):
    assert split_list(join_list(items)) == items


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a;b"),
        (["a;b"], "a\\;b"),
        (["C:\\new", "D:\\"], "C:\\new;D:\\"),
        (["D:\\", "a"], "D:\\\\;a"),
        (["\\;"], "\\\\\\;"),
    ],
)
def test_a_list_is_written_as_documented(items, text):
    assert join_list(items) == text
