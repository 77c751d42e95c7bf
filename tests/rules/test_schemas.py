"""The shipped schemas: valid, documented, and in agreement with the tables and the files."""

import json
import re

import pytest
from jsonschema import Draft202012Validator

from support import ROOT
from tokentrack.hookfiles.triggers import ACTIONS, LEGACY, TRIGGERS

SCHEMAS = sorted((ROOT / "schemas").glob("*.json"))
EVENTS = [
    pytest.param({}, id="ide-0 sends nothing"),
    pytest.param(
        {"session_id": "sess_cf14f65e", "hook_event_name": "Stop", "cwd": "/path/to/project"},
        id="v1 Stop",
    ),
    pytest.param({"hookEventName": "UserPromptSubmit", "prompt": ""}, id="v1 camelCase"),
    pytest.param(
        {"hook_event_name": "PostToolUse", "tool_name": "fs_write", "tool_input": {"path": "a"}},
        id="v1 PostToolUse",
    ),
    pytest.param(
        {"toolName": "fs_write", "toolArgs": {}, "toolResult": "Created.", "toolSuccess": True},
        id="ide-0 postToolUse",
    ),
    pytest.param(
        {"hook_event_name": "stop", "cwd": "/w", "assistant_response": "…", "session_id": None},
        id="cli-2 stop",
    ),
    pytest.param(
        {
            "hook_event_name": "Stop",
            "parent_session_key": "k",
            "subagent_id": None,
            "hook_continuation_count": 0,
            "stop_hook_active": False,
        },
        id="crew Stop",
    ),
    pytest.param(
        {"trigger_type": "agentExecutionCompleted", "file_patterns": ["*.py"], "tokens_used": 1250},
        id="seeds",
    ),
    pytest.param(
        {"event": "agentExecutionCompleted", "token_usage": {"input": 1, "output": 2, "total": 3}},
        id="seeds with token_usage",
    ),
    pytest.param(
        {"usage": {"input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": None}, "x": 1},
        id="usage and an unknown key",
    ),
]


def load(path):
    return json.loads(path.read_text("utf-8"))


def schema(name):
    return load(ROOT / "schemas" / name)


def undescribed(node, place=""):
    """Yield the place of each property without a description."""
    if isinstance(node, list):
        for i, inner in enumerate(node):
            yield from undescribed(inner, f"{place}/{i}")
    if not isinstance(node, dict):
        return
    for key in ("properties", "patternProperties"):
        for name, inner in node.get(key, {}).items():
            if not (isinstance(inner, dict) and inner.get("description", "").strip()):
                yield f"{place}/{key}/{name}"
    for key, inner in node.items():
        yield from undescribed(inner, f"{place}/{key}")


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_a_schema_is_valid_named_and_described_throughout(path):
    document = load(path)
    Draft202012Validator.check_schema(document)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert document["$id"] == f"https://tokentrack.dev/schemas/{path.name}"
    assert document["title"]
    assert document["description"]
    assert list(undescribed(document)) == []


def test_a_property_without_a_description_is_noticed():
    nested = {"allOf": [{"if": {"properties": {"a": {"const": 1}}}}]}
    assert list(undescribed(nested)) == ["/allOf/0/if/properties/a"]


def test_the_names_in_the_schemas_are_those_of_the_tables():
    ide0, v1 = (
        schema("kiro-hook.schema.json")["$defs"],
        schema("kiro-hooks-v1.schema.json")["$defs"],
    )
    agent = schema("kiro-cli-agent-hooks.schema.json")["properties"]["hooks"]
    assert ide0["when"]["properties"]["type"]["enum"] == [*TRIGGERS["ide-0"], *LEGACY]
    assert ide0["then"]["properties"]["type"]["enum"] == list(ACTIONS["ide-0"])
    assert v1["hook"]["properties"]["trigger"]["enum"] == list(TRIGGERS["v1"])
    assert v1["action"]["properties"]["type"]["enum"] == list(ACTIONS["v1"])
    assert set(agent["properties"]) == set(TRIGGERS["cli-2"])


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("token-tracking.kiro.hook", "kiro-hook"),
        ("token-tracking-start.kiro.hook", "kiro-hook"),
        ("tokentrack.json", "kiro-hooks-v1"),
        ("cli-agent.json", "kiro-cli-agent-hooks"),
    ],
)
def test_the_shipped_hook_files_fit_their_schemas(name, form):
    Draft202012Validator(schema(f"{form}.schema.json")).validate(load(ROOT / "hooks" / name))


@pytest.mark.parametrize("event", EVENTS)
def test_the_event_schema_accepts_what_every_surface_sends(event):
    Draft202012Validator(schema("hook-event.schema.json")).validate(event)


@pytest.mark.parametrize(
    "event", [[], "Stop", {"session_id": 1}, {"tokens_used": -1}, {"tokensUsed": "many"}]
)
def test_the_event_schema_refuses_what_means_nothing(event):
    assert not Draft202012Validator(schema("hook-event.schema.json")).is_valid(event)


def test_each_snake_case_key_of_an_event_has_its_camel_case_spelling():
    names = set(schema("hook-event.schema.json")["properties"])
    for name in names:
        head, *tail = name.split("_")
        assert head + "".join(part.title() for part in tail) in names


@pytest.mark.parametrize(
    ("name", "matches"),
    [
        (".kiro/hooks/a.kiro.hook", True),
        ("packages/x/.kiro/hooks/sub/a.kiro copy.hook", True),
        (".kiro/hooks/a.json", True),
        (".kiro/agents/a.json", True),
        (".kiro/agents/a.hook", False),
        (".kiro/settings/mcp.json", False),
        ("hooks/a.json", False),
    ],
)
def test_pre_commit_hands_over_the_files_that_kiro_reads(name, matches):
    text = (ROOT / ".pre-commit-hooks.yaml").read_text("utf-8")
    assert "id: tokentrack-validate-hooks\n" in text
    pattern = re.search(r"^  files: (.*)$", text, re.MULTILINE).group(1)
    assert bool(re.search(pattern, name)) is matches
