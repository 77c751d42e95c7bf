"""Events of every surface: each file of `examples/events` is a test, and so are these tables."""

import json

import pytest

from support import EXAMPLES
from support.kiro import TIMEOUT, encode, finish
from tokentrack.models import TrackerConfig
from tokentrack.recorder import events

EXAMPLES = {
    path.stem: json.loads(path.read_bytes())
    for path in sorted(EXAMPLES.joinpath("events").glob("*.json"))
}
REQUIRED = {"surface", "version", "note", "arguments", "environment", "stdin", "expect"}


def play(machine, name):
    """Hand an example to the hook; a stdin of null is opened, never written and never closed."""
    example = json.loads(json.dumps(EXAMPLES[name]).replace("$WORKSPACE", str(machine.root)))
    process = machine.start(*example["arguments"], env=example["environment"])
    if example["stdin"] is None:
        process.wait(TIMEOUT)
        finish(process)
    else:
        finish(process, encode(example["stdin"]))


def holds(found, expected):
    """Tell whether there are as many records, each with at least the expected values."""
    return len(found) == len(expected) and all(
        want.items() <= have.items() for have, want in zip(found, expected, strict=True)
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_recorded_as_expected(machine, name):
    for earlier in EXAMPLES[name].get("before", []):
        play(machine, earlier)
    play(machine, name)
    expect = EXAMPLES[name]["expect"]
    assert holds(machine.rows(), expect.get("rows", [])), machine.rows()
    assert holds(machine.running(), expect.get("running", [])), machine.running()
    assert holds(machine.usage(), expect.get("usage", [{} for _ in expect.get("rows", [])]))
    assert [row["agent_execution_id"] for row in machine.usage()] == [
        row["agent_execution_id"] for row in machine.rows()
    ]
    if "log" not in expect:
        assert machine.log() == ""
    assert all(text in machine.log() for text in expect.get("log", []))


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_says_where_it_comes_from(name):
    assert set(EXAMPLES[name]) - {"before"} == REQUIRED
    assert EXAMPLES[name]["note"].startswith("synthetic")
    assert name.startswith((EXAMPLES[name]["surface"], "documented"))


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (events.START, "promptSubmit userPromptSubmit UserPromptSubmit agentExecutionStarted"),
        (events.COMPLETION, "agentStop stop Stop agentExecutionCompleted"),
        (events.ACTIVITY, "preToolUse postToolUse PreToolUse PostToolUse"),
        (events.ACTIVITY, "preTaskExecution postTaskExecution PreTaskExec PostTaskExec"),
        (events.ACTIVITY, "fileEdited fileCreated fileDeleted"),
        (events.ACTIVITY, "PostFileSave PostFileCreate PostFileDelete"),
        (events.OTHER, "userTriggered Manual SessionStart SessionEnd agentSpawn stopped "),
    ],
)
def test_a_trigger_means_the_same_in_any_case_and_spelling(kind, names):
    for name in names.split():
        for spelling in (name, name.upper(), name.lower(), events._snake(name), f" {name}-"):
            assert events.kind_of(spelling) == kind, spelling


@pytest.mark.parametrize(
    ("name", "fields", "environ", "surface"),
    [
        ("promptSubmit", {}, {}, "ide-0"),
        ("agentStop", {}, {}, "ide-0"),
        ("Stop", {}, {"VSCODE_PID": "1"}, "v1"),
        ("PostFileSave", {}, {}, "v1"),
        ("stop", {}, {"VSCODE_PID": "1"}, "cli-2"),
        ("postToolUse", {}, {"VSCODE_PID": "1"}, "ide-0"),
        ("postToolUse", {}, {}, "cli-2"),
        ("Stop", {"parent_session_key": "k"}, {}, "crew"),
        ("Stop", {}, {"KIROCREW_HOOK_EVENT": "Stop"}, "crew"),
        ("agentExecutionCompleted", {}, {"VSCODE_PID": "1"}, "api"),
    ],
)
def test_the_surface_is_told_by_name_and_surroundings(name, fields, environ, surface):
    assert events.surface_of(name, fields, environ) == surface


def parse(environ=(), **fields):
    return events.parse(events.snake_case(fields), dict(environ))[0]


ALIASES = {
    "trigger": "hook_event_name event event_name event_type trigger_type hook_trigger_type trigger",
    "session_id": "session_id parent_session_key session",
    "execution_id": "agent_execution_id execution_id",
    "prompt": "prompt prompt_text user_prompt",
    "model": "model model_id model_name",
    "hook_name": "hook_name",
    "workspace_folder": "workspace_folder",
    "error_message": "error_message error",
}


