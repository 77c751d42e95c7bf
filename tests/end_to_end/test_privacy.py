"""Canaries: a secret is stored nowhere, a prompt only where prompts belong."""

from __future__ import annotations

import json
import os
import resource
import shutil
from typing import TYPE_CHECKING

import pytest

from programs import hostile
from support.canaries import (
    BODIES,
    COMMANDS,
    FAULTS,
    PROMPT,
    PROMPT_FIELDS,
    SECRETS,
    configured,
    environment,
    everything,
    leaks,
    steps,
)
from support.kiro_homes import KiroHome
from support.kiro_homes.v1 import V1Session
from support.ledgers import Workspace, posix_only, transaction
from tokentrack.config.trust import trust
from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.recorder.hook_run import build_event
from tokentrack.usage import UsageTracker

if TYPE_CHECKING:
    from pathlib import Path

    from tokentrack.tracker import TokenTracker

pytestmark = posix_only


@pytest.fixture(scope="module", autouse=True)
def _loaded():
    hostile.load()


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("rule", SECRETS)
def test_a_secret_in_any_field_is_nowhere_whatever_is_broken(tmp_path, rule, fault):
    space = Workspace(tmp_path)
    FAULTS[fault](space)
    secret = SECRETS[rule]
    output = hostile.run_all([*steps(space, secret), *COMMANDS], space.root, space.home)
    output += hostile.run_all(
        [(["hook-run"], json.dumps({"hook_event_name": "Stop"}).encode()), *COMMANDS],
        space.root, space.home, **environment(secret),
    )  # fmt: skip
    found = everything(space, output)
    assert leaks(found, BODIES[rule]) == []
    stored = b"".join(found.values())
    assert fault == "nowhere to write" or f"[redacted:{rule}]".encode() in stored


@pytest.mark.parametrize(
    "damage", [b"", b"}", b"\xff", b" " * 1_100_000], ids=lambda data: str(len(data))
)
def test_a_payload_that_is_picked_apart_is_redacted_too(tmp_path, damage):
    space = Workspace(tmp_path)
    secret = SECRETS["github-token"]
    output = hostile.run_all(steps(space, secret, damage=damage), space.root, space.home)
    assert leaks(everything(space, output), BODIES["github-token"]) == []
    assert b"[redacted:github-token]" in space.ledger.read_bytes()


def test_switched_off_the_same_canary_is_found(tmp_path):
    space = Workspace(tmp_path)
    configured('{"redact_secrets": false}')(space)
    file = space.kiro / "token_tracker_config.json"
    trust(file, file.read_bytes(), space.environ)
    for rule, secret in SECRETS.items():
        hostile.run_all(steps(space, secret), space.root, space.home)
        assert leaks(everything(space, ""), BODIES[rule]) != []


def test_a_secret_in_the_configuration_is_not_logged(tmp_path):
    space = Workspace(tmp_path)
    secret = SECRETS["github-token"]
    configured(json.dumps({"durability": secret, secret: 1}))(space)
    hostile.run_all(steps(space, "nothing"), space.root, space.home)
    log = (space.state / "tokentrack.log").read_text()
    assert "[redacted:github-token]" in log
    assert BODIES["github-token"] not in log


# --- prompts ---

# Parts of the paths of what may hold a prompt.
BELONGS = ("token_transactions", "running/", "spool/new/", "quarantine/")
NEVER = (".log", "closed/", "drained.json", "output", ".lock", "token_usage")


def prompt_events(space: Workspace) -> list[tuple[list[str], bytes]]:
    base = {"session_id": "s1", "cwd": str(space.root), **dict.fromkeys(PROMPT_FIELDS, PROMPT)}
    names = ("UserPromptSubmit", "PostToolUse", "Stop", "UserPromptSubmit")
    found = [json.dumps({"hook_event_name": name, **base}).encode() for name in names]
    found += [found[2][:-1], found[2] + b"}", found[2].replace(b"{", b"[", 1), found[0] + b"\xff"]
    return [(["hook-run", "--event", "Stop"] if n > 3 else ["hook-run"], data)
            for n, data in enumerate(found)]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_prompt_is_only_where_prompts_belong(tmp_path, fault):
    space = Workspace(tmp_path)
    FAULTS[fault](space)
    output = hostile.run_all([*prompt_events(space), *COMMANDS], space.root, space.home,
                             USER_PROMPT=PROMPT)  # fmt: skip
    found = everything(space, output)
    places = leaks(found, PROMPT, len(PROMPT))
    assert [p for p in places if not any(part in p for part in BELONGS)] == []
    assert [p for p in places if any(part in p for part in NEVER)] == []
    assert fault == "nowhere to write" or places
    assert PROMPT not in " ".join(found)


