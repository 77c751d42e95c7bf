"""Kiro's databases are opened for reading a few tables, and no file is left behind."""

import os
import sqlite3
from contextlib import closing

import pytest

from support.kiro_homes import KiroHome
from support.kiro_homes.database import SECRET, CliDatabase
from tokentrack.kiro import cli_database, read_pass
from tokentrack.kiro.read_pass import ReadPass
from tokentrack.kiro.sqlite import open_database


@pytest.fixture(params=[True, False], ids=["wal", "rollback"])
def database(tmp_path, request):
    return CliDatabase(KiroHome(tmp_path), wal=request.param)


@pytest.mark.parametrize("in_use", [False, True])
def test_reading_leaves_no_file_behind(database, in_use):
    database.conversation([[0.5]])
    with open_in(database, in_use):
        before = sorted(os.listdir(database.path.parent))
        with ReadPass() as reading:
            assert len(list(cli_database.turns(str(database.path), reading))) == 1
        assert sorted(os.listdir(database.path.parent)) == before


def open_in(database, in_use):
    """Return an open writer with something in its log, as a running Kiro is; or nothing."""
    writer = sqlite3.connect(database.path if in_use else ":memory:")
    writer.execute("CREATE TABLE IF NOT EXISTS other (a)")
    writer.commit()
    return closing(writer)


def test_a_plain_connection_would_leave_files_behind(tmp_path):
    # The negative control: what mode=ro alone does to a database with a write-ahead log.
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
    with closing(database.connect()) as connection:
        assert connection.execute(query).fetchone() == (SECRET,)


@pytest.mark.parametrize("statement", ["DELETE FROM conversations", "ATTACH 'x.db' AS x"])
def test_sqlite_refuses_to_do_anything_but_read(database, statement):
    reading = ReadPass()
    with open_database(str(database.path), ("conversations",), reading) as opened:
        list(opened.rows(statement))
    assert reading.counts == {read_pass.UNREADABLE: 1}
