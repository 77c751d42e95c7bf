"""Whose folders and whose settings are used: what a workspace may set, and what the user trusts."""

import json
import os
import subprocess
import sys

import pytest

from support.commands import tokentrack
from tokentrack.config.trust import forget, trust
from tokentrack.models import TrackerConfig

STOP = {"hook_event_name": "Stop", "session_id": "s1"}
PREFIX = "KIRO_TOKEN_TRACKER_"
NAME = "token_tracker_config.json"
needs_root = pytest.mark.skipif(
    os.name == "nt" or os.geteuid() != 0, reason="only root can give files away"
)

# What a file that is not trusted may set, measured against the user's own file, and may not.
STRICTER = [
    ({}, {"redact_secrets": True}), ({"redact_secrets": False}, {"redact_secrets": True}),
    ({}, {"max_prompt_length": 999}), ({}, {"max_prompt_length": 0}),
    ({"max_prompt_length": 5000}, {"max_prompt_length": 4999}),
    ({"durability": "none"}, {"durability": "fsync"}),
    ({}, {"enabled": False}), ({}, {"hook_enabled": False}), ({}, {"user": ""}),
    ({}, {"auto_maintenance": False}),
    ({}, {"csv_file_path": ".kiro/mine.csv"}),
    # Every other field counts.
    ({}, {"hook_name": "theirs", "estimate_tokens": False, "rotate_max_mb": 1, "log_level": "DEBUG",
          "backup_interval_hours": 2, "stale_execution_hours": 1.0, "registry_enabled": False}),
]  # fmt: skip
LOOSER = [
    ({}, {"redact_secrets": False}), ({}, {"max_prompt_length": 1001}),
    ({"max_prompt_length": 10}, {"max_prompt_length": 11}), ({}, {"durability": "none"}),
    ({"enabled": False}, {"enabled": True}), ({"hook_enabled": False}, {"hook_enabled": True}),
    ({}, {"collectors": ["theirs"]}), ({"collectors": ["mine"]}, {"collectors": []}),
    ({}, {"user": "somebody"}), ({"user": "me"}, {"user": None}),
    ({}, {"retention_days": 1}), ({}, {"retention_days": 9999}), ({}, {"backup_keep": 1}),
    ({"auto_maintenance": False}, {"auto_maintenance": True}),
    ({}, {"trusted_folders": ["*"]}), ({}, {"csv_file_path": "/tmp/all.csv"}),
]  # fmt: skip


@pytest.mark.parametrize("source", ["workspace", "hook"])
@pytest.mark.parametrize(("own", "theirs"), STRICTER)
def test_a_workspace_may_make_recording_stricter(sources, source, own, theirs):
    config, problems = sources(user_file=own, **{source: theirs})
    assert {name: config.to_dict()[name] for name in theirs} == theirs
    assert (problems, sources.ignored()) == ([], [])


@pytest.mark.parametrize("source", ["workspace", "hook"])
@pytest.mark.parametrize(("own", "theirs"), LOOSER)
def test_a_workspace_may_make_recording_looser_only_if_it_is_trusted(sources, source, own, theirs):
    ((name, value),) = theirs.items()
    fallback = {**TrackerConfig().to_dict(), **own}[name]
    config, problems = sources(user_file=own, **{source: {**theirs, "hook_name": "theirs"}})
    assert (config.to_dict()[name], config.hook_name, problems) == (fallback, "theirs", [])
    (sentence,) = sources.ignored()
    assert f"{name}={json.dumps(value)} is ignored" in sentence
    path = sources.files[source == "hook"]
    trust(path, path.read_bytes(), sources.environ)
    assert sources()[0].to_dict()[name] == value
    assert sources.ignored() == []
    path.write_bytes(path.read_bytes() + b" ")  # any change ends it
    assert sources()[0].to_dict()[name] == fallback


