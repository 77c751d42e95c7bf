"""The account's credits in the IDE's state, next to secrets that are never read."""

import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest

from support.kiro_homes import KiroHome
from support.kiro_homes.ide import IdeStorage
from tokentrack.kiro.account import KEY, read_account
from tokentrack.kiro.read_pass import ReadPass


def test_the_account_says_what_is_used_of_what(tmp_path):
    path = IdeStorage(KiroHome(tmp_path)).account(412.37, 1000)
    account = read_account(str(path), ReadPass())
    assert account[:3] == (Decimal("412.37"), Decimal(1000), 1_788_220_800_000_000)
    assert account.as_of == path.stat().st_mtime_ns // 1000


def test_one_row_of_the_state_is_asked_for_by_its_key(tmp_path):
    path = IdeStorage(KiroHome(tmp_path)).account(1, 2, key="another.extension")
    assert read_account(str(path), ReadPass()) is None
    with closing(sqlite3.connect(path)) as connection:
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT value FROM ItemTable WHERE key = ?", (KEY,)
        ).fetchone()
    assert "SEARCH" in plan[3]  # by the index: the secrets' rows are not read


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
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE ItemTable SET value = ? WHERE key = ?", (state, KEY))
    connection.close()
    account = read_account(str(path), ReadPass())
    assert account[:2] == expected if expected else account is None


def test_without_the_file_there_is_no_account(tmp_path):
    reading = ReadPass()
    assert read_account(str(tmp_path / "state.vscdb"), reading) is None
    (tmp_path / "state.vscdb").write_bytes(b"x" * 500)
    assert read_account(str(tmp_path / "state.vscdb"), reading) is None
