"""IDE 0.x, whose hooks have no session: joined by workspace and time, bounded, never by guess."""

import json

import pytest

from support.commands import tokentrack
from support.kiro import latest
from support.kiro_homes.home import digest, dump
from support.played import Ide, UnprovenIde, notes
from tokentrack.kiro.reconcile.matching import Window
from tokentrack.kiro.turn import Turn
from tokentrack.store.pending import GIVE_UP_SECONDS

SECOND = 1_000_000


def pair(machine, surface):
    """Return two windows of the IDE that run a turn at the same time, in two workspaces."""
    other = machine.root.parent / "ws2"
    (other / ".kiro").mkdir(parents=True)
    first = surface(machine)
    second = surface(machine, first.kiro, other)
    second.window = "4712"
    for hook in (first.start, second.start, first.stop, second.stop):
        hook()
    for one in (first, second):
        one.wait(100)
    return first, second


def credits_of(ledger):
    return [row["credits"] for row in latest(ledger).values()]


def reconcile(played):
    return tokentrack(played.machine, "reconcile", cwd=played.root)


@pytest.mark.parametrize("written", [(0, 1), (0,), (1,)])
def test_two_workspaces_at_once_have_their_own_credits(machine, written):
    played = pair(machine, Ide)
    for number in written:
        played[number].write([0.25 + number])
    for one in played:
        reconcile(one)
    found = [credits_of(one.ledger) for one in played]
    assert found == [[str(0.25 + n) if n in written else ""] for n in (0, 1)]


def test_two_turns_at_once_that_may_be_of_either_workspace_stay_unknown(machine):
    played = pair(machine, UnprovenIde)
    for one in played:
        one.write([0.5])
    for one in played:
        reconcile(one)
        assert credits_of(one.ledger) == [""]
        one.wait(GIVE_UP_SECONDS)
        reconcile(one)
        assert (credits_of(one.ledger), notes(one.ledger)) == ([""], [])


def test_a_turn_alone_in_its_time_is_joined_when_no_other_can_come(machine):
    ide = UnprovenIde(machine)
    ide.start()
    ide.stop()
    ide.write([0.5])
    reconcile(ide)
    assert credits_of(machine) == [""], "another may still be written"
    ide.wait(100)
    (ide.storage.folder / digest(f"unknown {ide.root}")).rename(machine.home / "elsewhere")
    expected = ide.write([0.5])
    ide.hook("promptSubmit")
    assert credits_of(machine) == [""], "a hook does not look into other folders"
    reconcile(ide)
    (row,) = latest(machine).values()
    assert (row["credits"], row["source_id"]) == ("0.5", expected.source_id)
    assert row["tags"] == "match=time"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(15, ""), (30, "0.5"), (80, "")],
    ids=["before the stop hook ran", "with it", "long after it"],
)
def test_a_turn_alone_in_its_time_is_joined_only_if_it_ended_with_the_execution(
    machine, seconds, expected
):
    ide = UnprovenIde(machine)
    ide.start()
    ide.wait(30)
    ide.stop()
    ide.wait(100)
    ide.write([0.5], seconds=seconds)
    reconcile(ide)
    assert credits_of(machine) == [expected]
    assert len(notes(machine)) == (expected == "")


def test_a_workspace_with_a_proven_folder_takes_no_turn_of_an_unknown_one(machine):
    ide = Ide(machine)
    ide.turn([0.25])
    reconcile(ide)
    ide.start()
    ide.stop()
    ide.wait(100)
    other = UnprovenIde(machine, ide.kiro)
    other.began = ide.began
    other.write([0.5])
    reconcile(ide)
    assert credits_of(machine) == ["0.25", ""]


def test_a_workspace_that_was_opened_through_a_link_is_known_by_vs_codes_name_for_it(machine):
    link = machine.root.parent / "link"
    link.symlink_to(machine.root)
    ide = Ide(machine)
    ide.start()
    ide.stop()
    ide.root = str(link)
    ide.write([0.5])
    ide.hook("promptSubmit")
    assert credits_of(machine) == [""], "a hook knows the workspace's own path only"
    reconcile(ide)
    assert credits_of(machine) == ["0.5"]


def test_an_execution_that_paused_counts_once_and_with_all_that_came_after(machine):
    machine.configure(duplicate_window_seconds=0)  # the clock is not really that late
    ide = Ide(machine)
    ide.start()
    ide.wait(30)
    ide.stop()  # the agent asks a question
    turn = ide.storage.start(ide.root)

    def save(usage, seconds):
        changed = ide.kiro.update(turn, started_at=ide.began)
        ide.storage.finish(changed, usage, seconds=seconds)
        ide.kiro.expected[-1] = turn

    save([0.25], 30)
    reconcile(ide)
    assert credits_of(machine) == ["0.25"]
    ide.wait(60)
    ide.stop()  # it was answered
    save([0.25, 0.5], 90)
    reconcile(ide)
    assert credits_of(machine) == ["0.25", ""], "a turn of its own may still be written"
    ide.wait(100)
    save([0.25, 0.5], 90)
    reconcile(ide)
    first, second = latest(machine).values()
    assert (first["credits"], first["source_id"]) == ("0.75", turn.source_id)
    assert (second["credits"], second["credits_basis"], second["source_id"]) == ("", "unknown", "")
    assert second["source"] == first["source"] == turn.source
    assert second["tags"].split(";") == ["match=part", f"part_of={first['agent_execution_id']}"]
    assert notes(machine) == []
    total = json.loads(tokentrack(machine, "status", "--json"))["credits"]
    assert (total["total"], total["waiting"]) == ("0.75", 0)
    tokentrack(machine, "import")
    assert credits_of(machine) == ["0.75", ""], "nor does an import count it again"


def test_a_turn_that_still_runs_is_waited_for(machine):
    ide = Ide(machine)
    ide.turn([0.5])
    path = ide.storage.path(ide.kiro.expected[-1])
    whole = path.read_text()
    began = json.loads(notes(machine)[0].read_text())["at"] // 1000
    running = {"startTime": began, "endTime": None, "status": "running"}
    dump(path, {**json.loads(whole), **running})
    reconcile(ide)
    assert credits_of(machine) == [""]
    path.write_text(whole)
    reconcile(ide)
    assert credits_of(machine) == ["0.5"]


def test_an_execution_that_was_given_up_a_day_later_is_not_a_turn_of_that_day():
    hour = 3600 * SECOND
    window = Window("e", 0, 24 * hour, is_aborted=True)
    assert window.overlap(turn_of(2 * SECOND, 10 * SECOND)) is not None
    assert window.overlap(turn_of(2 * hour, 3 * hour)) is None
    assert Window("e", 0, 24 * hour).overlap(turn_of(2 * hour, 3 * hour)) is not None


def turn_of(started, ended):
    turn = Turn("kiro-ide-storage", "t")
    turn.started_at, turn.ended_at = started, ended
    return turn
