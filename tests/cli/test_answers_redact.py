"""`--redact`: no name and no text is in any answer, and the numbers stay."""

import json
import os
import shutil

import pytest

from support.canaries import leaks
from support.imported import tokentrack
from support.kiro import Machine
from support.ledgers import posix_only
from support.priced_turns import add_turn
from tokentrack.common.timestamps import now_us
from tokentrack.reports.dimensions import NAMES

# One for each cell; no two share a part.
CANARIES = {
    "workspace_folder": "Qx7-Kd2Wj", "session_id": "Zr4-Vb8Nc",
    "user": "Hs5-Jf0Gu7", "machine": "Lm9-Pp3Tt", "prompt_text": "Wd1-Rr6Yy",
    "error_message": "Bn2-Cc4Xx", "file_patterns": "Uj8-Ee5Ss",
    "hook_name": "Ik3-Aa7Dd", "tags": "customer=Oo6-Ff9Gg;Mm0Nn-key=x",
    "agent_execution_id": "Vv2-Hh1Jj", "source_id": "Tt5-Ll4Kk",
    "hook_trigger_type": "Gg7-Zz3Qq",
}  # fmt: skip
PARTS = [
    *[text for name, text in CANARIES.items() if name != "tags"], "Oo6-Ff9Gg", "Mm0Nn-key",
    "Ss8-Bb2Vv",
]  # fmt: skip
FORMATS = (["--format", "table"], ["--json"], ["--format", "csv"], ["--format", "markdown"])
DIMENSIONS = [name for name in NAMES if name != "tag:KEY"] + ["tag:customer"]
ALL = ("--since", "all")


@pytest.fixture
def secret(tmp_path):
    """Return a machine in whose ledger every cell has a canary, as has the workspace's path."""
    folder = tmp_path / "Ss8-Bb2Vv"
    folder.mkdir()
    machine = Machine(folder)
    names = {name: text for name, text in CANARIES.items() if name != "agent_execution_id"}
    identity = CANARIES["agent_execution_id"]
    now = now_us()
    add_turn(machine.folder, identity, now, "1.5", **names, error_occurred="true")
    add_turn(machine.folder, "other", now - 1, "0.5")
    with (machine.folder / "token_transactions.csv").open("a") as file:
        file.write(f"{CANARIES['prompt_text']},torn\n")
    gone = folder / "gone"
    (gone / ".kiro").mkdir(parents=True)
    machine.hook({"hook_event_name": "Stop", "session_id": "two", "cwd": str(gone)})
    shutil.rmtree(gone)
    return machine


def commands():
    for form in FORMATS:
        yield ["overview", *form]
        yield ["turns", *form, "--grep", CANARIES["prompt_text"], "--user", CANARIES["user"]]
        yield ["turns", *form, *ALL, "--file", "."]
        yield ["report", "workspace", "--breakdown", *form]
        yield ["report", "user", "--vs", "yesterday", "--since", "today", *form]
        yield ["report", "session", "--workspace", CANARIES["workspace_folder"], *form,
               "--session", f"!{CANARIES['prompt_text']}", "--tag", "Mm0Nn-key"]  # fmt: skip
        for name in DIMENSIONS:
            yield ["report", name, *form]
    yield ["show", CANARIES["agent_execution_id"]]
    yield ["show", CANARIES["agent_execution_id"], "--json"]
    yield ["report", "--no-index", "--json"]
    yield ["workspaces"]
    yield ["workspaces", "--json"]


@pytest.mark.slow
def test_no_canary_is_in_any_answer(secret):
    leaking, open_ = {}, set()
    for words in commands():
        env = {"COLUMNS": "200"}
        hidden = tokentrack(secret, *words, "--redact", env=env)
        for canary in PARTS:
            if leaks({"output": hidden.encode()}, canary):
                leaking.setdefault(canary, []).append(" ".join(words))
        plain = tokentrack(secret, *words, env=env)
        open_ |= {canary for canary in PARTS if canary in plain}
    assert leaking == {}
    assert open_ == set(PARTS)  # the control: without --redact, each of them is shown


def document(machine, *words):
    return json.loads(tokentrack(machine, *words, "--json", *ALL))


def test_the_numbers_stay_and_names_are_the_same_in_every_answer(secret):
    plain, hidden = (
        document(secret, "report", "workspace", "user", *more) for more in ([], ["--redact"])
    )
    assert [row["credits"] for row in plain["rows"]] == [row["credits"] for row in hidden["rows"]]
    assert plain["total"] == hidden["total"]
    name = hidden["rows"][0]["workspace"]
    assert name.startswith("workspace-")
    turns = document(secret, "turns", "--redact")["rows"]
    assert turns[0]["workspace"] == name
    assert turns[0]["prompt"] is None
    assert document(secret, "turns", "--redact", "--file", ".")["rows"] == turns
    assert document(secret, "report", "trigger", "--redact")["rows"][1]["trigger"] == (
        "agentExecutionCompleted"
    )


def test_filters_take_the_real_names_and_are_not_shown(secret):
    name = CANARIES["workspace_folder"]
    found = document(secret, "report", "workspace", "--redact", "--workspace", name)
    assert found["total"]["turns"] == 1
    (shown,) = found["query"]["filters"]["workspace"]
    assert shown == found["rows"][0]["workspace"]
    others = document(secret, "report", "--redact", "--workspace", f"!{name}")
    assert others["total"]["turns"] == 1
    assert others["query"]["filters"]["workspace"] == [f"!{shown}"]


def test_rows_are_sorted_by_their_pseudonyms(secret):
    for number in range(5):
        add_turn(secret.folder, f"n-{number}", now_us(), "1", workspace_folder=f"name-{number}")
    for sort in ("workspace", "-workspace"):
        rows = document(secret, "report", "workspace", "--redact", "--sort", sort)["rows"]
        names = [row["workspace"] for row in rows]
        assert names == sorted(names, reverse=sort.startswith("-"))
        assert len(names) == 7


@posix_only
def test_the_key_is_made_once_for_the_user_alone(secret):
    first = document(secret, "turns", "--redact")["rows"]
    (key,) = secret.home.rglob("pseudonyms.key")
    assert key.stat().st_mode & 0o777 == 0o600
    assert document(secret, "turns", "--redact")["rows"] == first
    key.unlink()
    assert document(secret, "turns", "--redact")["rows"] != first


def test_a_missing_home_is_not_made_for_the_key(secret):
    gone = secret.home.parent / "gone" / "home"
    said = tokentrack(secret, "turns", "--redact", code=1, env={"HOME": str(gone)})
    assert "the key of the pseudonyms can't be stored" in said
    assert not gone.parent.exists()


def test_a_damaged_key_is_named(secret):
    document(secret, "turns", "--redact")
    (key,) = secret.home.rglob("pseudonyms.key")
    os.truncate(key, 5)
    said = tokentrack(secret, "turns", "--redact", code=1)
    assert f"{key} is not a key of 32 bytes: remove it" in said
