"""Real numbers join what the hook recorded: at the next hook, before `status`, and when asked."""

import json
import os
import subprocess
import sys
import time
from decimal import Decimal

import pytest

from support.commands import tokentrack
from support.kiro import latest
from support.kiro_homes import KiroHome
from support.kiro_homes.cli import CliSession
from support.kiro_homes.ide import IdeStorage
from support.kiro_homes.v1 import V1Session
from support.played import notes
from tokentrack.kiro.reconcile.matching import EXACT, WINDOW, Window, match_turn
from tokentrack.kiro.turn import Turn

SECOND = 1_000_000


class Played:
    """A session of one surface, whose hooks run as Kiro runs them, in the machine's home."""

    def __init__(self, machine, surface):
        self.machine, self.surface = machine, surface
        self.kiro = KiroHome(machine.home)
        self.kiro.at = int(time.time() * 1000) * 1000
        kind = V1Session if surface == "v1" else CliSession
        self.session = kind(self.kiro, str(machine.root))

    def hook(self, name):
        event = name if self.surface == "v1" else name[0].lower() + name[1:]
        self.machine.send(event, self.session.session_id, prompt="p")

    def turn(self):
        """Play a turn: the hooks run, and Kiro has not written the numbers yet."""
        self.hook("UserPromptSubmit")
        began = int(time.time() * 1000) * 1000
        if self.surface == "v1":
            self.kiro.at = began - 30 * SECOND  # the generator lets 30 s pass before a start
            turn = self.session.start()
        else:
            self.kiro.at = began - 20 * SECOND
            turn = self.session.pending(self.session.turn([1]))
        self.hook("Stop")
        return turn

    def bill(self, turn, usage):
        """Write the numbers, as Kiro does 10 s later."""
        if self.surface == "v1":
            return self.session.finish(turn, usage)
        return self.session.bill(turn, usage)


@pytest.fixture(params=["v1", "cli-2"])
def played(machine, request):
    return Played(machine, request.param)


def test_credits_that_appear_after_the_hook_are_joined_at_the_next_hook(played):
    machine = played.machine
    turn = played.turn()
    (before,) = machine.usage()
    assert (before["credits"], before["credits_basis"]) == ("", "unknown")
    assert len(notes(machine)) == 1
    billed = played.bill(turn, [0.25, 0.015805053067993367])
    played.hook("UserPromptSubmit")
    (row,) = latest(machine).values()
    assert Decimal(row["credits"]) == billed.credits == Decimal("0.265805053067993367")
    assert (row["credits_basis"], row["model"]) == ("reported", billed.model)
    assert (row["source"], row["source_id"]) == (billed.source, billed.source_id)
    assert row["tags"].split(";")[-1] == "match=window"
    assert (row["token_basis"], row["input_tokens"]) == (before["token_basis"], "")
    assert row["agent_execution_id"] == machine.row()["agent_execution_id"]
    assert notes(machine) == []


def test_credits_that_have_not_appeared_wait_without_a_row(played):
    machine = played.machine
    played.turn()
    played.hook("UserPromptSubmit")
    assert len(machine.usage()) == 1
    (note,) = notes(machine)
    assert int(note.name[:12]) > time.time(), "it is not looked at again by each hook"


@pytest.mark.slow
@pytest.mark.parametrize("command", [("status",), ("reconcile",), ("reconcile", "--wait", "5")])
def test_commands_fill_in_what_came_meanwhile(played, command):
    machine = played.machine
    turn = played.turn()
    played.hook("UserPromptSubmit")  # looked too early: not due for a while
    billed = played.bill(turn, [0.5])
    tokentrack(machine, *command)
    (row,) = latest(machine).values()
    assert Decimal(row["credits"]) == billed.credits
    assert "nothing pending" in tokentrack(machine, "reconcile")
    assert len(machine.usage()) == 2, "once"


