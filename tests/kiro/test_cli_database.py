"""SQLite: the CLI's conversations and the IDE's account, and the secrets beside them."""

import os
import sqlite3
from decimal import Decimal

import pytest

from support.kiro_homes import KiroHome
from support.kiro_homes.database import SECRET, CliDatabase
from support.kiro_homes.ide import IdeStorage
from tokentrack.kiro import cli_database, read_pass
from tokentrack.kiro.account import KEY, read_account
from tokentrack.kiro.read_pass import ReadPass
from tokentrack.kiro.sqlite import open_database


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


@pytest.mark.parametrize("in_use", [False, True])
def test_reading_leaves_no_file_behind(database, in_use):
    database.conversation([[0.5]])
    with open_in(database, in_use):
        before = sorted(os.listdir(database.path.parent))
        assert len(read(database)[0]) == 1
        assert sorted(os.listdir(database.path.parent)) == before


def open_in(database, in_use):
    """Return an open writer with something in its log, as a running Kiro is; or nothing."""
    writer = sqlite3.connect(database.path if in_use else ":memory:")
    writer.execute("CREATE TABLE IF NOT EXISTS other (a)")
    writer.commit()
    return writer


def test_a_plain_connection_would_leave_files_behind(tmp_path):
    # The negative control: what mode=ro alone does beside a write-ahead database.
    database = CliDatabase(KiroHome(tmp_path))
    before = os.listdir(database.path.parent)
    reader = sqlite3.connect(f"file:{database.path}?mode=ro", uri=True)
    reader.execute("SELECT * FROM conversations").fetchall()
    reader.close()
    assert os.listdir(database.path.parent) != before


@pytest.mark.parametrize("table", ["auth_kv", "state"])
def test_sqlite_refuses_the_tables_of_secrets(database, table):
    query = f"SELECT value FROM {table}"
    reading = ReadPass()
    with open_database(str(database.path), ("conversations",), reading) as opened:
        assert list(opened.rows(query)) == []
    assert reading.counts == {read_pass.UNREADABLE: 1}
    # The negative control: the secret is there for a connection without our authorizer.
    assert database.connect().execute(query).fetchone() == (SECRET,)


@pytest.mark.parametrize("statement", ["DELETE FROM conversations", "ATTACH 'x.db' AS x"])
def test_sqlite_refuses_to_do_anything_but_read(database, statement):
    reading = ReadPass()
    with open_database(str(database.path), ("conversations",), reading) as opened:
        list(opened.rows(statement))
    assert reading.counts == {read_pass.UNREADABLE: 1}


def test_the_tables_of_secrets_can_be_unreadable(database):
    # A canary: their pages are garbage, so any look at them fails.
    database.conversation([[0.5]])
    spoil(database.path, ("auth_kv", "state"))
    turns, reading = read(database)
    assert (len(turns), reading.counts) == (1, {})
    # The negative control.
    with pytest.raises(sqlite3.DatabaseError):
        database.connect().execute("SELECT * FROM auth_kv").fetchall()


def spoil(path, tables):
    """Overwrite the pages of tables and their indexes."""
    with sqlite3.connect(path) as connection:
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
    with database.connect() as connection:
        connection.execute("INSERT INTO conversations VALUES ('/w', ?)", (value,))
    connection.close()
    turns, reading = read(database)
    assert (len(turns), sum(reading.counts.values())) == (1, 1)
    assert reading.examples[0].line == 1


def test_conversations_of_any_shape_are_read(database):
    for number, history in enumerate(("null", "[null, 3]", '[{"user": {"content": "hi"}}]')):
        with database.connect() as connection:
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


def test_the_account_says_what_is_used_of_what(tmp_path):
    path = IdeStorage(KiroHome(tmp_path)).account(412.37, 1000)
    account = read_account(str(path), ReadPass())
    assert account[:3] == (Decimal("412.37"), Decimal(1000), 1_788_220_800_000_000)
    assert account.as_of == path.stat().st_mtime_ns // 1000


def test_one_row_of_the_state_is_asked_for_by_its_key(tmp_path):
    path = IdeStorage(KiroHome(tmp_path)).account(1, 2, key="another.extension")
    assert read_account(str(path), ReadPass()) is None
    plan = sqlite3.connect(path).execute(
        "EXPLAIN QUERY PLAN SELECT value FROM ItemTable WHERE key = ?", (KEY,)
    )
    assert "SEARCH" in plan.fetchone()[3]  # by the index: the secrets' rows are not read


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ('{"usage": {"used": 3, "limit": 10}}', (3, 10)),
        ('[{"unit": "CREDIT", "currentUsage": 3}]', (3, None)),
        ('[{"unit": "REQUEST", "used": 9, "limit": 9}, {"used": 3, "limit": 10}]', (3, 10)),
        ('{"used": 3}', None),
        ('{"used": -3, "limit": 10}', None),
        ('{"used": true, "limit": 10}', None),
        ("{}", None),
        ("not JSON", None),
        (None, None),
    ],
)
def test_the_account_is_read_tolerantly(tmp_path, state, expected):
    path = IdeStorage(KiroHome(tmp_path)).account(1, 2)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE ItemTable SET value = ? WHERE key = ?", (state, KEY))
    connection.close()
    account = read_account(str(path), ReadPass())
    assert account[:2] == expected if expected else account is None


def test_without_the_file_there_is_no_account(tmp_path):
    reading = ReadPass()
    assert read_account(str(tmp_path / "state.vscdb"), reading) is None
    (tmp_path / "state.vscdb").write_bytes(b"x" * 500)
    assert read_account(str(tmp_path / "state.vscdb"), reading) is None
