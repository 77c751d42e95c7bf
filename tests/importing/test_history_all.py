"""`tokentrack import --all`: the turns of every workspace in the user's ledger."""

import json
import time

import pytest

from support.imported import SECOND, Hooked, here, summary, tokentrack
from support.kiro_homes import write_many
from support.kiro_homes.ide import IdeStorage
from support.kiro_homes.v1 import V1Session
from tokentrack.importing.history import HistoryImport, Selection
from tokentrack.models import TrackerConfig
from tokentrack.store.paths import user_paths, workspace_paths

IMPOSSIBLE = ["/w/a\\u0000b", "/w/\\ud800", "/w/\\udcff", "C:\\\\w\\\\app", "relative", "."]


@pytest.mark.parametrize("path", IMPOSSIBLE)
def test_a_turn_of_a_folder_that_can_not_be_comes_in(machine, path):
    home = here(machine)
    session = V1Session(home, "/w/PLACE")
    session.turn([0.5])
    V1Session(home, str(machine.root)).turn([0.25])
    about = session.folder / "session.json"
    about.write_text(about.read_text().replace("/w/PLACE", path))
    found = summary(machine, "--all")
    assert (found["added"], found["credits"]) == (2, "0.75")
    assert summary(machine, "--all")["skipped"] == {"already in the ledger": 2}
    assert summary(machine)["skipped"] == {"of another workspace": 1}


def test_a_turn_that_its_own_workspaces_hook_has_not_ended_is_left_to_it(machine):
    hooked = Hooked(machine)
    now = int(time.time() * 1000) * 1000
    session = V1Session(hooked.home, str(machine.root))
    machine.send("UserPromptSubmit", session.session_id, prompt="p")
    hooked.home.at = now - 30 * SECOND
    turn = session.turn([0.5])
    found = summary(machine, "--all")
    assert (found["added"], found["skipped"]) == (0, {"still running": 1})
    assert summary(machine, "--all", "--dry-run")["skipped"] == {"still running": 1}
    machine.send("Stop", session.session_id)
    tokentrack(machine, "reconcile")
    assert machine.usage()[-1]["source_id"] == turn.source_id
    assert summary(machine, "--all")["added"] == 1
    # Found in both ledgers, it is one execution.
    assert machine.users.row()["agent_execution_id"] == machine.row()["agent_execution_id"]


def test_a_turn_of_another_session_is_not_held_up_by_an_open_one(machine):
    # The control: the same open execution, and a turn that is not its own.
    hooked = Hooked(machine)
    machine.send("UserPromptSubmit", "sess_other", prompt="p")
    V1Session(hooked.home, str(machine.root)).turn([0.5])
    assert summary(machine, "--all")["added"] == 1


def imported(machine, *turns):
    """Import and return the folders of turns, by their ids."""
    tokentrack(machine, "import", "--all")
    rows = {row["agent_execution_id"]: row for row in machine.users.rows()}
    assert len(rows) == len(machine.users.rows())
    return [rows[turn.source_id]["workspace_folder"] for turn in turns]


def test_workspaces_of_one_name_are_told_apart_and_keep_their_names(machine):
    home = here(machine)
    one = V1Session(home, "/w/one/app").turn([0.5])
    two = V1Session(home, "/w/two/app").turn([0.25])
    alone = V1Session(home, "/w/two/lib").turn([0.25])
    assert imported(machine, one, two, alone) == ["app", "two/app", "lib"]
    # Later come turns that are read before all others, and a further workspace.
    home.at -= 24 * 3600 * SECOND
    third = V1Session(home, "/v/two/app", bucket="b0").turn([0.125])
    again = V1Session(home, "/w/two/app").turn([0.125])
    first = V1Session(home, "/w/one/app").turn([0.125])
    names = ["v/two/app", "two/app", "app", "app", "two/app"]
    assert imported(machine, third, again, first, one, two) == names
    assert summary(machine, "--all")["added"] == 0
    tags = {row["tags"] for row in machine.users.usage()}
    assert "workspace_root=/w/two/app" in tags


def test_without_all_the_folder_is_named_as_the_hook_names_it(machine):
    V1Session(here(machine), str(machine.root)).turn([0.5])
    tokentrack(machine, "import")
    assert machine.row()["workspace_folder"] == "ws"
    assert machine.usage()[-1]["tags"] == ""


def test_what_a_hook_recorded_in_a_shared_ledger_is_known_by_the_hooks_name(machine):
    # Without a session (IDE 0.x) the name of the folder tells whose it is.
    users = str(machine.users.folder / "token_transactions.csv")
    machine.users.folder.mkdir(exist_ok=True)
    settings = machine.users.folder / "token_tracker_config.json"
    settings.write_text(json.dumps({"csv_file_path": users}))
    home = here(machine)
    taken = V1Session(home, f"/w/other/{machine.root.name}").turn([0.25])
    assert imported(machine, taken) == ["ws"]
    turn = Hooked(machine).play("ide-0")
    found = summary(machine, "--all")
    assert found["added"] == 0
    last = machine.users.usage()[-1]
    assert (last["source_id"], last["credits"]) == (turn.source_id, "0.5")


def test_turns_of_elsewhere_are_told_with_the_way_to_get_them(machine):
    home = here(machine)
    V1Session(home, "/w/other").turn([0.5])
    storage = IdeStorage(home)
    storage.execution([0.5], "/w/unknown")
    for path in home.ide_user.glob("workspaceStorage/*/workspace.json"):
        path.unlink()
    skipped = {"of another workspace": 1, "of an unknown workspace": 1}
    assert summary(machine)["skipped"] == skipped
    told = tokentrack(machine, "import")
    for reason in skipped:
        assert f"1 turn skipped: {reason} (`tokentrack import --all` imports them" in told
    assert summary(machine, "--all")["added"] == 2


@pytest.mark.parametrize("root", ["/w/elsewhere", None])
def test_an_import_shows_progress_and_ends_after_1000_turns(machine, root):
    write_many(machine.home, 2500, per_session=500, result_bytes=10)
    paths = workspace_paths(str(machine.root), "new/t.csv")
    if root is None:
        paths = user_paths(str(machine.users.folder))
    told = []

    def stop(progress):
        told.append((progress.read, progress.added))
        return False

    wanted = Selection(root)
    HistoryImport(paths, TrackerConfig(), machine.environment, wanted).run(stop)
    assert told == [(1000, 0 if root else 1000)]
    assert not (machine.root / "new").exists(), "nothing was held for an empty batch"