def test_each_of_two_turns_gets_its_own_credits(played):
    machine = played.machine
    for usage in ([0.1], [0.7]):
        turn = played.turn()
        played.bill(turn, usage)
        time.sleep(0.05)
    tokentrack(machine, "reconcile")
    found = latest(machine)
    order = [found[row["agent_execution_id"]]["credits"] for row in machine.rows()]
    assert order == ["0.1", "0.7"]


def test_a_number_that_never_comes_stays_unknown_and_is_given_up_after_a_week(played):
    machine = played.machine
    played.turn()
    assert "1 execution still pending" in tokentrack(machine, "reconcile")
    (note,) = notes(machine)
    data = json.loads(note.read_text())
    data["at"] -= 8 * 24 * 3600 * SECOND
    note.write_text(json.dumps(data))
    tokentrack(machine, "reconcile")
    assert notes(machine) == []
    (row,) = latest(machine).values()
    assert (row["credits"], row["credits_basis"]) == ("", "unknown")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"usage": [1], "at": 1, "elapsed": null}'])
def test_a_note_that_is_none_disturbs_nobody(played, content):
    machine = played.machine
    played.turn()
    (machine.state / "pending" / ("0" * 12 + "-a.json")).write_text(content)  # looked at first
    played.hook("UserPromptSubmit")
    assert len(notes(machine)) == 1
    assert len(machine.rows()) == 1


def test_a_foreign_folder_in_the_place_of_the_notes_disturbs_nobody(machine):
    machine.state.mkdir(parents=True)
    (machine.state / "pending").write_text("")
    machine.send("Stop", "sess_1")
    machine.send("Stop", "sess_2")
    assert len(machine.rows()) == 2


def test_events_that_waited_in_the_spool_get_their_numbers_too(played):
    machine = played.machine
    with machine.locked():
        turn = played.turn()
    assert machine.rows() == []
    billed = played.bill(turn, [0.5])
    tokentrack(machine, "status", code=1)  # nothing is recorded, and no hook is installed
    assert machine.rows() == [], "asking records nothing"
    tokentrack(machine, "reconcile")
    (row,) = latest(machine).values()
    assert Decimal(row["credits"]) == billed.credits


def test_nobody_waits_where_no_place_can_have_the_numbers(machine):
    machine.hook({"hook_event_name": "agentExecutionCompleted", "session_id": "s"})
    machine.hook({"hook_event_name": "Stop", "cwd": str(machine.root)})
    assert notes(machine) == []
    assert len(machine.rows()) == 2


def test_notes_that_can_never_be_answered_go_after_some_days(machine):
    machine.send("Stop", "sess_0")
    (note,) = notes(machine)
    long_ago = time.time() - 9 * 24 * 3600
    for number in range(200):
        old = note.parent / f"{0:012d}-s-{number}.json"
        old.write_bytes(note.read_bytes())
        os.utime(old, (long_ago, long_ago))
    (machine.state / "closed" / "swept").unlink()
    for number in range(1, 6):  # a few of them at each event
        machine.send("Stop", f"sess_{number}")
    assert len(notes(machine)) == 6


def turn_of(key, started, ended, execution_id=""):
    turn = Turn("kiro-v1-session", key)
    turn.execution_id = execution_id
    turn.started_at, turn.ended_at = started, ended
    return turn


# started, ended of the hook's execution; turns; the one that it is. Seconds.
WINDOWS = [
    ("within", (100, 130), [(100, 128)], 0),
    ("written after the hook", (100, 130), [(101, 144)], 0),
    ("the one before", (100, 130), [(50, 99)], None),
    ("the one after", (100, 130), [(131, 140)], None),
    ("between two", (100, 130), [(50, 99), (100, 129), (131, 190)], 1),
    ("the larger overlap", (100, 130), [(90, 101), (102, 140)], 1),
    ("without a start", (None, 130), [(50, 99), (100, 128)], 1),
    ("without a start, long ago", (None, 130), [(50, 99)], None),
    ("a turn without its start", (100, 130), [(None, 144)], 0),
    ("a turn without its start, later", (100, 130), [(None, 190)], None),
    ("a turn that runs", (100, 130), [(101, None)], 0),
    ("a turn without times", (100, 130), [(None, None)], None),
]


