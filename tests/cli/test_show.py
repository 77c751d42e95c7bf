"""`tokentrack show`: one turn by any beginning of its id, with its source and its lines."""

import json
import subprocess
import sys

import pytest

from support.imported import latest, tokentrack
from support.kiro_homes import build
from support.report_changes import ChangingWorld
from support.report_world import LEDGER, USAGE
from tokentrack.errors import TokenTrackError
from tokentrack.reports.render.one_turn import one_turn_lines
from tokentrack.reports.render.screen import Screen, width_of
from tokentrack.reports.turns.one_turn import show_turn
from tokentrack.reports.turns.turn_list import list_turns
from tokentrack.reports.turns.turn_rows import short_ids
from tokentrack.reports.zones import Zone
from tokentrack.usage import UsageTracker


@pytest.fixture
def imported(machine):
    """Return a machine whose ledger has the turns of a synthetic Kiro home."""
    build(machine.home, 7)
    tokentrack(machine, "import", "--all")
    return machine


def show(machine, *words, columns=None, code=0):
    env = {"COLUMNS": str(columns)} if columns else {}
    return tokentrack(machine, "show", *words, code=code, env=env)


def document(machine, *words):
    return json.loads(show(machine, "--json", *words))


def test_every_field_is_the_one_of_the_files_at_the_line_that_is_named(imported):
    usage = latest(imported.users)
    for row in imported.users.rows()[:8]:
        found = document(imported, row["agent_execution_id"])
        assert found["id"] == row["agent_execution_id"]
        fields, cells = found["fields"], usage[row["agent_execution_id"]]
        assert fields["credits"]["value"] == (cells["credits"] or None)
        assert fields["credits"]["basis"] == cells["credits_basis"]
        assert fields["workspace"]["value"] == row["workspace_folder"]
        for name in ("model", "surface"):
            fact = fields[name]
            assert fact["value"] == (cells[name] or None)
            if fact["value"]:
                assert fact["source"] == cells["source"]
                assert fact["read_at"] == cells["recorded_at"]
                with open(fact["file"], encoding="utf-8") as file:
                    assert row["agent_execution_id"] in file.readlines()[fact["line"] - 1]
        assert [line["kind"] for line in found["rows"] if line["counts"]] == ["ledger", "usage"]


def test_the_id_of_a_list_or_any_beginning_that_is_not_ambiguous_names_a_turn(imported):
    rows = json.loads(tokentrack(imported, "turns", "--json"))["rows"]
    ids = [row["id"] for row in rows]
    for identity, short in list(zip(ids, short_ids(ids), strict=True))[:12]:
        assert document(imported, short)["id"] == identity
        assert document(imported, identity[:-1])["id"] == identity


def test_the_index_and_the_files_alone_show_the_same(imported):
    identity = imported.users.rows()[3]["agent_execution_id"]
    with_index, alone = (document(imported, identity, *more) for more in ([], ["--no-index"]))
    assert with_index.pop("provenance") == {"source": "index"}
    assert alone.pop("provenance") == {"source": "scan"}
    assert with_index.pop("generated_at")
    assert alone.pop("generated_at")
    assert with_index == alone


