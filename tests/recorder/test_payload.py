"""The payload: bounded in time and size, and whatever it holds is found."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tokentrack.recorder import events, payload, salvage
from tokentrack.recorder.salvage import find_fields
from tokentrack.recorder.tokens import estimate_tokens

STOP = {"hook_event_name": "Stop", "session_id": "s1", "prompt": 'héllo \n "quoted" \\ 😀'}
TEXT = json.dumps(STOP, ensure_ascii=False)
TEXTS = st.text(st.sampled_from('ab\\"[]{},'))


def known(data):
    """Return the fields in the bytes, in snake_case."""
    return events.snake_case(payload.decode(data)[0])


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "ascii"]
)
def test_a_payload_is_read_in_every_encoding(encoding):
    text = json.dumps(STOP, ensure_ascii=encoding == "ascii")
    assert payload.decode(text.encode(encoding)) == (STOP, [])


@pytest.mark.parametrize("data", [b"", b" \r\n\t"])
def test_an_empty_payload_is_no_problem(data):
    assert payload.decode(data) == ({}, [])


@pytest.mark.parametrize(
    "text",
    [
        TEXT[:-1],
        TEXT + "}",
        TEXT + "\n" + TEXT,
        "warning: something\n" + TEXT,
        TEXT.replace("{", "{,", 1),
        TEXT[:-1] + ', "tokens_used": ' + "1" * 5000 + "}",
        "'" + TEXT + "'",
    ],
)
def test_a_damaged_payload_gives_the_fields_that_can_be_found(text):
    fields, problems = payload.decode(text.encode())
    assert STOP.items() <= fields.items()
    (problem,) = problems
    assert "not JSON" in problem


@pytest.mark.parametrize("name", ["x", "result", "usage", "toolInput"])
@pytest.mark.parametrize("depth", [62, 64, 100, 980, 1000, 1500, 3000, 20_000, 80_000])
def test_only_what_is_deeper_than_64_levels_is_ignored(name, depth):
    opening, closing = ("[", "]") if name == "x" else ('{"result":', "}")
    text = f'{{"{name}": {opening * depth}1{closing * depth}, {TEXT[1:]}'
    fields, problems = payload.decode(text.encode())
    found = events.snake_case(fields)
    assert STOP.items() <= found.items()
    assert problems == (["what is nested over 64 levels deep was ignored"] if depth > 63 else [])


def test_the_levels_above_are_whole():
    text = '{"a": ' + "[" * 62 + "1, [[7], {}], 2, [3]" + "]" * 62 + ', "b": "]["}'
    fields, problems = payload.decode(text.encode())
    inner = fields["a"]
    for _ in range(61):
        (inner,) = inner
    assert (inner, fields["b"]) == ([1, [None, None], 2, [3]], "][")
    assert len(problems) == 1


@given(
    st.recursive(
        st.integers() | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)
    )
)
def test_nothing_is_cut_from_a_value_that_is_not_too_deep(value):
    data = json.dumps({"a": value}).encode()
    assert salvage.cut(data, 64) == data
    assert json.loads(salvage.cut(data, 0)) is None


@pytest.mark.parametrize("end", range(len(TEXT.encode()) - 21, len(TEXT.encode())))
def test_a_payload_cut_anywhere_in_its_last_text_keeps_the_text(end):
    fields, _ = payload.decode(TEXT.encode()[:end])
    assert fields["session_id"] == "s1"
    assert fields["prompt"].startswith("héllo \n")


def test_bytes_that_are_not_utf8_cost_only_themselves():
    fields, problems = payload.decode(b'{"session_id": "s1", "prompt": "a\xff\xfeb"}')
    assert fields == {"session_id": "s1", "prompt": "a\ufffd\ufffdb"}
    assert problems == ["the payload is not UTF-8 at byte 33"]


@pytest.mark.parametrize("value", [[], [STOP], "text", 5, 1.5, True, None])
def test_a_payload_that_is_no_object_is_named(value):
    fields, problems = payload.decode(json.dumps(value).encode())
    assert fields == {}
    assert problems == [f"the payload is a JSON {type(value).__name__}, not an object"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_known_fields_of_a_large_payload_are_found(encoding):
    large = {"filler": ["x" * 100] * 20_000, "sessionId": "s1", "tokens_used": 12, "cwd": "/w"}
    fields = known(json.dumps(large).encode(encoding))
    assert {"session_id": "s1", "tokens_used": 12, "cwd": "/w"}.items() <= fields.items()


def test_the_file_of_a_tool_with_a_large_argument_is_found():
    tool = {"tool_input": {"path": "a.py", "content": "x" * 2 * 1024 * 1024}}
    event, _ = events.parse(known(json.dumps(tool).encode()), {})
    assert event.patterns == ["a.py"]


def test_a_large_prompt_counts_with_all_its_text():
    prompt = "x" * 2 * 1024 * 1024
    event, _ = events.parse(known(json.dumps({"prompt": prompt}).encode()), {})
    assert event.prompt_tokens == estimate_tokens(prompt)
    assert prompt.startswith(event.prompt[:1000])


def test_text_that_quotes_a_payload_is_not_taken_for_one():
    damaged = b'{"prompt": "see {\\"session_id\\": \\"other\\"}", "session_id": "s1"'
    assert find_fields(damaged)["session_id"] == "s1"


KEYS = [
    "event", "session_id", "sessionId", "cwd", "prompt", "status", "error", "usage", "token_usage",
    "result", "tool_input", "toolArgs", "path", "files", "file_patterns", "tokens_used",
    "elapsed_time", "hook_continuation_count", "success", "error_occurred", "subagent_id",
]  # fmt: skip
JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(KEYS) | st.text(max_size=5),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


ANY_BYTES = st.binary() | st.text().map(str.encode)


@given(ANY_BYTES | JSONISH.map(lambda value: json.dumps(value).encode()))
@example(b'{"status": []}')
@example(b'{"usage": {"total": 1e999}}')
@example(b'{"error": {"message": {}}}')
def test_any_bytes_become_an_event_that_survives_the_spool(data):
    decoded, problems = payload.decode(data)
    event, refused = events.parse(events.snake_case(decoded), {})
    copy = events.Event.from_dict(json.loads(json.dumps(event.to_dict())))
    assert copy.to_dict() == event.to_dict()
    assert all("\n" not in problem and len(problem) < 200 for problem in [*problems, *refused])


@given(st.binary(min_size=1))
def test_any_bytes_added_to_a_payload_leave_its_fields(junk):
    damaged = TEXT.encode() + b"\0" + junk
    assert STOP.items() <= payload.decode(damaged)[0].items()


@pytest.mark.parametrize("depth", [100, 800, 900, 950, 980, 1000])
@pytest.mark.parametrize("name", ["result", "usage", "hook_continuation_count", "error", "files"])
def test_nesting_just_below_the_limit_is_no_error_later(name, depth):
    nested = f'{{"{name}":' * depth + "1" + "}" * depth
    data = f'{{"session_id": "s1", "{name}": {nested}}}'.encode()
    event, _ = events.parse(known(data), {})
    assert event.session_id == "s1"
