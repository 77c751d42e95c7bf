"""The CLI's conversations in SQLite, next to secrets that are never read."""

import os
import sqlite3
from contextlib import closing

import pytest

from support.kiro_homes import KiroHome
from support.kiro_homes.database import CliDatabase
from tokentrack.kiro import cli_database, read_pass
from tokentrack.kiro.read_pass import ReadPass


@pytest.fixture(params=[True, False], ids=["wal", "rollback"])
def database(tmp_path, request):
    return CliDatabase(KiroHome(tmp_path), wal=request.param)


def read(database):
    with ReadPass() as reading:
        return list(cli_database.turns(str(database.path), reading)), reading


def test_only_the_last_turn_of_a_conversation_has_credits(database):
    expected = database.conversation([[0.5], [0.1, 0.2]])
    turns, _ = read(database)
    assert [turn.credits for turn in turns] == [None, "0.3"]
    assert [turn.request_count for turn in turns] == [1, 2]
    assert [turn.source_id for turn in turns] == [turn.source_id for turn in expected]


def test_a_conversation_in_both_tables_counts_once(database):
    database.conversation([[0.5]])
    database.move_copy()
    turns, reading = read(database)
    assert (len(turns), reading.counts) == (1, {read_pass.DUPLICATE: 1})


def test_the_tables_of_secrets_can_be_unreadable(database):
    # A canary: their pages are garbage, so any look at them fails.
    database.conversation([[0.5]])
    spoil(database.path, ("auth_kv", "state"))
    turns, reading = read(database)
    assert (len(turns), reading.counts) == (1, {})
    # The negative control.
    with pytest.raises(sqlite3.DatabaseError), closing(database.connect()) as connection:
        connection.execute("SELECT * FROM auth_kv").fetchall()


def spoil(path, tables):
    """Overwrite the pages of tables and their indexes."""
    with closing(sqlite3.connect(path)) as connection, connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        pages = connection.execute("SELECT rootpage, tbl_name FROM sqlite_master").fetchall()
    connection.close()
    with path.open("r+b") as file:
        for page, table in pages:
            if table in tables:
                file.seek((page - 1) * size)
                file.write(b"\xff" * size)


@pytest.mark.parametrize("value", ["{", "[]", "3", b"\xff\xfe", None])
def test_a_damaged_conversation_is_noted_and_the_others_count(database, value):
    database.conversation([[0.5]])
    with closing(database.connect()) as connection, connection:
        connection.execute("INSERT INTO conversations VALUES ('/w', ?)", (value,))
    connection.close()
    turns, reading = read(database)
    assert (len(turns), sum(reading.counts.values())) == (1, 1)
    assert reading.examples[0].line == 1


def test_conversations_of_any_shape_are_read(database):
    for number, history in enumerate(("null", "[null, 3]", '[{"user": {"content": "hi"}}]')):
        with closing(database.connect()) as connection, connection:
            connection.execute(
                "INSERT INTO conversations VALUES (?, ?)",
                (f"/w{number}", f'{{"history": {history}}}'),
            )
        connection.close()
    turns, _ = read(database)
    assert [(turn.prompt, turn.workspace, turn.credits) for turn in turns] == [("hi", "/w2", None)]


@pytest.fixture
def recent(database):
    """Return a pass over a database in which three workspaces have a conversation."""
    for workspace in ("/w/a", "/w/a/src", "/w/b"):
        database.conversation([[0.25], [0.5]], workspace)
    database.conversation([[0.75]], "/w/a", old=True)
    spoil(database.path, ("auth_kv", "state"))
    return cli_database.RecentConversations(str(database.path), ReadPass())


def test_the_conversations_of_some_folders_are_read_and_no_secrets(database, recent):
    before = sorted(os.listdir(database.path.parent))
    turns = recent.of_folders(lambda path: path.startswith("/w/a"), 0)
    found = [(turn.workspace, turn.credits) for turn in turns]
    assert found == [
        ("/w/a", None), ("/w/a", "0.5"), ("/w/a/src", None), ("/w/a/src", "0.5"), ("/w/a", "0.75"),
    ]  # fmt: skip
    later = recent.of_folders(lambda path: path == "/w/a", database.home.at + 10**6)
    assert [turn.credits for turn in later] == ["0.75"], "the older table has no times"
    assert sorted(os.listdir(database.path.parent)) == before


def test_the_conversation_of_a_session_is_read(database, recent):
    session = database.home.expected[2].session_id
    assert [turn.workspace for turn in recent.of_session(session)] == ["/w/a/src"] * 2
    assert recent.of_session("no such session") == recent.of_session("\ud800") == []


def test_the_conversations_of_a_folder_are_found_by_their_key(database):
    connection = database.connect()
    for query, values in ((cli_database._OF_FOLDER, ("/w", 0)), (cli_database._FOLDERS, ())):
        plan = connection.execute(f"EXPLAIN QUERY PLAN {query}", values).fetchone()[3]
        assert "INDEX" in plan, "no conversation is read that is not wanted"
    connection.close()
