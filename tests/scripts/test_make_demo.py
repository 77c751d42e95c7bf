"""scripts/make_demo.py: the same synthetic home each time, and an import reads all of it."""

from decimal import Decimal

import pytest

from support.imported import summary
from support.scripts import Runner, files_below

UNTIL = "2026-11-27T18:00:00+00:00"


@pytest.fixture
def runner(tmp_path):
    (tmp_path / "scripts").mkdir()
    return Runner(tmp_path / "scripts")  # the machine has the home


def demo(runner, folder, until=UNTIL):
    """Write a home; return the numbers of turns and credits that it is said to have."""
    output, errors = runner.run("make_demo.py", folder, "--until", until, TZ="Asia/Kolkata")
    assert errors == ""
    turns, *_, amount, _ = output.split()
    return int(turns), Decimal(amount)


@pytest.mark.slow
def test_the_same_time_gives_the_same_home_and_an_import_has_its_sum(machine, runner, tmp_path):
    turns, amount = demo(runner, machine.home)
    assert demo(runner, tmp_path / "again") == (turns, amount)
    assert list(files_below(machine.home).values()) == list(
        files_below(tmp_path / "again").values()
    )
    assert demo(runner, tmp_path / "other", "2026-11-26T18:00:00+00:00") != (turns, amount)
    assert "synthetic" in (machine.home / "README.txt").read_text()
    found = summary(machine, "--all")
    assert (found["added"], Decimal(found["credits"])) == (turns, amount)
    assert set(found["by_surface"]) == {"v1", "cli-2", "ide-0"}
    assert found["left_out"] == {}