@pytest.mark.parametrize("fault", [name for name in FAULTS if "damaged" not in name])
def test_with_a_length_of_0_a_prompt_is_nowhere(tmp_path, fault):
    space = Workspace(tmp_path)
    FAULTS[fault](space)
    output = hostile.run_all(
        [*prompt_events(space), *COMMANDS], space.root, space.home,
        USER_PROMPT=PROMPT, KIRO_TOKEN_TRACKER_MAX_PROMPT_LENGTH="0",
    )  # fmt: skip
    assert leaks(everything(space, output), PROMPT) == []


def stored_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


# A prime: what the fingerprint once was the remainder by.
_PRIME = 2**61 - 31


def test_a_weak_password_cannot_be_computed_from_what_is_stored(tmp_path):
    space = Workspace(tmp_path)
    prompt = "use postgres://u:{}@h/db please"
    fields = {"session_id": "s", "cwd": str(space.root), "prompt": prompt.format("hunter2")}
    for name in ("UserPromptSubmit", "Stop"):
        hostile.run(["hook-run"], space.root, space.home,
                    json.dumps({**fields, "hook_event_name": name}).encode())  # fmt: skip
        stored = stored_in(space.kiro)
        kind = "start" if name == "UserPromptSubmit" else "completion"
        for guess in ("hunter2", "[redacted:connection-string]"):
            text = f"{kind}\0{prompt.format(guess)}\0\0None".encode()
            assert f"{int.from_bytes(text, 'big') % _PRIME:016x}".encode() not in stored
        assert b'"fingerprint"' in stored
        assert b"hunter2" not in stored


def test_what_is_stored_is_the_same_whatever_a_prompt_says_that_is_not_stored(tmp_path):
    # So prompts cannot be guessed with it.
    marks = []
    for number, prompt in enumerate(("yes", "not")):
        space = Workspace(tmp_path / str(number), max_prompt_length=0)
        fields = {"hook_event_name": "UserPromptSubmit", "session_id": "s", "prompt": prompt}
        event, _ = build_event(fields, str(space.root), space.config, space.environ, {})
        assert space.record(event)
        (path,) = (space.state / "running").glob("*.json")
        marks.append(json.loads(path.read_bytes())["fingerprint"])
    assert marks[0] == marks[1]


@pytest.mark.parametrize("where", ["file", "environment", "API"])
def test_a_secret_in_the_name_of_the_hook_is_not_stored(tmp_path, where):
    secret = SECRETS["github-token"]
    space = Workspace(tmp_path, **({"hook_name": secret} if where == "API" else {}))
    environ = {"KIRO_TOKEN_TRACKER_HOOK_NAME": secret} if where == "environment" else {}
    if where == "file":
        configured(json.dumps({"hook_name": secret}))(space)
    if where == "API":
        assert space.tracker.record_transaction("p", 5)
        assert space.complete("e1")
    else:
        for name in ("UserPromptSubmit", "UserPromptSubmit", "Stop"):
            data = {"hook_event_name": name, "session_id": "s", "prompt": os.urandom(4).hex()}
            payload = json.dumps(data).encode()
            hostile.run(["hook-run"], space.root, space.home, payload, **environ)
    names = [row[COLUMNS.index("hook_name")] for row in space.rows()]
    assert names == ["[redacted:github-token]"] * 2
    found = everything(space, "")
    found.pop("workspace/.kiro/token_tracker_config.json", None)
    assert leaks(found, BODIES["github-token"]) == []


def test_executions_whose_ids_hold_secrets_are_told_apart_and_counted_once(tmp_path):
    space = Workspace(tmp_path)
    ids = [f"sk-{number}-abcdefghij0123456789" for number in (1, 2)]
    for name in ("agentExecutionStarted", "agentExecutionCompleted", "agentExecutionCompleted"):
        for each in ids:
            fields = {"hook_event_name": name, "session_id": f"s {each}", "execution_id": each}
            hostile.run(["hook-run"], space.root, space.home, json.dumps(fields).encode())
    assert len(set(space.ids())) == len(space.ids()) == 2
    assert len({row[COLUMNS.index("session_id")] for row in space.rows()}) == 2
    assert all(row[COLUMNS.index("elapsed_time")] for row in space.rows())
    for each in ids:  # by way of the API they are the same
        assert space.tracker.record_transaction(f"p {each}", 5, context={"execution_id": each})
        given = transaction(each, session_id=each)
        assert space.tracker.record_transaction(given)
    assert len(set(space.ids())) == 2
    assert leaks(everything(space, ""), "abcdefghij0123456789") == []