@pytest.mark.parametrize(
    ("word", "message"),
    [("nothing", "no turn has an id that begins with"), ("", "must not be empty"),
     ("kiro-cli-database", "several ids begin with"), ("x0000000", "no turn has an id")],
)  # fmt: skip
def test_another_word_is_answered_in_one_sentence(imported, word, message):
    done = subprocess.run(
        [sys.executable, "-m", "tokentrack", "show", word], cwd=imported.root,
        env=imported.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not done.stdout
    if "several" in message:
        ids = [row["agent_execution_id"] for row in imported.users.rows()]
        assert sum(identity in done.stderr for identity in ids) > 1


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(machine, columns):
    hostile = "red \x1b[31m, right \u202e to left\nsecond \ud83d line " + "語" * 150
    machine.send("UserPromptSubmit", prompt=hostile)
    machine.send("Stop")
    identity = machine.row()["agent_execution_id"]
    text = show(machine, identity, columns=columns)
    assert all(width_of(line) <= columns for line in text.splitlines())
    assert "\\x1b[31m" in text
    assert not set("\x1b\u202e") & set(text)
    assert not set("·–") & set(show(machine, identity, "--ascii", columns=columns))
    assert document(machine, identity)["fields"]["prompt"]["value"] == hostile


def test_asking_changes_no_file_of_the_workspace(machine):
    machine.send("Stop")
    before = {p: p.stat().st_mtime_ns for p in machine.root.rglob("*")}
    show(machine, machine.row()["agent_execution_id"][:9])
    assert {p: p.stat().st_mtime_ns for p in machine.root.rglob("*")} == before


@pytest.fixture
def world(tmp_path):
    return ChangingWorld(tmp_path, 5, ledgers=2)


def test_superseded_rows_are_named_and_fill_in_what_later_ones_do_not_know(world):
    one, other = world.ledgers
    world.write(one, LEDGER, world.row("e-1", world._time()), world.row("e-10", world._time()))
    world.write(other, LEDGER, world.row("e-1", world._time()))
    blank = {"source_id": "", "source": "payload", "input_tokens": "", "output_tokens": "",
             "cached_tokens": "", "token_basis": "unknown"}  # fmt: skip
    first, last = world._time(), world._time() + 1
    world.write(one, USAGE, world.usage("e-1", first, credits="1.5", model="auto", **blank))
    world.write(one, USAGE, world.usage("e-1", last, credits="", model="best", **blank))
    found = show_turn("e-1", ledgers=world.paths)
    assert found.turn["id"] == "e-1"
    facts = {name: (fact["value"], fact["line"]) for name, fact in found.fields.items()}
    assert facts["credits"] == ("1.5", 2)
    assert facts["model"] == ("best", 3)
    assert [(row["kind"], row["line"], row["counts"]) for row in found.rows] == [
        ("ledger", 2, True), ("ledger", 2, False), ("usage", 2, False), ("usage", 3, True),
    ]  # fmt: skip
    lines = list(one_turn_lines(found, Screen(400), Zone("UTC")))
    ends = [line.rpartition(" · ")[2] for line in lines if " row  " in line]
    assert [ends[0], ends[1], ends[3]] == ["counts", "superseded", "counts"]
    # The other fields are random.
    assert ends[2].startswith("superseded but for ")
    assert "credits" in ends[2]
    assert "model" not in ends[2]


@pytest.mark.parametrize("seed", [21, 22])
def test_every_turn_of_a_changed_ledger_is_found_with_all_its_rows(tmp_path, seed):
    world = ChangingWorld(tmp_path, seed)
    for _ in range(40):
        world.step()
    listed = list_turns(ledgers=world.paths, sort="when")
    copies = superseded = 0
    for row in listed.rows[:40]:
        found = show_turn(row["id"], ledgers=world.paths)
        assert found.turn == row
        assert sum(line["counts"] for line in found.rows if line["kind"] == "ledger") <= 1
        copies += sum(not line["counts"] for line in found.rows if line["kind"] == "ledger")
        superseded += sum(not line["counts"] for line in found.rows if line["kind"] == "usage")
    if len(listed.rows) <= 40:
        assert copies == listed.provenance["duplicates"]
        assert superseded == listed.provenance["superseded"]


def test_an_id_that_a_prompt_quotes_is_not_taken_for_another_turn(world):
    (one, _) = world.ledgers
    world.write(one, LEDGER, world.row("e-1", world._time(), prompt_text="why did ,e-22, fail"))
    world.write(one, LEDGER, world.row("e-21", world._time(), prompt_text='"e-2", e-1'))
    assert show_turn("e-2", ledgers=world.paths).turn["id"] == "e-21"
    with pytest.raises(TokenTrackError, match="no turn has an id"):
        show_turn("e-22", ledgers=world.paths)


def test_a_tracked_request_has_the_time_at_which_it_was_recorded(machine):
    ledger = machine.home / ".kiro" / "token_usage.csv"
    with UsageTracker(ledger) as tracker:
        request = tracker.track_request("research", "claude-sonnet-4.5", 2000, 1000)
    found = document(machine, request.request_id)
    when = found["fields"]["when"]
    assert when["value"] == found["rows"][0]["recorded_at"]
    assert (when["source"], when["file"], when["line"]) == ("tracked-request", str(ledger), 2)
    text = show(machine, request.request_id, "--tz=UTC")
    assert f"when             {when['value'][:10]} " in text


def test_json_is_a_format_and_csv_is_none(machine):
    with UsageTracker(machine.home / ".kiro" / "token_usage.csv") as tracker:
        request = tracker.track_request("research", "claude-sonnet-4.5", 2000, 1000)
    text = show(machine, request.request_id, "--format", "json")
    assert json.loads(text)["id"] == request.request_id
    assert "use one of table, json" in show(machine, request.request_id, "--format", "csv", code=2)
