"""The records: checked at once and completely, immutable, and identical after the file."""

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokentrack.errors import ValidationError
from tokentrack.models import TokenTransaction
from tokentrack.models.columns import COLUMNS

FIELDS = {
    "timestamp": datetime(2026, 1, 15, 10, 30, 45, 123000, UTC),
    "prompt_text": "MY PROMPT",
    "tokens_used": 150,
    "elapsed_time": 2.5,
    "session_id": "s1",
    "workspace_folder": "w",
    "hook_trigger_type": "agentExecutionCompleted",
    "agent_execution_id": "e1",
    "file_patterns": ["*.py", "a;b"],
    "hook_name": "h",
    "error_occurred": True,
    "error_message": "boom",
}
EAST = timezone(timedelta(hours=2))
WRONG = {
    "timestamp": ["2026-01-15", None, 1.5, True, 10**40, -(10**40)],
    "prompt_text": [None, 5, b"x"],
    "tokens_used": [-1, 1.5, True, "5", None, 10**5000, -(10**5000)],
    "elapsed_time": [
        -1,
        float("nan"),
        float("inf"),
        1e308,
        10**10,
        True,
        "5",
        10**400,
        -(10**5000),
    ],
    "session_id": [None, 5],
    "workspace_folder": [None],
    "hook_trigger_type": [None],
    "agent_execution_id": ["", None],
    "file_patterns": ["*.py", [""], [5], 5, [None]],
    "hook_name": [None],
    "error_occurred": ["yes", 1, None],
    "error_message": [5],
}


def record(**fields):
    return TokenTransaction(**{**FIELDS, **fields})


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_field_is_refused_by_name(name):
    for value in WRONG[name]:
        with pytest.raises(ValidationError) as caught:
            record(**{name: value})
        (issue,) = caught.value.issues
        assert name in issue
        assert len(issue) < 300


def test_all_problems_are_in_one_error_without_the_prompt():
    with pytest.raises(ValidationError) as caught:
        TokenTransaction(**{name: values[0] for name, values in WRONG.items()})
    assert len(caught.value.issues) == len(WRONG)
    assert "MY PROMPT" not in str(caught.value)


def test_a_record_cannot_be_changed():
    made = record()
    for name in [*FIELDS, "new"]:
        with pytest.raises(AttributeError):
            setattr(made, name, "x")
        with pytest.raises(AttributeError):
            delattr(made, name)
    made.file_patterns.append("x")
    assert made == record()


def test_equality_and_hash_are_of_all_columns():
    assert record() == record()
    assert hash(record()) == hash(record())
    others = [record(**{name: None if name == "elapsed_time" else value})
              for name, value in zip(FIELDS, [0, "p", 1, 1, "s", "f", "t", "i", [], "n", False, ""],
                                     strict=True)]  # fmt: skip
    assert len({record(), *others}) == len(FIELDS) + 1
    assert record() != tuple(FIELDS.values())


def test_the_repr_shows_no_prompt():
    assert "MY PROMPT" not in repr(record())
    assert "e1" in repr(record())


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy,
                                       lambda made: pickle.loads(pickle.dumps(made))])  # fmt: skip
def test_a_record_can_be_copied(duplicate):
    assert duplicate(record()) == record()


def test_new_records_have_ids_of_their_own():
    made = [TokenTransaction.create_new("p", 1, 0.5, "w", "t") for _ in range(100)]
    assert len({one.agent_execution_id for one in made}) == 100


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 15, 10, 30, 45, tzinfo=UTC), "2026-01-15T10:30:45.000Z"),
        (datetime(2026, 1, 15, 10, 30, 45, 1, UTC), "2026-01-15T10:30:45.000001Z"),
        (datetime(2026, 1, 15, 10, tzinfo=EAST), "2026-01-15T08:00:00.000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000Z"),
        (datetime(9999, 12, 31, 23, 59, 59, 999999, UTC), "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_time_is_in_utc_and_comes_back(moment, text):
    row = record(timestamp=moment).to_csv_row()
    assert row[0] == text
    assert TokenTransaction.from_csv_row(row).timestamp == moment


def test_a_naive_time_is_local():
    moment = datetime(2026, 1, 15, 10, 30)  # noqa: DTZ001  (naive is the point)
    assert record(timestamp=moment).timestamp == moment.astimezone(UTC)


TEXTS = st.text(st.characters())
RECORDS = st.fixed_dictionaries({
    "timestamp": st.datetimes(timezones=st.just(UTC)),
    "prompt_text": TEXTS,
    "tokens_used": st.integers(0, 10**12),
    "elapsed_time": st.none() | st.floats(0, 1e9) | st.integers(0, 10**9),
    "session_id": TEXTS,
    "workspace_folder": TEXTS,
    "hook_trigger_type": TEXTS,
    "agent_execution_id": st.text(st.characters(), min_size=1),
    "file_patterns": st.lists(st.text(st.characters() | st.sampled_from(";\\"), min_size=1)),
    "hook_name": TEXTS,
    "error_occurred": st.booleans(),
    "error_message": TEXTS,
})  # fmt: skip


@given(RECORDS)
def test_any_record_comes_back_from_its_cells(fields):
    made = TokenTransaction(**fields)
    row = made.to_csv_row()
    assert len(row) == len(COLUMNS)
    assert TokenTransaction.from_csv_row(row) == made
    assert list(made.get_summary()) == list(COLUMNS)


@pytest.mark.parametrize("column", range(len(COLUMNS)))
@pytest.mark.parametrize("cell", ["nan", "٣", "1_0", " 1", "1e999", "9" * 5000, "\0", "maybe"])
def test_a_cell_is_read_or_refused(column, cell):
    row = record().to_csv_row()
    row[column] = cell
    try:
        made = TokenTransaction.from_csv_row(row)
    except ValidationError as refused:
        assert COLUMNS[column] in str(refused)  # noqa: PT017  (some cells are readable)
    else:
        assert made.to_csv_row()[column] == cell


@pytest.mark.parametrize("width", [0, 1, 11, 13])
def test_a_row_of_another_width_is_refused(width):
    with pytest.raises(ValidationError, match=str(width)):
        TokenTransaction.from_csv_row(["x"] * width)