def test_sessions_that_a_program_tracks_are_stored_without_secrets(tmp_path):
    path = tmp_path / "usage.csv"
    ids = [f"sk-{number}-abcdefghij0123456789" for number in (1, 2)]
    with UsageTracker(path) as tracker:
        for count, session in enumerate(ids, start=1):
            assert tracker.track_request(session, f"m {SECRETS['github-token']}", count, 0).saved
        used = [tracker.get_session_usage(session) for session in ids]
        assert [session.total_usage.input_tokens for session in used if session] == [1, 2]
        assert tracker.reset_session_usage(ids[0])
        assert tracker.get_session_usage(ids[0]) is None
    assert b"abcdefghij" not in path.read_bytes()
    assert b"m [redacted:github-token]" in path.read_bytes()


def test_secrets_in_kiros_own_ids_and_models_are_not_imported_and_turns_known_again(tmp_path):
    space = Workspace(tmp_path)
    session = V1Session(KiroHome(space.home, 7), str(space.root))
    turns = [session.turn([0.5], model=SECRETS["github-token"]) for _ in range(2)]
    text = session.messages.read_text()
    for number, turn in enumerate(turns):
        text = text.replace(turn.source_id, f"sk-{number}-abcdefghij0123456789")
    session.messages.write_text(text)
    for _ in range(2):
        hostile.run(["import"], space.root, space.home)
        assert len(set(space.ids())) == len(space.ids()) == 2
    stored = stored_in(space.kiro)
    assert b"[redacted:github-token]" in stored
    assert b"abcdefghij" not in stored
    assert BODIES["github-token"].encode() not in stored


def test_a_full_disk_leaks_nothing(tmp_path):
    space = Workspace(tmp_path)
    secret = SECRETS["github-token"]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (0, 100, 400, 900, 3000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            pid = os.fork()
            if pid == 0:
                hostile._become(["hook-run"], space.root, space.home, b"", {})
                os._exit(0)
            os.waitpid(pid, 0)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    hostile.run_all(steps(space, secret), space.root, space.home)
    assert leaks(everything(space, ""), BODIES["github-token"]) == []


# --- the Python API ---


def record_texts(tracker: TokenTracker, secret: str) -> None:
    context = {
        **dict.fromkeys(("session_id", "hook_name", "workspace_folder", "model"), secret),
        "agent_execution_id": f"id {secret}",
        "error_message": f"{'e' * 1990} {secret}",
        "file_patterns": [secret],
        "tags": {"a": secret, secret: "b"},
        secret: "c",
        "free": secret,
    }
    assert tracker.record_transaction(f"{PROMPT} {secret}", 5, 1.0, context)
    names = ("prompt_text", "session_id", "workspace_folder", "hook_trigger_type", "hook_name",
             "error_message")  # fmt: skip
    given = transaction(f"x {secret}", file_patterns=[secret], **dict.fromkeys(names, secret))
    assert tracker.record_transaction(given)
    assert tracker.record_transaction(transaction=given)


@pytest.mark.parametrize("rule", SECRETS)
def test_the_python_api_stores_no_secret(tmp_path, rule):
    space = Workspace(tmp_path)
    record_texts(space.tracker, SECRETS[rule])
    assert leaks(everything(space, ""), BODIES[rule]) == []
    rows = space.rows()
    assert len(rows) == 2  # the second is given twice
    assert all(f"[redacted:{rule}]" in cell for cell in (rows[1][1], rows[1][5]))
    assert rows[1][4].startswith("redacted-")
    usage = space.usage.read_text()
    assert f"[redacted:{rule}]" in usage
    assert usage.count("\n") == 3
    assert usage.startswith(",".join(USAGE_COLUMNS))


def test_switched_off_the_python_api_stores_what_it_is_given(tmp_path):
    space = Workspace(tmp_path, redact_secrets=False)
    record_texts(space.tracker, SECRETS["github-token"])
    assert SECRETS["github-token"] in space.rows()[1][4]
    assert leaks(everything(space, ""), BODIES["github-token"]) != []
    shutil.rmtree(space.root)
