"""Values of cells: lists are escaped as documented and read back, numbers are checked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentrack.errors import ValidationError
from tokentrack.models.columns import as_count, as_number, join_list, split_list
from tokentrack.models.transaction import TokenTransaction

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


class Seconds(float):
    def __repr__(self):
        return f"Seconds({float(self)})"


class Whole:
    """A number of another package, as `numpy.int64` is one."""

    def __init__(self, number):
        self.number = number

    def __index__(self):
        return self.number


def test_a_number_of_another_package_is_a_whole_number():
    assert as_number(Whole(5)) == as_count(Whole(5)) == 5
    assert type(as_number(Whole(5))) is int
    assert type(as_number(Seconds(0.5))) is float
    for value in (5, True, 5.0, "5", None, b"5"):
        assert as_number(value) is value
    record = TokenTransaction.create_new("p", Whole(5), Seconds(2.5), "ws", "t")
    assert record.to_csv_row()[2:4] == ["5", "2.5"]
    with pytest.raises(ValidationError, match="not -1"):
        TokenTransaction.create_new("p", Whole(-1), 1.0, "ws", "t")


def test_a_number_of_numpy_is_a_whole_number():
    numpy = pytest.importorskip("numpy")
    record = TokenTransaction.create_new("p", numpy.int64(5), numpy.float64(1.5), "ws", "t")
    assert record.to_csv_row()[2:4] == ["5", "1.5"]
