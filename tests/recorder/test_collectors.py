"""Extra collectors: installed packages that add tags, and can never cost a row."""

import pytest

STOP = {"hook_event_name": "Stop", "session_id": "s1"}
MODULE = """
import sys, time

def team(facts):
    return {"team": "core", "seen": " ".join(sorted(facts)), "root": facts["workspace_root"]}

def printing(facts):
    print("out"); print("err", file=sys.stderr)
    return {"printed": "yes"}

def raising(facts):
    raise ValueError(facts)

def exiting(facts):
    sys.exit(3)

def interrupting(facts):
    raise KeyboardInterrupt

def hanging(facts):
    while True:
        try:
            time.sleep(1000)
        except Exception:
            pass

def sleeping(facts):
    time.sleep(1000)

def writing(facts):
    facts["session_id"] = "stolen"

def text(facts):
    return "no mapping"

def nothing(facts):
    return None

def secret(facts):
    return {"k": "x" * 180 + " ghp_" + "A1b2C3d4" * 5}  # which the cut at 200 would end

def objects(facts):
    return {5: None, "long": "x" * 10_000, "odd;name": "a;b\\n\\ud800"}
"""
NAMES = [line[4 : line.index("(")] for line in MODULE.splitlines() if line.startswith("def ")]


@pytest.fixture
def extended(machine, tmp_path):
    """Return a machine with a package that registers the collectors above, and a broken one."""
    site = tmp_path / "site"
    metadata = site / "team_tags-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: team-tags\nVersion: 1.0\n")
    points = [f"{name} = team_tags:{name}" for name in NAMES]
    points += ["missing = no_such_module:x", "unnamed = team_tags:no_such_name", "bad = team_tags"]
    (metadata / "entry_points.txt").write_text("\n".join(["[tokentrack.collectors]", *points]))
    (site / "team_tags.py").write_text("open('loaded', 'w').close()\n" + MODULE)
    machine.environment["PYTHONPATH"] = str(site)
    machine.environment["PYTHONDONTWRITEBYTECODE"] = "1"
    return machine


def tags(machine):
    return machine.usage()[-1]["tags"]


def test_a_collector_is_not_loaded_unless_the_configuration_names_it(extended):
    extended.hook(STOP)
    assert not (extended.root / "loaded").exists()
    assert tags(extended) == ""


def test_a_collector_adds_its_tags(extended):
    extended.configure(collectors=["team"])
    extended.hook(STOP, "--tag", "team=mine")
    assert tags(extended) == (
        "team=mine;seen=branch session_id surface trigger workspace_folder workspace_root;"
        f"root={extended.root}"
    )


@pytest.mark.parametrize(
    "name", ["raising", "exiting", "writing", "text", "missing", "unnamed", "bad", "not-installed"]
)
def test_a_collector_that_fails_costs_its_own_tags_only(extended, name):
    extended.configure(collectors=[name, "team"])
    extended.hook(STOP)
    assert "team=core" in tags(extended)
    assert extended.row()["session_id"] == "s1"
    assert f"the collector '{name}'" in extended.log()


@pytest.mark.parametrize("name", ["sleeping", "hanging", "interrupting", "nothing"])
def test_a_collector_that_hangs_or_interrupts_costs_no_row(extended, name):
    extended.configure(collectors=["team", name])
    extended.hook(STOP)
    assert "team=core" in tags(extended)
    assert extended.row()["session_id"] == "s1"


def test_what_a_collector_prints_is_lost(extended):
    extended.configure(collectors=["printing"])
    extended.hook(STOP)
    assert tags(extended) == "printed=yes"


def test_tags_are_bounded_texts(extended):
    extended.configure(collectors=["objects"])
    extended.hook(STOP)
    assert len(tags(extended)) < 1000
    assert "odd\\;name=a\\;b" in tags(extended)


def test_collectors_are_asked_in_their_order(extended):
    extended.environment["KIRO_TOKEN_TRACKER_COLLECTORS"] = "printing, team"
    extended.hook(STOP)
    assert tags(extended).startswith("printed=yes;team=core;")


def test_a_secret_that_the_cut_would_leave_a_part_of_is_taken_out_whole(extended):
    extended.configure(collectors=["secret"])
    extended.hook(STOP)
    assert "A1b2" not in tags(extended)
    assert "x [redacted" in tags(extended)