@pytest.mark.parametrize(("times", "turns", "expected"), [w[1:] for w in WINDOWS],
                         ids=[w[0] for w in WINDOWS])  # fmt: skip
def test_an_execution_is_the_turn_that_ran_within_its_window(times, turns, expected):
    scaled = [[t and t * SECOND for t in turn] for turn in turns]
    made = [turn_of(str(n), *turn) for n, turn in enumerate(scaled)]
    window = Window("e", times[0] and times[0] * SECOND, times[1] * SECOND)
    found = match_turn(window, made, lambda _: False)
    assert (found and (int(found[0].source_id), found[1])) == (
        None if expected is None else (expected, WINDOW)
    )


def test_kiros_own_id_wins_over_every_window():
    window = Window("e1", 100 * SECOND, 130 * SECOND)
    turns = [turn_of("a", 100 * SECOND, 130 * SECOND), turn_of("b", 1, 2, "e1")]
    assert match_turn(window, turns, lambda _: False) == (turns[1], EXACT)


def test_a_turn_that_another_execution_has_is_not_taken_again():
    window = Window("e", 100 * SECOND, 130 * SECOND)
    turns = [turn_of("a", 100 * SECOND, 130 * SECOND)]
    assert match_turn(window, turns, lambda _: True) is None


def test_a_turn_with_nothing_due_does_not_load_the_readers(machine):
    os.makedirs(machine.home / ".kiro" / "sessions")
    code = (
        "import sys; sys.argv = ['tokentrack', 'hook-run']\n"
        "from tokentrack.__main__ import main; main()\n"
        "open({!r}, 'a').write(str('tokentrack.kiro.reconcile' in sys.modules) + '\\n')"
    ).format(str(machine.home / "loaded"))
    for _ in range(2):
        payload = {"hook_event_name": "Stop", "session_id": "sess_1", "cwd": str(machine.root)}
        subprocess.run([sys.executable, "-c", code], env=machine.environment, cwd=machine.root,
                       input=json.dumps(payload).encode(), check=True)  # fmt: skip
    # The second is the control: the first one's execution is due then.
    assert (machine.home / "loaded").read_text().split() == ["False", "True"]


def test_status_shows_the_account_with_its_age_and_nothing_without_it(machine):
    assert json.loads(tokentrack(machine, "status", "--json", code=1))["account"] is None
    path = IdeStorage(KiroHome(machine.home)).account(412.5, 1000)
    three_hours_ago = time.time() - 3 * 3600 - 60
    os.utime(path, (three_hours_ago, three_hours_ago))
    account = json.loads(tokentrack(machine, "status", "--json", code=1))["account"]
    assert (account["used"], account["limit"]) == ("412.5", "1000")
    assert account["resets_at"] == "2026-09-01T00:00:00.000Z"
    assert 3 * 3600 <= account["age_seconds"] < 4 * 3600
    line = (
        "412.50 of 1,000.00 credits as the IDE last saved it, file of 3 h ago; "
        "that period ended 2026-09-01"
    )
    assert line in tokentrack(machine, "status", code=1)


def test_status_shows_the_credits_that_are_known_and_how_many_are_to_come(played):
    machine = played.machine
    turn = played.turn()
    assert "1 turn without credits: Kiro has not written them" in tokentrack(machine, "status")
    played.bill(turn, [0.0004])
    found = json.loads(tokentrack(machine, "status", "--json"))["credits"]
    assert found == {"total": "0.0004", "rows": 1, "waiting": 0}
    assert "1 turn, <0.01 credits" in tokentrack(machine, "status")