def test_the_environment_and_arguments_go_before_what_a_workspace_makes_stricter(sources):
    variable = {PREFIX + "MAX_PROMPT_LENGTH": "5000"}
    assert sources(workspace={"max_prompt_length": 5}, environment=variable)[0] == TrackerConfig(
        max_prompt_length=5000
    )


def test_trust_is_for_one_path(sources, tmp_path):
    sources(workspace={"redact_secrets": False})
    file = sources.files[0]
    trust(tmp_path / NAME, file.read_bytes(), sources.environ)
    assert sources()[0].redact_secrets
    link = tmp_path / "link"
    link.symlink_to(file.parent, target_is_directory=True)
    trust(link / NAME, file.read_bytes(), sources.environ)  # the same file by another path
    assert not sources()[0].redact_secrets
    assert forget(str(file), sources.environ)
    assert not forget(str(file), sources.environ)
    assert sources()[0].redact_secrets


def test_a_home_that_is_missing_is_not_created_to_trust_a_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        trust(tmp_path / NAME, b"{}", {"HOME": str(tmp_path / "none" / "home" / "x")})
    assert list(tmp_path.iterdir()) == []


def test_the_names_of_unknown_keys_are_not_told(sources):
    keys = {"my-account": 1, "my-secret": 2}
    config, problems = sources(workspace=keys)
    assert problems == [
        "the workspace's configuration: 2 unknown fields: ignored, but kept when the file is saved"
    ]
    assert config.unknown == keys


def test_the_command_trusts_both_files_and_status_names_what_is_ignored(machine):
    machine.configure(redact_secrets=False, retention_days=9, trusted=False)
    hooks = machine.folder / "hooks"
    hooks.mkdir()
    block = {"configuration": {"durability": "none"}, "error_handling": {"retry_attempts": 1}}
    (hooks / "token-tracking.kiro.hook").write_text(json.dumps(block))
    ignored = [
        "workspace's configuration: redact_secrets=false", "retention_days=9",
        "hook file's configuration: durability=\"none\"", "error_handling",
    ]  # fmt: skip
    for words in (["status"], ["doctor"]):
        said = " ".join(tokentrack(machine, *words, code=None).split())
        assert all(f"{text} is ignored" in said for text in ignored), said
        assert "`tokentrack trust`" in said
    secret = "ghp_" + "a1B2" * 9
    machine.hook({**STOP, "prompt": f"{secret} one"})
    assert "redact_secrets" not in machine.log()
    said = tokentrack(machine, "trust", str(machine.root))
    assert ".kiro/hooks/token-tracking.kiro.hook" in said
    assert ".kiro/token_tracker_config.json" in said
    assert "is ignored" not in tokentrack(machine, "status", code=None)
    machine.hook({"hook_event_name": "Stop", "session_id": "s2", "prompt": f"{secret} two"})
    prompts = [row["prompt_text"] for row in machine.rows()]
    assert prompts == ["[redacted:github-token] one", f"{secret} two"]
    assert "Not trusted any more" in tokentrack(machine, "trust", "--remove")
    assert "is ignored" in tokentrack(machine, "status", code=None)


def test_nothing_is_pruned_by_another_number_than_the_ignored_one(machine):
    machine.hook(STOP)
    machine.configure(retention_days=9999, trusted=False)
    said = tokentrack(machine, "prune", "--yes", code=1, errors=True)
    assert "retention_days=9999 is ignored" in said
    assert "`tokentrack trust`" in said
    tokentrack(machine, "trust")
    assert "9,999 days" in tokentrack(machine, "prune", "--yes")


def test_there_may_be_nothing_to_trust(machine):
    assert "nothing to trust" in tokentrack(machine, "trust")
    assert "not in a workspace" in tokentrack(
        machine, "trust", cwd=machine.home, code=2, errors=True
    )
    (machine.folder / NAME).mkdir()
    assert "not a regular file" in tokentrack(machine, "trust", code=1, errors=True)