def camel_case(name):
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


@pytest.mark.parametrize(("attribute", "names"), ALIASES.items())
def test_a_field_is_known_by_every_alias_in_snake_and_camel_case(attribute, names):
    for name in names.split():
        assert getattr(parse(**{name: "x"}), attribute) == "x", name
        assert getattr(parse(**{camel_case(name): "x"}), attribute) == "x", camel_case(name)


def test_a_field_in_snake_case_wins_over_its_camel_case_twin():
    assert parse(sessionId="camel", session_id="snake").session_id == "snake"
    assert parse(session_id="snake", sessionId="camel").session_id == "snake"


@pytest.mark.parametrize(
    ("fields", "occurred", "message"),
    [
        ({}, False, ""),
        ({"error_occurred": True}, True, ""),
        ({"error_message": "boom"}, True, "boom"),
        ({"error": "boom"}, True, "boom"),
        ({"error": {"message": "boom", "code": 5}}, True, "boom"),
        ({"error": {}}, True, ""),
        ({"error": None}, False, ""),
        ({"error_occurred": False, "error_message": "was mended"}, False, "was mended"),
        ({"success": False}, True, ""),
        ({"status": "failed"}, True, ""),
        ({"status": "success"}, False, ""),
        ({"status": ["failed"]}, False, ""),
        ({"status": {}}, False, ""),
        ({"error": {"message": ["no", "text"]}}, True, ""),
    ],
)
def test_an_error_is_told_in_many_ways(fields, occurred, message):
    event = parse(**fields)
    assert (event.error, event.error_message) == (occurred, message)


@pytest.mark.parametrize(
    ("fields", "usage"),
    [
        ({"tokens_used": 150}, {"total": 150}),
        ({"total_tokens": 150}, {"total": 150}),
        ({"tokens_used": 150.0}, {"total": 150}),
        ({"tokensUsed": 0}, {"total": 0}),
        ({"input_tokens": 3, "output_tokens": 4}, {"input": 3, "output": 4, "total": 7}),
        ({"usage": {"inputTokens": 3, "outputTokens": 4}}, {"input": 3, "output": 4, "total": 7}),
        ({"usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 9}},
         {"input": 3, "output": 4, "total": 9}),
        ({"usage": {"input_tokens": 9, "cached_tokens": 5}},
         {"input": 9, "cached": 5, "total": 9}),
        ({"result": {"usage": {"input_tokens": 1}}}, {"input": 1, "total": 1}),
        ({"tokens_used": None, "usage": {"total": 4}}, {"total": 4}),
        ({"input": "text of a tool", "output": 5, "total": 6}, {}),
        ({"usage": "much", "token_usage": [1], "result": None}, {}),
    ],
)  # fmt: skip
def test_reported_tokens_come_in_many_shapes(fields, usage):
    event, problems = events.parse(events.snake_case(fields), {})
    assert (event.usage, problems) == (usage, [])


def test_a_part_of_what_was_reported_is_no_total():
    event, problems = events.parse({"usage": {"input_tokens": -1, "output_tokens": 5}}, {})
    assert (event.usage, len(problems)) == ({"output": 5}, 1)


@pytest.mark.parametrize(
    "value", [-1, 1.5, True, "12", [], {}, float("nan"), float("inf"), 10**13, 10**400]
)
def test_what_is_no_count_is_left_out_and_named(value):
    event, problems = events.parse({"tokens_used": value}, {})
    assert event.usage == {}
    assert problems == ["tokens_used is not a number of tokens: ignored"]


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({"elapsed_time": 2.5}, 2.5),
        ({"duration_ms": 1500}, 1.5),
        ({"elapsedMs": 20}, 0.02),
        ({"elapsed_time": 0}, 0),
        ({"elapsed_time": None, "duration_ms": 1000}, 1.0),
        ({"elapsed_time": -1}, None),
        ({"elapsed_time": True}, None),
        ({"elapsed_time": float("nan")}, None),
        ({"elapsed_time": 10**400}, None),
    ],
)
def test_elapsed_time_is_in_seconds_or_unknown(fields, seconds):
    assert parse(**fields).elapsed == seconds


