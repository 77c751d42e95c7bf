"""The JSON documents of the answers fit schemas/answers.schema.json, and have no other keys."""

import copy
import json
import time

import pytest
from jsonschema import Draft202012Validator

from support import ROOT
from support.imported import summary, tokentrack
from support.kiro_homes import build
from support.priced_turns import add_turn
from support.report_changes import ChangingWorld
from tokentrack.reports.dimensions import NAMES

SCHEMA = json.loads((ROOT / "schemas" / "answers.schema.json").read_text("utf-8"))
COMMANDS = [part["$ref"].rpartition("/")[2] for part in SCHEMA["oneOf"]]


def closed(schema):
    """Return a schema that refuses keys that it does not name."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(part) for name, part in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        found.setdefault("additionalProperties", False)
    return found


VALIDATORS = {
    name: Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": closed(SCHEMA["$defs"])})
    for name in COMMANDS
}


def problems(document):
    """Return where a document does not fit its command's schema, and why."""
    errors = VALIDATORS[document["command"]].iter_errors(document)
    return [f"{error.json_path}: {error.message[:200]}" for error in errors]


def nothing(machine):
    del machine


def recorded(machine):
    """Turns of today by hooks, one without credits, a request, and a plan that is used up."""
    now = time.time_ns() // 1000
    add_turn(machine.folder, "e-1", now - 3, "8", workspace_folder="web", user="ada")
    add_turn(machine.folder, "e-2", now - 2, "6.125", error_occurred="true", error_message="no",
             tags="customer=acme;b", file_patterns="*.py;a", machine="laptop")  # fmt: skip
    add_turn(machine.folder, "e-3", now - 1, "", elapsed_time="", token_basis="unknown")
    add_turn(machine.folder, "e-1", now, "9")
    with (machine.folder / "token_transactions.csv").open("a") as file:
        file.write("torn,row\n")
    tokentrack(machine, "plan", "set", "Ten", "--price", "5", "--credits", "10", "--overage", "2")


def imported(machine):
    """The home with every kind of file of Kiro's."""
    build(machine.home)
    summary(machine, "--all")
    tokentrack(machine, "init", "--surface", "v1")


def damaged(machine):
    """Ledgers with rows of every kind, damaged and changed in every way."""
    world = ChangingWorld(machine.root, seed=3)
    for _ in range(60):
        world.step()


WORLDS = [nothing, recorded, imported, damaged]
REPORTS = [
    *(("report", name, "--since", "all") for name in NAMES),
    ("report", "tag:customer", "workspace", "--since", "all"),
    ("report", "--show", "turns,rate,cr/turn,time", "-n", "1"),
    ("report", "day", "--vs", "last-month"), ("report", "model", "--vs", "7d", "--sort", "cost"),
    ("report", "workspace", "--breakdown", "--since", "all"),
    ("report", "--no-index", "--failed", "--workspace", "!web", "--cost", "list"),
]  # fmt: skip
QUESTIONS = [
    *REPORTS, ("overview",), ("overview", "--since", "yesterday", "--until", "yesterday"),
    ("overview", "--since", "all", "--model", "auto"),
    ("turns",), ("turns", "--grep", "a", "-n", "2"),
    ("turns", "--sort", "credits", "--since", "all"), ("workspaces",), ("plan", "show"),
    ("status",), ("maintain",),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
def test_every_document_fits_and_has_no_other_key(machine, world):
    world(machine)
    files = [f"--file={folder}" for folder in machine.root.glob("w?")]
    has_plan = world is recorded
    seen = set()
    for question in QUESTIONS:
        more = files if question[0] in {"report", "overview", "turns"} else []
        if not has_plan and not {"cost", "--cost"}.isdisjoint(question):
            continue
        code = None if question == ("status",) else 0
        document = json.loads(tokentrack(machine, *question, *more, "--json", code=code))
        assert problems(document) == [], question
        seen.add(document["command"])
        if document["command"] == "turns":
            for turn in document["rows"][:5]:
                shown = json.loads(tokentrack(machine, "show", turn["id"], *more, "--json"))
                assert problems(shown) == [], turn["id"]
                seen.add(shown["command"])
    if world is recorded or world is imported:
        assert seen == set(COMMANDS)


def places(value, path=()):
    """Yield the path of every key of a document."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*path, name)
            yield from places(inner, (*path, name))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*path, 0))


def changed(document, path, change):
    """Return a document with a change to the object that has the last part of a path."""
    found = copy.deepcopy(document)
    parent = found
    for part in path[:-1]:
        parent = parent[part]
    change(parent, path[-1])
    return found


LABELS = {"workspace", "model", "day"}  # a row has those that it was asked for


def test_a_missing_or_a_new_key_or_another_type_is_noticed(machine):
    recorded(machine)
    for words in (("report", "workspace"), ("overview",), ("turns",), ("show", "e-1"),
                  ("workspaces",), ("plan", "show"), ("status",), ("maintain",)):  # fmt: skip
        document = json.loads(tokentrack(machine, *words, "--json", code=None))
        assert problems(document) == []
        for path in places(document):
            if path[0] in {"schema_version", "command"}:
                continue
            is_label = words[0] != "turns" and len(path) == 3 and path[-1] in LABELS
            is_optional = words[0] == "show" and path[0] == "fields" and len(path) == 2
            is_optional |= path[:2] == ("query", "filters") and len(path) > 2
            if not is_label and not is_optional:
                missing = changed(document, path, lambda parent, name: parent.pop(name))
                assert problems(missing), path
            new = changed(document, path, lambda parent, _: parent.update(surplus=1))
            assert problems(new) or path[-2:-1] in {("filters",), ("unreadable",)}, path
        if "total" in document:
            number = changed(document, ("total", "credits"), lambda p, _: p.update(credits=1.5))
            assert problems(number)
