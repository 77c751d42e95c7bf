"""A home with every kind of file, version and flaw."""

from pathlib import Path

from support.kiro_homes.cli import CliSession
from support.kiro_homes.database import CliDatabase
from support.kiro_homes.home import KiroHome, dump
from support.kiro_homes.ide import IdeStorage
from support.kiro_homes.v1 import V1Session

ALPHA, BETA = "/w/alpha", "/w/beta ünï"


def build(folder: Path, seed: int = 7) -> KiroHome:
    """Write a home of all surfaces with duplicates, aborted turns, unknown numbers and noise."""
    home = KiroHome(folder, seed)
    _v1(home)
    _cli(home)
    _database(home)
    _ide(home)
    _noise(home)
    return home


def _v1(home: KiroHome) -> None:
    first = V1Session(home, ALPHA)
    first.turn([0.1, 0.2])  # as floats they would add up to 0.30000000000000004
    first.subagent(first.turn([home.credit()], prompt="Mehrere\nZeilen, und Ümlaute 😀"))
    first.turn(None)
    first.turn([None, home.credit()])
    first.turn([home.credit()], status="aborted")
    first.repeat_usage()
    first.copy()
    torn = V1Session(home, BETA, bucket="b2")
    torn.turn([home.credit() for _ in range(3)], model="claude-opus-4.5")
    torn.start()
    torn.tear()


def _cli(home: KiroHome) -> None:
    old = CliSession(home, ALPHA)
    for _ in range(3):
        old.turn([home.credit(), home.credit()])
    old.turn([home.credit()], reason="Cancelled", answered=False)
    old.turn(None)
    newer = CliSession(home, BETA, newer=True)
    newer.turn([home.credit()])
    newer.turn([None])
    CliSession(home, BETA, "subagent", newer=True).turn([home.credit()])
    old.rewind(2).turn([home.credit()])


def _database(home: KiroHome) -> None:
    database = CliDatabase(home)
    database.conversation([[home.credit()], [home.credit(), home.credit()]], ALPHA)
    database.move_copy()
    database.conversation([[home.credit()]], BETA, old=True)
    CliDatabase(home, "amazon-q", wal=False).conversation([[0.3]], BETA)


def _ide(home: KiroHome) -> None:
    storage = IdeStorage(home)
    storage.chat(ALPHA)
    storage.chat(BETA.replace(" ünï", ""))
    storage.execution([home.credit(), home.credit()], ALPHA)
    storage.execution([None], ALPHA)
    storage.execution([home.credit()], ALPHA, status="aborted")
    storage.noise()
    storage.account(412.5, 1000)


def _noise(home: KiroHome) -> None:
    sessions = home.kiro / "sessions"
    dump(sessions / "cli" / "token.json", {"session_state": {}, "token": "SECRET-canary"})
    dump(sessions / "b1" / "not-a-session" / "session.json", {"id": "x"})
    (sessions / "b1" / f"sess_{home.uuid()}").mkdir()
    (sessions / "README").write_text("not a bucket")
