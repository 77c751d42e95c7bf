"""`tokentrack maintain`, and maintenance after an answer on a terminal and nowhere else."""

import json

import pytest

from support import commands
from support.ledgers import posix_only
from support.maintained import Maintained

BACKUP = "token_transactions_backup_"
ARCHIVE = "token_transactions_2"


@pytest.fixture
def space(tmp_path):
    """Return a workspace in which a rotation and a backup are due."""
    made = Maintained(tmp_path)
    made.fill([40, 30])
    return made


def configure(space, **fields):
    (space.kiro / "token_tracker_config.json").write_text(json.dumps(fields))


def test_what_is_due_is_done_and_told_and_then_nothing_is(space):
    assert space.run("maintain").startswith("backed up to token_transactions_backup_")
    assert space.run("maintain") == ""
    assert len(space.names(BACKUP)) == 1


def test_a_rotation_comes_before_a_backup(space):
    configure(space, rotate_monthly=True)
    said = space.run("maintain").splitlines()
    assert said[0].startswith("rotated to token_transactions_")
    assert len(said) == 1, "what is in the archive needs no backup"
    assert (space.names(BACKUP), len(space.names(ARCHIVE))) == ([], 1)
    assert sum(space.all_ids().values()) == 2


def test_json_says_what_was_done(space):
    found = json.loads(space.run("maintain", "--json"))
    assert (found["schema_version"], found["command"], found["problem"]) == (1, "maintain", None)
    (sentence,) = found["done"]
    assert sentence == f"backed up to {space.names(BACKUP)[0]}"
    assert json.loads(space.run("maintain", "--json"))["done"] == []


def test_events_that_wait_are_recorded(space):
    space.put_in_spool(space.event("agentExecutionCompleted", execution_id="waits"))
    assert "recorded 1 event that waited\n" in space.run("maintain")
    assert space.ids()[-1] == "waits"
    assert space.spooled() == []


@posix_only
def test_what_cannot_be_done_is_an_error_and_stays_due(space):
    limit = {"KIRO_TOKEN_TRACKER_FILE_LOCK_TIMEOUT_SECONDS": "0.1"}
    with space.locked():
        assert "another process holds the lock" in space.run("maintain", code=1, **limit)
        found = json.loads(space.run("maintain", "--json", code=1, **limit))
        assert "another process holds the lock" in found["problem"]
    assert space.names(BACKUP) == []
    assert "backed up to" in space.run("maintain")


@pytest.mark.slow
@posix_only
@pytest.mark.parametrize(("words", "code"), [((), 0), (("overview",), 0), (("status",), 0)])
def test_an_answer_on_a_terminal_is_followed_by_what_is_due(space, words, code):
    from support.terminal import on_terminal

    said = on_terminal(words, space.root, space.environ, code).splitlines()
    (backup,) = space.names(BACKUP)
    assert said[-1] == f"maintenance: backed up to {backup}"
    assert len(said) > 3
    assert "maintenance" not in on_terminal(words, space.root, space.environ, code)


@pytest.mark.slow
@posix_only
def test_after_an_answer_a_lock_that_is_held_is_no_reason_to_fail(space):
    from support.terminal import on_terminal

    with space.locked():
        said = on_terminal(("status",), space.root, space.environ)
    assert "maintenance: postponed: another process holds the lock" in said
    assert space.names(BACKUP) == []


@pytest.mark.slow
@posix_only
@pytest.mark.parametrize(("words", "code"), [
    (("--json",), 0), (("--format", "csv"), 0), (("status", "--json"), 0), (("report",), 0),
    (("turns",), 0),
])  # fmt: skip
def test_other_formats_and_answers_are_followed_by_nothing(space, words, code):
    from support.terminal import on_terminal

    assert "maintenance" not in on_terminal(words, space.root, space.environ, code)
    assert space.names(BACKUP) == []


@pytest.mark.parametrize(("words", "code"), [((), 0), (("status",), 0), (("backup", "list"), 0)])
def test_in_a_pipe_nothing_is_done(space, words, code):
    before = {path: path.read_bytes() for path in space.kiro.rglob("*") if path.is_file()}
    done = commands.run(words, space.root, space.environ, code)
    assert "backed up" not in done.stdout + done.stderr
    after = {path: path.read_bytes() for path in space.kiro.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.slow
@posix_only
def test_the_configuration_leaves_all_of_it_to_maintain(space):
    from support.terminal import on_terminal

    configure(space, auto_maintenance=False)
    assert "maintenance" not in on_terminal(("status",), space.root, space.environ)
    assert "backed up" not in space.run("prune", "--yes")
    space.config.auto_maintenance = False
    assert space.tracker.record_transaction("a prompt", 5)
    assert space.names(BACKUP) == []
    assert "backed up to" in space.run("maintain")