@pytest.mark.parametrize(
    ("fields", "patterns"),
    [
        ({"file_patterns": ["*.py", "*.md"]}, ["*.py", "*.md"]),
        ({"patterns": "*.py", "filePath": "a.py"}, ["*.py", "a.py"]),
        ({"files": ["a", "a", "", 5, None, ["b"]]}, ["a"]),
        ({"tool_input": {"path": "a", "file_path": "b", "patterns": ["no"]}}, ["b", "a"]),
        ({"toolArgs": {"filePath": "a"}}, ["a"]),
        ({"toolInput": {"paths": [{"path": "a"}, {"mode": "x"}]}}, ["a"]),
        ({"tool_input": "text", "tool_args": None}, []),
    ],
)
def test_files_come_from_patterns_tools_and_tasks(fields, patterns):
    assert parse(**fields).patterns == patterns


def test_the_files_of_an_event_are_bounded():
    event = parse(files=["x" * 10_000, *map(str, range(1000))])
    assert len(event.patterns) == 200
    assert len(event.patterns[0]) == 4096


def test_subagents_of_one_crew_session_are_apart():
    events_ = [parse(parent_session_key="k", subagent_id=agent) for agent in ("", "a", "b")]
    assert len({event.session_key for event in events_}) == 3


def test_windows_without_a_session_id_are_apart():
    keys = [parse({"VSCODE_PID": pid}, event="agentStop").session_key for pid in ("1", "2", "1")]
    assert keys[0] == keys[2] != keys[1]


def test_a_fingerprint_is_of_what_two_hooks_of_one_event_share():
    same = [parse(event="Stop", assistant_text="t", hook_name=name) for name in ("a", "b")]
    other = [parse(event="Stop", assistant_text="u"),
             parse(event="UserPromptSubmit", prompt="t"),
             parse(event="Stop", assistant_text="t", hook_continuation_count=1)]  # fmt: skip
    assert same[0].fingerprint == same[1].fingerprint
    assert len({event.fingerprint for event in [same[0], *other]}) == 4


def test_a_fingerprint_holds_nothing_of_a_secret_and_no_prompt_that_is_not_stored():
    def fingerprint(prompt, answer="", **config):
        fields = {"event": "Stop", "prompt": prompt, "response": answer, "session": "s"}
        return events.parse(fields, {}, TrackerConfig(**config))[0].fingerprint

    one, other = (f"postgres://u:{secret}@h" for secret in ("hunter2", "correct-horse"))
    assert fingerprint(one) == fingerprint(other)
    assert fingerprint("", one) == fingerprint("", other)
    assert fingerprint(one, redact_secrets=False) != fingerprint(other, redact_secrets=False)
    # Of text that is not stored, only the length matters.
    assert fingerprint("yes", max_prompt_length=0) == fingerprint("not", max_prompt_length=0)
    assert fingerprint("yes", max_prompt_length=0) != fingerprint("no", max_prompt_length=0)
    assert fingerprint("yes") != fingerprint("not")


def test_a_fingerprint_of_one_session_tells_nothing_of_another():
    one, other = (parse(prompt="yes", session=session) for session in "ab")
    assert one.fingerprint != other.fingerprint


def test_ids_that_redaction_changes_stay_apart():
    config = TrackerConfig()
    ids = [f"sk-{number}-abcdefghij0123456789" for number in (1, 2, 1)]
    parsed = [events.parse({"session_id": i, "execution_id": i, "subagent_id": i}, {}, config)[0]
              for i in ids]  # fmt: skip
    for name in ("session_id", "execution_id", "session_key"):
        first, second, again = (getattr(event, name) for event in parsed)
        assert first == again != second
        assert "abcdefghij" not in first


@pytest.mark.parametrize("name", ["file_path", "files", "error", "hook_name", "model", "trigger"])
def test_secrets_go_before_a_text_is_cut(name):
    token = "ghp_" + "Zq7Kd2Xw9Lm4Vb8Nc3Rt6Yp1Hs5Jf0Gu7Ea2"
    for length in (190, 250, 1990, 4090):
        text = "x" * length + " " + token
        value = [{"path": text}] if name == "files" else text
        for fields in ({name: value}, {"tool_input": {name: value}}):
            event = events.parse(fields, {}, TrackerConfig())[0]
            assert "ghp_" not in json.dumps(event.to_dict()), (length, fields.keys())


def test_an_event_survives_the_spool():
    event = parse(event="Stop", session="s", files=["a"], tokens_used=5, error="x")
    copy = events.Event.from_dict(json.loads(json.dumps(event.to_dict())))
    assert copy.to_dict() == event.to_dict()