SAVING = """
from tokentrack import TokenTrackingHook
from tokentrack.models import TrackerConfig
TrackerConfig(retention_days=90, backup_keep=3).save_to_file(".kiro/token_tracker_config.json")
print(TokenTrackingHook().get_configuration()["retention_days"])
hook = TokenTrackingHook(TrackerConfig(retention_days=91))
assert hook.save_configuration_to_file() and hook.reload_configuration_from_file()
for each in (hook, TokenTrackingHook()):
    print(each.get_configuration()["retention_days"])
open(".kiro/token_tracker_config.json", "w").write('{"retention_days": 92, "max_prompt_length": 7}')
assert hook.reload_configuration_from_file()
print(hook.get_configuration()["retention_days"], hook.get_configuration()["max_prompt_length"])
"""


def test_what_the_api_saves_is_trusted(machine):
    done = subprocess.run([sys.executable, "-c", SAVING], cwd=machine.root, env=machine.environment,
                          check=True, capture_output=True, text=True)  # fmt: skip
    assert done.stdout.split() == ["90", "91", "91", "365", "7"]


# --- whose folder ---

NOBODY = 65534


@pytest.fixture
def foreign(machine):
    """Return a machine whose workspace's `.kiro` belongs to another user."""
    os.chown(machine.folder, NOBODY, NOBODY)
    machine.users.folder.mkdir()
    return machine


@needs_root
def test_a_folder_of_another_user_is_not_used_and_status_says_so(foreign):
    foreign.hook({**STOP, "prompt": "mine"}, cwd=foreign.root)
    assert list(foreign.folder.iterdir()) == []
    assert foreign.users.row()["prompt_text"] == "mine"
    assert foreign.users.row()["workspace_folder"] == "ws"
    for words in (["status"], ["doctor"]):
        said = " ".join(tokentrack(foreign, *words, code=None).split())
        assert "belongs to another user and is not used" in said
        assert "trusted_folders" in said
        assert "KIRO_TOKEN_TRACKER_TRUSTED_FOLDERS" in said
    assert list(foreign.folder.iterdir()) == []


@needs_root
@pytest.mark.parametrize("pattern", ["*", "{root}", "{root}/", "{parent}/*", "/none,{root}"])
def test_the_user_can_trust_such_folders(foreign, pattern):
    pattern = pattern.format(root=foreign.root, parent=foreign.root.parent)
    trusted = {PREFIX + "TRUSTED_FOLDERS": pattern}
    foreign.hook(STOP, env=trusted)
    assert foreign.row()["session_id"] == "s1"
    assert "another user" not in tokentrack(foreign, "status", code=None, env=trusted)
    fields = json.dumps({"trusted_folders": pattern.split(",")})
    (foreign.users.folder / NAME).write_text(fields)
    foreign.hook({**STOP, "session_id": "s2"})
    assert len(foreign.rows()) == 2


@needs_root
def test_other_patterns_and_the_folders_own_file_do_not_help(foreign):
    foreign.configure(trusted_folders=["*"])
    os.chown(foreign.folder, NOBODY, NOBODY)
    for pattern in ("/srv/*", f"{foreign.root}/x", f"{foreign.root.parent}"):
        foreign.hook(STOP, env={PREFIX + "TRUSTED_FOLDERS": pattern})
    assert [path.name for path in foreign.folder.iterdir()] == [NAME]


OWNED = """
from tokentrack import TokenTracker, TokenTrackingHook
assert TokenTracker().record_transaction("p", 5, 1.0)
TokenTrackingHook().on_agent_execution_complete({"session_id": "s"}, {"tokens_used": 1})
"""


@needs_root
def test_the_api_does_not_use_it_either(foreign):
    subprocess.run([sys.executable, "-c", OWNED], cwd=foreign.root, env=foreign.environment,
                   check=True)  # fmt: skip
    assert list(foreign.folder.iterdir()) == []
    assert len(foreign.users.rows()) == 2
